"""BPE: byte-pair encoding, from text to ids and back."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Unpack

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.tokenizers import bpe_files
from fastnlp.tokenizers.batch import Batch
from fastnlp.tokenizers.bpe_encoding import (
    STEP,
    EncodeOptions,
    Specials,
    Text,
    encode_texts,
    special_uses,
)
from fastnlp.tokenizers.bpe_tokens import BpeTokens
from fastnlp.tokenizers.definition import Definition
from fastnlp.tokenizers.texts import checked_threads, several_texts


class BPE(BpeTokens):
    """Byte-pair encoding: a vocabulary of tokens and the merges that make them (Sennrich et al. 2016).

    A text is cut into words, a word into its smallest symbols, bytes or characters; then of all neighbours
    that may be merged those go first that were learned first, and of equal ones the leftmost. The ids are
    those that `tokenizers` and `tiktoken` give for the same files.

    Make one with `train` or `load`. An object may be used by several threads at once; it keeps some MiB of
    words that it has met for each.

    Args:
        definition: tokens, merges and how a text is cut.

    Raises:
        ValueError: tokens and merges do not fit together; the message says which.

    Example:
        >>> bpe = BPE.train(["low lower lowest", "new newer newest"], vocab_size=262)
        >>> ids = bpe.encode("the newest")
        >>> bpe.decode(ids), ids.dtype
        ('the newest', dtype('int32'))
    """

    @classmethod
    def train(
        cls,
        source: Any,
        vocab_size: int = 32_000,
        *,
        pretokenizer: str | None = None,
        special_tokens: Sequence[str] = (),
        unknown: str | None = None,
        **options: Any,
    ) -> BPE:
        """Learns merges from text, the most frequent pair first (`train_bpe`).

        Args:
            source: a file name, several, "-", .gz, or an iterable of str; as for `Corpus.from_text`.
            vocab_size: V, how many tokens there will be, special ones among them.
            pretokenizer: "gpt2", "gpt4", "llama3", "o200k", "whitespace", "none", or a regular expression;
                None for the usual one of the kind.
            special_tokens: get the first ids.
            unknown: the one of them that stands for characters that the text does not have, of kind "char".
            **options: the further arguments of `train_bpe`: kind, min_frequency, threads, and so on.

        Returns:
            The tokenizer.

        Raises:
            ValueError: as for `train_bpe`.
        """
        from fastnlp.tokenizers.training import train_bpe

        if pretokenizer is not None:
            options["pretokenizer"] = pretokenizer
        trained = train_bpe(source, vocab_size, special_tokens=special_tokens, **options)
        return cls(Definition.from_training(trained, unknown))

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        format: bpe_files.Format | None = None,  # noqa: A002
        merges: str | os.PathLike[str] | None = None,
        pretokenizer: str | None = None,
        special_tokens: Sequence[str] | dict[str, int] | None = None,
    ) -> BPE:
        """Reads a tokenizer file.

        Args:
            path: a `tokenizer.json` with a model of type BPE; a `vocab.json` with `merges.txt` beside it; a
                `.tiktoken` file; codes of subword-nmt; or a folder with one of the first two.
            format: "tokenizer.json", "gpt2", "tiktoken" or "subword-nmt"; None to tell by name and content.
            merges: the file of merges that belongs to a `vocab.json`.
            pretokenizer: how text is cut, for files that do not say it: "gpt2" (the default beside a
                `vocab.json`), "gpt4", "llama3", "o200k", "whitespace", "none", or a regular expression.
            special_tokens: further special tokens, for files that do not list them; in a dictionary with
                their ids, else numbered behind the others.

        Returns:
            The tokenizer. What the post-processor of a `tokenizer.json` puts around texts is added where
            `add_special_tokens` asks for it.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged, of no known format, or asks for what is not supported; the
                message says what. A `.tiktoken` file does not say how many tokens it has: one that was cut
                short at the end of a line is told by its size where it has a published name, as
                `cl100k_base.tiktoken`, and else passes for a smaller one. So do codes of subword-nmt.
        """
        definition = bpe_files.load(path, format, merges, pretokenizer, special_tokens)
        try:
            return cls(definition)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)}: {error}") from None

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        format: bpe_files.Format | None = None,  # noqa: A002
    ) -> None:
        """Writes the tokenizer to a file, whole or not at all.

        Args:
            path: the file to create or replace; for the format "gpt2" a folder, which gets `vocab.json` and
                `merges.txt`.
            format: "tokenizer.json", which `tokenizers` and `transformers` load, "gpt2", "tiktoken" or
                "subword-nmt"; None to tell by the name.

        Raises:
            ValueError: the format cannot hold this tokenizer.
            OSError: writing failed; a file that stood there is as it was.

        Example:
            >>> import tempfile, pathlib
            >>> path = pathlib.Path(tempfile.mkdtemp()) / "tokenizer.json"
            >>> bpe = BPE.train(["a rose is a rose"], vocab_size=260)
            >>> bpe.save(path)
            >>> BPE.load(path).encode("a rose").tolist() == bpe.encode("a rose").tolist()
            True
        """
        bpe_files.save(self._definition, path, format)

    def encode(
        self,
        text: Text,
        *,
        add_special_tokens: bool = False,
        allowed_special: Specials = (),
        disallowed_special: Specials = "all",
        method: Literal["merges", "longest"] = "merges",
        dropout: float = 0.0,
        seed: int = 1,
        epoch: int = 0,
        threads: int | None = 1,
    ) -> NDArray[np.int32]:
        """The ids of a text.

        Args:
            text: T characters, or bytes. Any bytes are taken, of kind "char" valid UTF-8.
            add_special_tokens: put around it what the post-processor of the `tokenizer.json` says, such as
                RoBERTa's <s> and </s>; nothing where there is none. The package tokenizers does so unless
                told otherwise; here texts are running text, as for a corpus, unless told otherwise.
            allowed_special: special tokens that become their ids where they stand in the text.
            disallowed_special: special tokens that are an error there, so that what users write is no command
                to a model; "all" but the allowed ones. What is neither is text like any other.
            method: "merges", or "longest" for the longest token each time from the left, as the book's
                `segment_BPE` does.
            dropout: the probability in [0, 1] that a merge is left out (BPE-dropout, Provilkov et al. 2020).
            seed: for dropout; the same seed, epoch and text give the same ids.
            epoch: for dropout, other draws for each pass over the data; in [0, 2^32).
            threads: how many share a long text; None for one per processor, up to 16.

        Returns:
            (N,) int32, in [0, V).

        Raises:
            ValueError: a special token stands in the text that is not allowed, a character has no token, or
                an option is out of range.
            TypeError: the text is neither str nor bytes.

        Example:
            >>> bpe = BPE.train(["a rose"], vocab_size=257, special_tokens=["<|end|>"])
            >>> bpe.encode("a<|end|>", allowed_special="all").tolist()
            [65, 0]
        """
        options = EncodeOptions(
            allowed_special=allowed_special,
            disallowed_special=disallowed_special,
            method=method,
            dropout=dropout,
            seed=seed,
            epoch=epoch,
        )
        return self._run([text], threads, add_special_tokens, **options)[0]

    def encode_with_offsets(
        self,
        text: Text,
        *,
        unit: Literal["characters", "bytes"] = "characters",
        add_special_tokens: bool = False,
        **options: Unpack[EncodeOptions],
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The ids of a text, and where in it each of them stands.

        Args:
            text: as for `encode`.
            unit: what offsets count. A token that holds a part of a character spans all of it.
            add_special_tokens: as for `encode`; added ones have the offsets 0 and 0.
            **options: as for `encode`: allowed_special, disallowed_special, method, dropout, seed, epoch.

        Returns:
            (N,) int32 ids, and (N, 2) int64 offsets: token i stands for `text[begin:end]`.

        Raises:
            ValueError: as for `encode`, or the tokenizer normalizes the text, which moves its characters.

        Example:
            >>> bpe = BPE.train(["a rose"], vocab_size=256)
            >>> bpe.encode_with_offsets("né")[1].tolist()
            [[0, 1], [1, 2], [1, 2]]
        """
        if unit not in ("characters", "bytes"):
            raise ValueError(f"unit: expected 'characters' or 'bytes', got {unit!r}")
        if self._definition.normalizers:
            raise ValueError(
                f"text: expected a tokenizer that takes text as it is, got one that normalizes it "
                f"({', '.join(self._definition.normalizers)}): offsets would not be those of the text"
            )
        ids, offsets, spans = encode_texts(self._core, self._definition, [text], spans=True, **options)
        if unit == "characters":
            _core.bpe_to_characters(text, spans)
        if not add_special_tokens:
            return ids, spans.reshape(-1, 2)
        ids, _, inner = self._template.surround(ids, offsets)
        places = np.zeros((len(ids), 2), np.int64)
        places[inner] = spans.reshape(-1, 2)
        return ids, places

    def encode_batch(
        self,
        texts: Iterable[Text],
        *,
        add_special_tokens: bool = False,
        threads: int | None = None,
        **options: Unpack[EncodeOptions],
    ) -> Batch:
        """The ids of several texts, encoded on several threads.

        Args:
            texts: N texts, each as for `encode`.
            add_special_tokens: as for `encode`, around each.
            threads: how many; None for one per processor, up to 16.
            **options: as for `encode`: allowed_special, disallowed_special, method, dropout, seed, epoch.

        Returns:
            N arrays of ids, in one piece of memory.

        Raises:
            ValueError: as for `encode`.
            TypeError: as for `encode`, or `texts` is a single text.

        Example:
            >>> bpe = BPE.train(["a rose"], vocab_size=256)
            >>> bpe.encode_batch(["ab", "", "c"]).tolist()
            [[64, 65], [], [66]]
        """
        return Batch(*self._run(several_texts(texts), threads, add_special_tokens, **options))

    def encode_pair(
        self,
        first: Text,
        second: Text | None = None,
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        **options: Unpack[EncodeOptions],
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The input of a model for a pair of texts, or for one, and the segment of each id.

        Args:
            first: a text, as for `encode`.
            second: another, or None.
            add_special_tokens: as for `encode`.
            max_length: at most so many ids in all; then tokens are taken from the end of the longer text, one
                at a time, of the first where both are as long.
            **options: as for `encode`: allowed_special, disallowed_special, method, dropout, seed, epoch.

        Returns:
            (N,) int32 ids, and (N,) int32 type ids, as the post-processor says; without one, 0 for the first
            text and 1 for the second.

        Raises:
            ValueError: as for `encode`, or `max_length` does not hold the special tokens.
            TypeError: as for `encode`.

        Example:
            >>> bpe = BPE.train(["a rose"], vocab_size=256)
            >>> ids, types = bpe.encode_pair("ab", "c")
            >>> ids.tolist(), types.tolist()
            ([64, 65, 66], [0, 0, 1])
        """
        texts = [first] if second is None else [first, second]
        ids, offsets = self._run(texts, 1, False, **options)
        parts = np.split(ids, offsets[1:-1])
        return self._template.join(parts, add_special_tokens, max_length)

    def _run(
        self, texts: list[Text], threads: int | None, add: bool, **options: Unpack[EncodeOptions]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        ids, offsets, _ = encode_texts(self._core, self._definition, texts, threads, **options)
        return self._template.surround(ids, offsets)[:2] if add else (ids, offsets)

    def encode_pieces(
        self, data: bytes, offsets: NDArray[np.int64], threads: int | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The ids of texts that stand one after another in memory, as `Corpus.from_text` gives them.

        Special tokens in them are not allowed.

        Args:
            data: the UTF-8 of N texts.
            offsets: (N + 1,) int64; text i is `data[offsets[i]:offsets[i + 1]]`.
            threads: how many; None for one per processor, up to 16.

        Returns:
            (T,) int32 ids, and (N + 1,) int64 offsets of the texts in them.

        Raises:
            ValueError: as for `encode`.
        """
        if self._definition.normalizers or self._definition.core_pattern != self._definition.pretokenizer:
            pieces = [data[a:b] for a, b in itertools.pairwise(offsets.tolist())]
            batch = self.encode_batch(pieces, threads=threads)
            return batch.ids, batch.offsets
        uses = special_uses(self._definition, (), "all")
        job = _core.EncodingJob.of_bytes(
            self._core, data, offsets, checked_threads(threads), "merges", 0.0, 0, 0, False, uses
        )
        while not job.step(STEP):
            pass
        return job.take()[:2]

    def tokenize(self, text: Text, **options: Any) -> list[str]:
        """The tokens of a text as strings, as files of tokenizers write them.

        Args:
            text: as for `encode`.
            **options: as for `encode`.

        Returns:
            N strings; of kind "byte" with a letter for each byte, where a space is "Ġ".

        Example:
            >>> BPE.train(["a rose"], vocab_size=256).tokenize("a b")
            ['a', 'Ġ', 'b']
        """
        tokens = self.tokens
        return [tokens[i] for i in self.encode(text, **options).tolist()]

    def __repr__(self) -> str:
        definition = self._definition
        return (
            f"BPE({self.vocab_size:,} tokens, {len(definition.merged):,} merges, kind={definition.kind!r}, "
            f"pretokenizer={definition.pretokenizer!r})"
        )

    def __reduce__(self) -> tuple[Callable[[Definition], BPE], tuple[Definition]]:
        return BPE, (self._definition,)
