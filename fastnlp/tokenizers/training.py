"""Training byte-pair encoding: from a text, or a table of words, to merges."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import numpy as np

from fastnlp import _core
from fastnlp.io.source_files import SURROGATES
from fastnlp.tokenizers.byte_letters import LETTERS
from fastnlp.tokenizers.counting import CountOptions, count_pieces
from fastnlp.tokenizers.pretokenizers import check_pretokenizer
from fastnlp.tokenizers.texts import checked_integer
from fastnlp.tokenizers.trained_merges import TrainedMerges

TrainingProgress = Callable[[str, int, int | None], object]

_SLICE = 0.1
"""Seconds between two looks for Ctrl-C."""


def train_bpe(
    source: Any,
    vocab_size: int | None = None,
    *,
    num_merges: int | None = None,
    pretokenizer: str | None = None,
    special_tokens: Iterable[str] = (),
    min_frequency: int = 1,
    max_token_length: int | None = None,
    kind: Literal["byte", "char"] = "byte",
    semantics: Literal["boundaries", "replace"] = "boundaries",
    end_of_word: str | None = None,
    limit_alphabet: int | None = None,
    documents: Literal["line", "file"] = "line",
    errors: Literal["strict", "keep"] = "strict",
    threads: int | None = None,
    progress: TrainingProgress | None = None,
) -> TrainedMerges:
    """Learns a byte-pair encoding: the most frequent pair of neighbours becomes a token, again and again.

    Gage 1994; Sennrich, Haddow and Birch 2016, "Neural machine translation of rare words with subword units".

    Of the kind "byte", the alphabet is the 256 bytes, in the order of the characters that GPT-2 writes them
    as, and among pairs that are equally frequent the one with the smallest ids is merged: the left id first,
    then the right. Ids and merges are those of `BpeTrainer` of Hugging Face tokenizers with that alphabet.

    Of the kind "char", the alphabet is the characters of the words, by code point, and the end-of-word mark;
    a word is what white space does not divide. Among pairs that are equally frequent the one is merged that
    is met first, word by word in the order of their first appearance, as `max` over a dict does.

    Memory grows with the distinct pieces, not with the text. They may have fewer than 2^32 bytes (characters
    of kind "char") in all, one of them at most 2^30.

    Args:
        source: a file, several, "-" for the standard input, an open file (gzip is recognised); an iterable of
            str, each a document of its own; or a table from words to their counts, whose words are not cut
            further.
        vocab_size: tokens in all: special ones, alphabet, and merges.
        num_merges: the number of merges instead. Either may come short where no pair is left.
        pretokenizer: "gpt2" (the default of kind "byte"), "gpt4", "llama3", "o200k", "whitespace" (runs of
            white space and of other characters), "none" (a document is one piece), or a regular expression of
            the package `regex`, whose matches are pieces and what lies between them too. Kind "char" takes
            none.
        special_tokens: the first tokens, in this order. They are not looked for in the text, and no merge
            makes one.
        min_frequency: the least count of a pair that is merged.
        max_token_length: bytes, or characters of kind "char", of the longest token; the end-of-word mark is
            one.
        kind: what the alphabet is.
        semantics: "boundaries" merges whole symbols. "replace", of kind "char", is the book's `str.replace`,
            which also joins longer symbols that end and begin with those of the pair; what arises so besides
            the pair's own token is in no list.
        end_of_word: a mark behind each word, of kind "char".
        limit_alphabet: how many different characters are kept, the most frequent ones; no pair reaches over
            others.
        documents: whether each line of a file, with its end, is a document, or the file is. No piece reaches
            from one document into the next.
        errors: of kind "byte", whether bytes that are no UTF-8 are refused ("strict") or kept as they are.
        threads: that count; one per processor by default. The result does not depend on it.
        progress: called with "count" and the bytes read and their total, then "merge" and the merges done and
            asked for; None where a total is not known.

    Returns:
        Tokens and merges.

    Raises:
        ValueError: the text is empty or not UTF-8 or has too many distinct pieces, the vocabulary is smaller
            than the alphabet, special tokens collide, or an argument is out of range.
        TypeError: the source is of no kind that can be read.
        FileNotFoundError: a file is missing.

    Example:
        >>> trained = train_bpe({"fast": 4, "faster": 3, "tall": 5, "taller": 4}, num_merges=3, kind="char",
        ...                     end_of_word="_")
        >>> trained.tokens[-3:], trained.counts.tolist()
        ([b'ta', b'tal', b'tall'], [9, 9, 9])
    """
    special = _check_special(special_tokens, kind)
    pretokenizer = _check_kind(kind, semantics, pretokenizer, end_of_word, limit_alphabet)
    if _choice("errors", errors, ("strict", "keep")) == "keep" and kind == "char":
        raise ValueError(
            "errors: expected 'strict' with kind='char', whose symbols are characters, got 'keep'"
        )
    _check_numbers(vocab_size, num_merges, min_frequency, max_token_length)
    if vocab_size is not None and kind == "byte" and vocab_size < 256 + len(special):
        raise ValueError(
            f"vocab_size: expected at least {256 + len(special)}, which is the 256 bytes and the special "
            f"tokens, got {vocab_size}"
        )
    counter = count_pieces(
        source,
        CountOptions(
            pretokenizer="words" if kind == "char" else pretokenizer,
            by_line=_choice("documents", documents, ("line", "file")) == "line",
            strict=errors == "strict",
            threads=threads,
            progress=None if progress is None else lambda done, total: progress("count", done, total),
        ),
    )
    trainer = _core.BpeTrainer(
        counter,
        kind=kind,
        semantics=semantics,
        special_tokens=list(special),
        end_of_word=end_of_word or "",
        vocab_size=vocab_size or 0,
        merges=num_merges or 0,
        min_frequency=min_frequency,
        max_token_length=max_token_length or 0,
        limit_alphabet=limit_alphabet or 0,
    )
    del counter
    wanted = num_merges
    last = time.monotonic()
    while not trainer.run(_SLICE):
        if progress is not None and time.monotonic() - last > _SLICE:
            last = time.monotonic()
            progress("merge", trainer.merges_done, wanted)
    if progress is not None:
        progress("merge", trainer.merges_done, trainer.merges_done)
    return _result(trainer, special, kind, pretokenizer, end_of_word)


def _result(
    trainer: _core.BpeTrainer,
    special: tuple[str, ...],
    kind: Literal["byte", "char"],
    pretokenizer: str,
    end_of_word: str | None,
) -> TrainedMerges:
    tokens = trainer.first_tokens()
    rows, counts = trainer.merges()
    strings = trainer.replaced_strings()
    if strings is None:
        for left, right in rows[:, :2].tolist():
            tokens.append(tokens[left] + tokens[right])
        merges, merged = rows[:, :2], rows[:, 2]
    else:
        numbers = {token: i for i, token in enumerate(tokens)}
        for row in rows[:, 2].tolist():
            if numbers.setdefault(strings[row], len(tokens)) == len(tokens):
                tokens.append(strings[row])
        ids = np.array([numbers.get(string, -1) for string in strings], np.int32)
        merges, merged = ids[rows[:, :2]], ids[rows[:, 2]]
    return TrainedMerges(
        tokens=tokens,
        merges=np.ascontiguousarray(merges),
        merged=np.ascontiguousarray(merged),
        counts=counts,
        pairs=None if strings is None else [(strings[a], strings[b]) for a, b in rows[:, :2].tolist()],
        special_tokens=special,
        kind=kind,
        pretokenizer=pretokenizer,
        end_of_word=end_of_word,
    )


def _choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError(f"{name}: expected {' or '.join(map(repr, choices))}, got {value!r}")
    return value


def _check_special(special_tokens: Iterable[str], kind: str) -> tuple[str, ...]:
    if isinstance(special_tokens, (str, Mapping)):
        raise TypeError(f"special_tokens: expected a list of str, got {type(special_tokens).__name__}")
    special = tuple(special_tokens)
    seen: set[str] = set()
    for i, token in enumerate(special):
        if not isinstance(token, str):
            raise TypeError(f"special_tokens[{i}]: expected str, got {type(token).__name__}")
        if not token:
            raise ValueError(f"special_tokens[{i}]: expected at least one character, got an empty str")
        if len(token.encode(errors="surrogatepass")) == 1:
            raise ValueError(
                f"special_tokens[{i}]: expected more than one byte, got {token!r}, which is in the alphabet"
            )
        if SURROGATES.search(token):
            raise ValueError(f"special_tokens[{i}]: expected Unicode text, got {token!r}")
        if kind == "byte" and len(token) == 1 and token in LETTERS:
            raise ValueError(
                f"special_tokens[{i}]: expected another text, got {token!r}, which is how files spell the "
                f"byte {LETTERS.index(token):#04x}"
            )
        if token in seen:
            raise ValueError(f"special_tokens[{i}]: expected different tokens, got {token!r} twice")
        seen.add(token)
    return special


def _check_kind(
    kind: str, semantics: str, pretokenizer: str | None, end_of_word: str | None, limit_alphabet: int | None
) -> str:
    """The pre-tokenizer's name or pattern."""
    _choice("kind", kind, ("byte", "char"))
    _choice("semantics", semantics, ("boundaries", "replace"))
    if kind == "char":
        if pretokenizer not in (None, "whitespace"):
            raise ValueError(
                f"pretokenizer: expected None with kind='char', whose words are cut at white space, "
                f"got {pretokenizer!r}"
            )
        if end_of_word is not None and (not end_of_word or end_of_word.split() != [end_of_word]):
            raise ValueError(f"end_of_word: expected a mark without white space or None, got {end_of_word!r}")
        if limit_alphabet is not None and checked_integer("limit_alphabet", limit_alphabet) < 1:
            raise ValueError(f"limit_alphabet: expected at least 1 or None, got {limit_alphabet}")
        return "whitespace"
    if semantics == "replace":
        raise ValueError("semantics: expected 'boundaries' with kind='byte', got 'replace'")
    if end_of_word is not None:
        raise ValueError(f"end_of_word: expected None with kind='byte', got {end_of_word!r}")
    if limit_alphabet is not None:
        raise ValueError(f"limit_alphabet: expected None with kind='byte', got {limit_alphabet}")
    return check_pretokenizer("gpt2" if pretokenizer is None else pretokenizer)


def _check_numbers(
    vocab_size: int | None, num_merges: int | None, min_frequency: int, max_token_length: int | None
) -> None:
    if (vocab_size is None) == (num_merges is None):
        raise ValueError("vocab_size: expected either vocab_size or num_merges, got both or none")
    for name, value, least in (
        ("vocab_size", vocab_size, 1),
        ("num_merges", num_merges, 0),
        ("min_frequency", min_frequency, 0),
        ("max_token_length", max_token_length, 1),
    ):
        if value is not None and not least <= checked_integer(name, value) < 2**31:
            raise ValueError(f"{name}: expected {least} to 2^31 - 1, got {value}")
