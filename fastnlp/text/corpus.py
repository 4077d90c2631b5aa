"""Corpus: a text as the ids of its words, with the bounds of its sentences and documents."""

from __future__ import annotations

import gzip
import os
import shutil
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnlp import _core
from fastnlp.io.atomic import atomic_directory, atomic_write
from fastnlp.text.building import BuildOptions, Built, build, check
from fastnlp.text.corpus_folder import DESCRIPTION, FolderWriter, open_folder
from fastnlp.text.tokenized import build_tokenized
from fastnlp.text.vocab import Vocab

_PIECE = 1 << 22  # values written at a time


class Corpus:
    """A text as T word ids, cut into S sentences and these into documents.

    Make one with `from_text`, `from_ids` or `open`.

    Attributes:
        ids: (T,) int32, in [0, V); read-only.
        sentence_offsets: (S + 1,) int64; sentence i is `ids[sentence_offsets[i]:sentence_offsets[i + 1]]`.
        document_offsets: (documents + 1,) int64, counted in sentences.
        vocab: the words of the ids.
    """

    __slots__ = ("__weakref__", "document_offsets", "ids", "sentence_offsets", "vocab")

    ids: NDArray[np.int32]
    sentence_offsets: NDArray[np.int64]
    document_offsets: NDArray[np.int64]
    vocab: Vocab

    def __init__(
        self,
        ids: NDArray[np.int32],
        sentence_offsets: NDArray[np.int64],
        document_offsets: NDArray[np.int64],
        vocab: Vocab,
    ) -> None:
        self.ids = _read_only(ids)
        self.sentence_offsets = _read_only(sentence_offsets)
        self.document_offsets = _read_only(document_offsets)
        self.vocab = vocab

    @classmethod
    def from_text(
        cls,
        source: Any,
        *,
        min_count: int = 5,
        max_vocab: int | None = None,
        vocab: Vocab | None = None,
        tokenizer: Any = None,
        lowercase: bool = False,
        normalization: Literal["NFC", "NFD", "NFKC", "NFKD"] | None = None,
        strip_accents: bool = False,
        transform: Callable[[str], str | Iterable[str] | None] | None = None,
        unknown: str | None = None,
        reserved: Iterable[str] = (),
        documents: Literal["blank_line", "line", "file"] = "blank_line",
        errors: Literal["strict", "replace"] = "strict",
        threads: int | None = None,
        path: str | os.PathLike[str] | None = None,
        progress: Callable[[int, int | None], object] | None = None,
    ) -> Corpus:
        r"""Counts and numbers the words of a text in one pass over it.

        Words are what `str.split()` gives; a sentence is a line with at least one word that is kept. The
        result does not depend on `threads`. Memory does not grow with the text but for its distinct words:
        ids beyond 128 MiB go to a file, in `path` or else in a temporary folder (of `TMPDIR`) that goes when
        the corpus goes.

        Args:
            source: a file name, several in a list, "-" for the standard input, an open file, or an iterable
                of lines (str) or of sentences (lists of str, whose words are taken as they are). Compressed
                .gz files are recognised by their first bytes. A list of str is taken for file names if the
                first is that of a file. An item of several lines counts as these lines, an empty one as a
                blank line.
            min_count: words that occur less often are dropped, or become `unknown`; >= 0.
            max_vocab: at most so many words besides the special tokens, the most frequent; None for all.
            vocab: a vocabulary to use as it is; then `min_count`, `max_vocab`, `unknown` and `reserved` are
                not looked at.
            tokenizer: a `BPE`, a `WordPiece`, or a tokenizer of the packages tokenizers or transformers. The
                corpus then holds its ids, line by line, without the white space at the ends of lines. All its
                tokens are the vocabulary; what chooses or changes words (`min_count` to `reserved`) is not
                looked at, and a special token of a `BPE` in the text is an error.
            lowercase: lower-case each word as `str.lower` does.
            normalization: a Unicode normal form for each word.
            strip_accents: drop the combining marks (category Mn) of each word.
            transform: a function of a word, called last and once for each distinct word, that gives a word,
                several or None.
            unknown: the token for words that are left out; None drops them.
            reserved: further special tokens, which follow the unknown one.
            documents: where a document ends: "blank_line", "line" or "file". Files always end one.
            errors: "strict" refuses bytes that are not UTF-8, "replace" reads them as U+FFFD.
            threads: how many threads count; None for one per processor, up to 16.
            path: a folder to write the corpus to, as `save` does, while it is built; the disk holds the ids
                twice until it is done.
            progress: called after each block with the bytes read and the size of the files, None if unknown.

        Returns:
            The corpus; the one in the folder, opened, if `path` is given.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: the text is empty, no word is frequent enough, or a byte is not UTF-8; the message
                says what to do.
            TypeError: the source is of no kind listed above.

        Example:
            >>> corpus = Corpus.from_text(["a rose is a rose", "a cat"], min_count=2)
            >>> corpus.vocab.tokens, corpus.ids.tolist(), corpus.sentence_offsets.tolist()
            (['a', 'rose'], [0, 1, 0, 1, 0], [0, 4, 5])
        """
        options = BuildOptions(
            min_count=min_count,
            max_vocab=max_vocab,
            vocab=vocab,
            lowercase=lowercase,
            normalization=normalization,
            strip_accents=strip_accents,
            transform=transform,
            unknown=unknown,
            reserved=tuple(reserved) if not isinstance(reserved, str) else reserved,
            documents=documents,
            errors=errors,
            threads=threads,
            progress=progress,
        )
        if path is not None:
            with atomic_directory(path, mark=DESCRIPTION) as folder:
                _built(source, options, tokenizer, folder)
            return cls.open(path)
        built = _built(source, options, tokenizer)
        corpus = cls(built.ids, built.sentence_offsets, built.document_offsets, built.vocab)
        if built.temporary is not None:
            weakref.finalize(corpus, shutil.rmtree, built.temporary, ignore_errors=True)
        return corpus

    @classmethod
    def from_ids(
        cls,
        ids: ArrayLike,
        sentence_offsets: ArrayLike,
        vocab: Vocab,
        document_offsets: ArrayLike | None = None,
    ) -> Corpus:
        """A corpus of ids that are there already.

        Args:
            ids: (T,) int32, in [0, V).
            sentence_offsets: (S + 1,) int64: 0, rising, T.
            vocab: the V words.
            document_offsets: (documents + 1,) int64: 0, rising, S; None for one document.

        Returns:
            The corpus, over the same memory where the dtypes are these.

        Raises:
            IndexError: an id is out of range; the message says which and where.
            ValueError: offsets do not start at 0, fall, or do not end with what they divide.
            TypeError: an array does not hold integers.

        Example:
            >>> corpus = Corpus.from_ids([0, 1, 1], [0, 1, 3], Vocab(["a", "b"]))
            >>> corpus.sentence(1).tolist()
            [1, 1]
        """
        tokens = _integers("ids", ids, np.int32)
        sentences = _integers("sentence_offsets", sentence_offsets, np.int64)
        _core.check_ids("ids", tokens, len(vocab))
        _core.check_offsets("sentence_offsets", sentences, len(tokens))
        last = len(sentences) - 1
        documents = _integers(
            "document_offsets", [0, last] if document_offsets is None else document_offsets, np.int64
        )
        _core.check_offsets("document_offsets", documents, last)
        return cls(tokens, sentences, documents, vocab)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Corpus:
        """Maps a saved corpus into memory.

        Args:
            path: the folder that `save` or `from_text` wrote.

        Returns:
            The corpus; its arrays are read from the disk as they are used.

        Raises:
            FileNotFoundError: there is no such folder.
            ValueError: a file of it is missing, cut short or changed; the message names it.
        """
        return cls(*open_folder(Path(path)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the corpus to a folder, whole or not at all.

        Args:
            path: the folder to create or replace.

        Raises:
            NotADirectoryError: `path` is a file.
            OSError: writing failed; a corpus that stood there is as it was.
        """
        with atomic_directory(path, mark=DESCRIPTION) as folder:
            with FolderWriter(folder) as writer:
                for ids in _pieces(self.ids):
                    writer.write(ids=ids)
                for ends in _pieces(self.sentence_offsets[1:]):
                    writer.write(sentence_ends=ends)
                for ends in _pieces(self.document_offsets[1:]):
                    writer.write(document_ends=ends)
            writer.describe(self.vocab)

    def save_text(self, path: str | os.PathLike[str]) -> None:
        """Writes the words: a sentence a line, one space between words, an empty line between documents.

        `from_text` reads it as the same sentences and documents; only a word that holds white space, as token
        lists may, comes back as several.

        Args:
            path: the file to create or replace, compressed if its name ends with .gz; "-" for the standard
                output.

        Raises:
            IndexError: an id is out of range; the message says which and where.
            OSError: writing failed; a file that stood there is as it was.

        Example:
            >>> Corpus.from_text(["a rose is", "", "a rose"], min_count=1).save_text("-")
            a rose is
            <BLANKLINE>
            a rose
        """
        pieces = self._spelled()
        if path == "-":
            sys.stdout.flush()
            binary = getattr(sys.stdout, "buffer", None)
            for piece in pieces:
                sys.stdout.write(piece.decode()) if binary is None else binary.write(piece)
            sys.stdout.flush()
            return
        with atomic_write(path) as file:
            if os.fspath(path).endswith(".gz"):
                with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
                    packed.writelines(pieces)
            else:
                file.writelines(pieces)

    def _spelled(self) -> Iterator[bytes]:
        words = self.vocab.words
        for start in range(0, self.n_tokens, _PIECE >> 2):
            end = min(self.n_tokens, start + (_PIECE >> 2))
            arrays = self.ids, self.sentence_offsets, self.document_offsets
            yield _core.spell(*arrays, start, end, words.data, words.offsets)

    @property
    def n_tokens(self) -> int:
        """T, how many tokens there are."""
        return len(self.ids)

    @property
    def n_sentences(self) -> int:
        """S, how many sentences there are."""
        return len(self.sentence_offsets) - 1

    @property
    def n_documents(self) -> int:
        """How many documents there are."""
        return len(self.document_offsets) - 1

    def sentence(self, i: int) -> NDArray[np.int32]:
        """The ids of a sentence.

        Args:
            i: its number, in [0, S).

        Returns:
            int32 view of the ids.

        Raises:
            IndexError: there is no such sentence.
        """
        if not 0 <= i < self.n_sentences:
            raise IndexError(f"i: expected a sentence in [0, {self.n_sentences}), got {i}")
        return self.ids[self.sentence_offsets[i] : self.sentence_offsets[i + 1]]

    def __repr__(self) -> str:
        return (
            f"Corpus({self.n_tokens:,} tokens, {self.n_sentences:,} sentences, "
            f"{self.n_documents:,} documents, {len(self.vocab):,} words)"
        )


def _built(source: Any, options: BuildOptions, tokenizer: Any, folder: Path | None = None) -> Built:
    if tokenizer is None:
        return build(source, options, folder)
    return build_tokenized(source, tokenizer, options, check(options), folder)


def _pieces(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    for start in range(0, len(array), _PIECE):
        yield array[start : start + _PIECE]


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


def _integers(argument: str, values: ArrayLike, dtype: type[np.int32] | type[np.int64]) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{argument}: expected one dimension, got shape {array.shape}")
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"{argument}: expected integers, got {array.dtype}")
    limits = np.iinfo(dtype)
    if (
        array.size
        and not np.can_cast(array.dtype, dtype)
        and (int(array.min()) < limits.min or int(array.max()) > limits.max)
    ):
        at = int(np.argmax((array < limits.min) | (array > limits.max)))
        raise IndexError(f"{argument}[{at}]: expected a number that fits {np.dtype(dtype)}, got {array[at]}")
    return np.require(array, dtype, ["C", "A"])
