"""WordPiece: the tokenizer of BERT's vocabularies."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnlp import _core
from fastnlp.io.atomic import atomic_write
from fastnlp.tokenizers import post_processing, wordpiece_files
from fastnlp.tokenizers.batch import Batch
from fastnlp.tokenizers.texts import checked_ids, checked_threads, several_texts, surrogates_refused

Text = str | bytes

_STEP = 0.1  # seconds of work between two looks for Ctrl-C
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class WordPiece:
    """Words cut into the longest pieces that a vocabulary has (Schuster and Nakajima 2012), as BERT does it.

    A text is cleaned of control characters; ideographs, punctuation and what white space divides are words;
    letters are lower-cased and lose their accents if asked for. Of a word the longest token that it begins
    with comes first, then the longest that goes on with it; a word that cannot be put together so becomes
    the unknown token. The ids are those of `BertWordPieceTokenizer` of the package tokenizers.

    Args:
        vocab: V tokens in the order of their ids; those that go on with a word begin with `prefix`.
        lowercase: lower-case the text, as the uncased vocabularies have it.
        strip_accents: take accents away; None to do so where the text is lower-cased.
        unknown: the token for words that cannot be put together.
        prefix: marks the tokens that go on with a word.
        longest_word: words of more characters are unknown; >= 1.
        post_processor: what is put around a text or pair, as the `post_processor` of a `tokenizer.json` says
            it; None for BERT's [CLS] and [SEP].

    Raises:
        ValueError: a token is empty or stands twice, the unknown token is missing, or the post-processor is
            of no known kind.

    Example:
        >>> pieces = WordPiece(["[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "!"])
        >>> pieces.tokenize("Unaffable!"), pieces.encode("unaffable!").tolist()
        (['un', '##aff', '##able', '!'], [3, 4, 5, 6])
    """

    def __init__(
        self,
        vocab: Sequence[str],
        *,
        lowercase: bool = True,
        strip_accents: bool | None = None,
        unknown: str = "[UNK]",
        prefix: str = "##",
        longest_word: int = 100,
        post_processor: dict[str, Any] | None = None,
    ) -> None:
        if isinstance(vocab, str):
            raise TypeError(f"vocab: expected the tokens one by one, got the str {vocab[:40]!r}; use load")
        self.tokens = list(vocab)
        self._ids = {token: i for i, token in enumerate(self.tokens)}
        if unknown not in self._ids:
            raise ValueError(f"unknown: expected a token of the vocabulary, got {unknown!r}")
        if longest_word < 1:
            raise ValueError(f"longest_word: expected a number >= 1, got {longest_word}")
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.unknown = unknown
        self.prefix = prefix
        self.longest_word = longest_word
        self.post_processor = self._bert_processing() if post_processor is None else post_processor
        self._template = post_processing.read(self.post_processor, len(self.tokens))
        packed = [token.encode() for token in self.tokens]
        offsets = np.zeros(len(packed) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, packed), np.int64, len(packed)), out=offsets[1:])
        self._core = _core.WordPieceEncoder(
            b"".join(packed),
            offsets,
            list(self.special_tokens.items()),
            lowercase,
            lowercase if strip_accents is None else strip_accents,
            self._ids[unknown],
            prefix,
            longest_word,
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str], **settings: Any) -> WordPiece:
        """Reads a vocabulary: BERT's `vocab.txt`, or a `tokenizer.json` with a model of type WordPiece.

        Args:
            path: the file, or a folder with one of them.
            **settings: as for `WordPiece`, for a `vocab.txt`; a `tokenizer.json` says them itself.

        Returns:
            The tokenizer.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged; the message names it.
        """
        file = Path(path)
        if file.is_dir():
            names = ("tokenizer.json", "vocab.txt")
            file = next((file / name for name in names if (file / name).is_file()), file / "vocab.txt")
        content = file.read_bytes()
        try:
            text = content.decode()
            if text.lstrip()[:1] == "{":
                if settings:
                    raise ValueError("expected no settings, as a tokenizer.json says them itself")
                return cls(**wordpiece_files.read(json.loads(text)))
            lines = text.split("\n")
            if lines and not lines[-1]:
                lines.pop()
            return cls([line.removesuffix("\r") for line in lines], **settings)
        except ValueError as error:
            raise ValueError(f"{os.fspath(file)}: {error}") from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the vocabulary, whole or not at all.

        Args:
            path: a file whose name ends with .txt, for a token a line, or with .json, for what `tokenizers`
                and `transformers` load.

        Raises:
            ValueError: the name has another end, or a token does not fit on a line.
            OSError: writing failed; a file that stood there is as it was.
        """
        file = Path(path)
        if file.suffix == ".json":
            content = wordpiece_files.written(self._ids, self.special_tokens, self._settings())
            text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
        elif file.suffix == ".txt":
            text = "".join(token + "\n" for token in self.tokens)
            if text.count("\n") != len(self.tokens) or "\r" in text:
                raise ValueError("path: expected tokens without line ends for a .txt; use .json")
        else:
            raise ValueError(f"path: expected a name that ends with .txt or .json, got {os.fspath(path)!r}")
        with atomic_write(file, "w", encoding="utf-8", newline="\n") as out:
            out.write(text)

    def encode(
        self,
        text: Text,
        *,
        add_special_tokens: bool = False,
        allowed_special: bool = False,
        threads: int | None = 1,
    ) -> NDArray[np.int32]:
        """The ids of a text.

        Args:
            text: str, or bytes of UTF-8.
            add_special_tokens: put [CLS] in front and [SEP] behind, or what the file's post-processor says.
                The package tokenizers does so unless told otherwise; here texts are running text unless
                told otherwise.
            allowed_special: special tokens in the text, such as "[MASK]", become their ids; else they are
                text like any other.
            threads: how many share a long text; None for one per processor, up to 16.

        Returns:
            (N,) int32, in [0, V).

        Raises:
            ValueError: bytes are not UTF-8, or [CLS] or [SEP] is to be added and the vocabulary has none.
            TypeError: the text is neither str nor bytes, or `allowed_special` is no bool.

        Example:
            >>> pieces = WordPiece(["[UNK]", "[CLS]", "[SEP]", "a"])
            >>> pieces.encode("a").tolist(), pieces.encode("a", add_special_tokens=True).tolist()
            ([3], [1, 3, 2])
        """
        return self._run([text], add_special_tokens, allowed_special, threads)[0]

    def encode_batch(
        self,
        texts: Iterable[Text],
        *,
        add_special_tokens: bool = False,
        allowed_special: bool = False,
        threads: int | None = None,
    ) -> Batch:
        """The ids of several texts, encoded on several threads.

        Args:
            texts: N texts.
            add_special_tokens: as for `encode`.
            allowed_special: as for `encode`.
            threads: how many; None for one per processor, up to 16.

        Returns:
            N arrays of ids, in one piece of memory.

        Raises:
            ValueError: as for `encode`.
            TypeError: as for `encode`, or `texts` is a single text.
        """
        return Batch(*self._run(several_texts(texts), add_special_tokens, allowed_special, threads))

    def encode_pair(
        self,
        first: Text,
        second: Text | None = None,
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        allowed_special: bool = False,
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The input of BERT: [CLS] first [SEP], or [CLS] first [SEP] second [SEP], and the segment of each.

        Where a `tokenizer.json` has another post-processor, what that says.

        Args:
            first: a text.
            second: another, or None.
            add_special_tokens: False for the texts alone.
            max_length: at most so many ids in all; then tokens are taken from the end of the longer text, one
                at a time, of the first where both are as long.
            allowed_special: as for `encode`.

        Returns:
            (N,) int32 ids, and (N,) int32 type ids: 0 up to the first [SEP], 1 behind it.

        Raises:
            ValueError: the vocabulary has no [CLS] or [SEP], or `max_length` does not hold them.

        Example:
            >>> pieces = WordPiece(["[UNK]", "[CLS]", "[SEP]", "a", "b"])
            >>> ids, types = pieces.encode_pair("a", "b b")
            >>> ids.tolist(), types.tolist()
            ([1, 3, 2, 4, 4, 2], [0, 0, 0, 1, 1, 1])
        """
        self._check_addable(add_special_tokens)
        texts = [first] if second is None else [first, second]
        parts = [self.encode(text, allowed_special=allowed_special) for text in texts]
        return self._template.join(parts, add_special_tokens, max_length)

    def encode_pieces(
        self, data: bytes, offsets: NDArray[np.int64], threads: int | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The ids of texts that stand one after another in memory, as `Corpus.from_text` gives them.

        Args:
            data: the UTF-8 of N texts.
            offsets: (N + 1,) int64; text i is `data[offsets[i]:offsets[i + 1]]`.
            threads: how many; None for one per processor, up to 16.

        Returns:
            (T,) int32 ids, and (N + 1,) int64 offsets of the texts in them.

        Raises:
            ValueError: bytes are not UTF-8.
        """
        uses = [0] * len(self.special_tokens)
        job = _core.EncodingJob.of_bytes(
            self._core, data, offsets, checked_threads(threads), "merges", 0.0, 0, 0, False, uses
        )
        while not job.step(_STEP):
            pass
        return job.take()[:2]

    def tokenize(self, text: Text, **options: Any) -> list[str]:
        """The tokens of a text.

        Args:
            text: as for `encode`.
            **options: as for `encode`.

        Returns:
            N strings.
        """
        return [self.tokens[i] for i in self.encode(text, **options).tolist()]

    def decode(self, ids: ArrayLike, *, skip_special_tokens: bool = False) -> str:
        """The words of ids with a space between; what normalization changed is not brought back.

        Args:
            ids: (N,) ints in [0, V).
            skip_special_tokens: leave [CLS], [SEP] and the like out.

        Returns:
            The text.

        Raises:
            IndexError: an id is out of range; the message says which and where.
            TypeError: they are no integers.
        """
        numbers = checked_ids(ids)
        _core.check_ids("ids", numbers, len(self.tokens))
        special = self.special_tokens if skip_special_tokens else {}
        words: list[str] = []
        for token in (self.tokens[i] for i in numbers.tolist()):
            if token in special:
                continue
            if token.startswith(self.prefix) and words:
                words[-1] += token[len(self.prefix) :]
            else:
                words.append(token)
        return " ".join(words)

    @cached_property
    def special_tokens(self) -> dict[str, int]:
        """[PAD], the unknown token, [CLS], [SEP] and [MASK], so far as the vocabulary has them."""
        return {
            token: self._ids[token]
            for token in dict.fromkeys((*_SPECIAL, self.unknown))
            if token in self._ids
        }

    @property
    def vocab_size(self) -> int:
        """V, the number of tokens."""
        return len(self.tokens)

    def token_id(self, token: str) -> int | None:
        """The id of a token.

        Args:
            token: as in `tokens`.

        Returns:
            Its id, or None where there is no such token.
        """
        return self._ids.get(token)

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"WordPiece({len(self.tokens):,} tokens, {'uncased' if self.lowercase else 'cased'})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.tokens, self._settings())

    def _bert_processing(self) -> dict[str, Any] | None:
        """BERT's post-processor, where the vocabulary has the tokens."""
        special = self.special_tokens
        if "[CLS]" not in special or "[SEP]" not in special:
            return None
        sides = {name: [token, special[token]] for name, token in (("sep", "[SEP]"), ("cls", "[CLS]"))}
        return {"type": "BertProcessing", **sides}

    def _check_addable(self, add_special_tokens: bool) -> None:
        if add_special_tokens and self.post_processor is None:
            raise ValueError("vocab: expected the tokens [CLS] and [SEP] to add, got a vocabulary without")

    def _settings(self) -> dict[str, Any]:
        names = ("lowercase", "strip_accents", "unknown", "prefix", "longest_word", "post_processor")
        return {name: getattr(self, name) for name in names}

    def _run(
        self, texts: list[Text], add: bool, allowed: bool, threads: int | None
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        self._check_addable(add)
        if not isinstance(allowed, bool):
            raise TypeError(f"allowed_special: expected True or False, got {allowed!r}")
        uses = [int(allowed)] * len(self.special_tokens)
        try:
            job = _core.EncodingJob(
                self._core, texts, checked_threads(threads), "merges", 0.0, 0, 0, False, uses
            )
        except UnicodeEncodeError as error:
            raise surrogates_refused(error) from None
        while not job.step(_STEP):
            pass
        found = job.take()[:2]
        return self._template.surround(*found)[:2] if add else found


def _restore(tokens: list[str], settings: dict[str, Any]) -> WordPiece:
    return WordPiece(tokens, **settings)
