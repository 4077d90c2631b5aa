"""Word vectors from files and to files."""

from __future__ import annotations

import os
from typing import Self, cast, get_args

from fastnlp.io.fasttext import is_fasttext
from fastnlp.io.word2vec import (
    Format,
    UnicodeErrors,
    format_from_name,
    read_word2vec,
    sniff_format,
    write_word2vec,
)
from fastnlp.vectors.table import WordTable

__all__ = ["Files"]


def _checked(chosen: Format | None) -> Format | None:
    if chosen is not None and chosen not in get_args(Format):
        raise ValueError(f"format: expected one of {get_args(Format)} or None, got {chosen!r}")
    return chosen


class Files(WordTable):
    """The part of `WordVectors` that loads and saves."""

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        format: Format | None = None,  # noqa: A002
        limit: int | None = None,
        unicode_errors: UnicodeErrors = "strict",
    ) -> Self:
        """Word vectors from a file.

        Args:
            path: the file; decompressed where its name ends in .gz.
            format: "word2vec-text", "word2vec-binary", "glove" (text without the line "V D") or "fasttext" (a
                model with n-grams: the result is `SubwordVectors`). None tells fastText's by the first bytes
                and the others by the name (.bin is binary, .vec and .txt are text with or without the line)
                or, where that does not say, by the first bytes.
            limit: read the first so many rows only.
            unicode_errors: "strict", "replace" or "ignore": what becomes of words that are not UTF-8.

        Returns:
            The vectors, in the order of the file.

        Raises:
            ValueError: the file is damaged; the message names the file, the line or byte, and the reason.
            OSError: the file cannot be opened.
        """
        if _checked(format) == "fasttext" or (format is None and is_fasttext(path)):
            from fastnlp.vectors.subword_vectors import SubwordVectors  # a subclass of this one

            return cast(Self, SubwordVectors.load(path, limit=limit, unicode_errors=unicode_errors))
        chosen = format or format_from_name(path)
        if format is None and chosen != "word2vec-binary":
            found = sniff_format(path)
            chosen = found if chosen is None or found == "glove" else chosen
        tokens, vectors = read_word2vec(
            path,
            binary=chosen == "word2vec-binary",
            header=chosen != "glove",
            limit=limit,
            unicode_errors=unicode_errors,
        )
        return cls(tokens, vectors)

    def save(self, path: str | os.PathLike[str], format: Format | None = None) -> None:  # noqa: A002
        r"""Writes the vectors to a file, which appears whole or not at all.

        Every format keeps each float32 exactly. Counts are not stored.

        Args:
            path: the file to create or replace; compressed where its name ends in .gz.
            format: as in `load` but for "fasttext", which takes a whole model; None takes it from the name,
                which has to end in .bin, .vec or .txt then.

        Raises:
            ValueError: the format is unknown, a number is not finite, or the format cannot store a word.
            OSError: writing failed; the old file is untouched.

        Example:
            >>> import tempfile, pathlib
            >>> import numpy as np
            >>> from fastnlp import WordVectors
            >>> path = pathlib.Path(tempfile.mkdtemp()) / "one.vec"
            >>> WordVectors(["word"], np.array([[0.5, -1]], np.float32)).save(path)
            >>> path.read_text()
            '1 2\nword 0.5 -1\n'
            >>> WordVectors.load(path)["word"].tolist()
            [0.5, -1.0]
        """
        chosen = _checked(format) or format_from_name(path)
        if chosen is None:
            raise ValueError(
                f"path: expected a name in .bin, .vec or .txt, or a format, got {os.fspath(path)} and none"
            )
        if chosen == "fasttext":
            raise ValueError(
                "format: expected one for vectors alone, got 'fasttext'; FastText.save writes it"
            )
        write_word2vec(
            path,
            self.index_to_key,
            self.vectors,
            binary=chosen == "word2vec-binary",
            header=chosen != "glove",
        )

    @classmethod
    def load_word2vec_format(
        cls,
        fname: str | os.PathLike[str],
        binary: bool = False,
        unicode_errors: UnicodeErrors = "strict",
        limit: int | None = None,
        no_header: bool = False,
    ) -> Self:
        """`load` with gensim's names.

        Args:
            fname: the file.
            binary: the binary format.
            unicode_errors: as in `load`.
            limit: as in `load`.
            no_header: the text format without the line "V D", as GloVe's.

        Returns:
            The vectors.

        Raises:
            ValueError: as `load`.
            OSError: as `load`.
        """
        tokens, vectors = read_word2vec(
            fname, binary=binary, header=not no_header, limit=limit, unicode_errors=unicode_errors
        )
        return cls(tokens, vectors)

    def save_word2vec_format(
        self, fname: str | os.PathLike[str], binary: bool = False, write_header: bool = True
    ) -> None:
        """`save` with gensim's names.

        Args:
            fname: the file.
            binary: the binary format.
            write_header: write the line "V D"; text can do without.

        Raises:
            ValueError: as `save`.
            OSError: as `save`.
        """
        write_word2vec(fname, self.index_to_key, self.vectors, binary=binary, header=write_header)
