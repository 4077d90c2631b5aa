"""Word vectors from files and to files."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Self, cast, get_args

from fastnlp.io.checks import checked_call, checked_path, checked_source, whole_number
from fastnlp.io.fasttext import is_fasttext
from fastnlp.io.npz import read_npz, write_npz
from fastnlp.io.safetensors import read_safetensors, write_safetensors
from fastnlp.io.stored_rows import DType, checked_dtype
from fastnlp.io.vector_formats import Format, format_from_name, sniff_format
from fastnlp.io.vector_table import Duplicates, Progress, VectorTable, merged
from fastnlp.io.vectors_file import read_vectors_file, write_vectors_file
from fastnlp.io.word2vec import UnicodeErrors, read_word2vec_table, write_word2vec
from fastnlp.vectors.fasttext_model import write_words
from fastnlp.vectors.table import Unknown, WordTable

__all__ = ["Files"]


def _checked(chosen: Format | None) -> Format | None:
    if chosen is not None and not isinstance(chosen, str):
        raise TypeError(f"format: expected one of {get_args(Format)} or None, got {type(chosen).__name__}")
    if chosen is not None and chosen not in get_args(Format):
        raise ValueError(f"format: expected one of {get_args(Format)} or None, got {chosen!r}")
    return chosen


def _found(path: str | os.PathLike[str]) -> Format:
    """The format of a file: what its first bytes say, unless it may be binary and its name says so."""
    named = format_from_name(path)
    if named in ("word2vec-binary", "npz", "safetensors", "fastnlp") and not is_fasttext(path):
        return cast(Format, named)
    found = sniff_format(path)
    return "word2vec-text" if named == "word2vec-text" and found == "word2vec-binary" else found


class Files(WordTable):
    """The part of `WordVectors` that loads and saves.

    What a file becomes depends on what it holds: there is a class for each storage and one for words with
    n-grams. They are subclasses of `WordVectors`, which stand above it, so each says in its definition what
    it keeps.
    """

    _classes: ClassVar[dict[str, type[Any]]] = {}

    def __init_subclass__(cls, keeps: tuple[str, ...] = (), **options: Any) -> None:
        super().__init_subclass__(**options)
        for kind in keeps:
            Files._classes[kind] = cls

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        format: Format | None = None,  # noqa: A002
        limit: int | None = None,
        unicode_errors: UnicodeErrors = "strict",
        *,
        lowercase: bool = False,
        duplicates: Duplicates = "error",
        dtype: DType | None = None,
        unknown: Unknown = "error",
        mapped: bool = True,
        progress: Progress | None = None,
    ) -> Self:
        r"""Word vectors from a file.

        Args:
            path: the file; decompressed where its name ends in .gz.
            format: "word2vec-text", "word2vec-binary", "glove" (text without the line "V D"), "fasttext" (a
                model with n-grams: the result is `SubwordVectors`), "npz" (NumPy), "safetensors" or "fastnlp"
                (fastnlp's own, .fnv). None tells them by the name, of .bin, .vec and .txt also by the first
                bytes, or where the name does not say by the first bytes alone.
            limit: read the first so many rows only.
            unicode_errors: "strict", "replace" or "ignore": what becomes of words that are not UTF-8.
            lowercase: lower-case the words. Of those that become equal the first row stays, which is the most
                frequent in files that are in order of frequency; counts add up.
            duplicates: what becomes of a word that is there twice in a text or binary file: "error", or
                "first" for its first row.
            dtype: what the numbers are kept in: "float32", "float16", or "int8" with a scale a row. The last
                two give `CompactVectors`. None is as the file has them, float32 where that is text.
            unknown: what stands for the vector of an unknown word: "error", "zeros", "mean" (of all vectors),
                or a function that is given the word.
            mapped: map .fnv and .safetensors instead of reading them: the file has to stay as it is while the
                vectors are in use, and its numbers are not checked. Else all of it is read and checked.
            progress: called as the file is read, and its numbers are stored in another way where they are,
                with the bytes done and those there are.

        Returns:
            The vectors, in the order of the file.

        Raises:
            ValueError: the file is damaged; the message names the file, the line or byte, and the reason.
            TypeError: an argument is of another type.
            OSError: the file cannot be opened.

        Example:
            >>> import tempfile, pathlib
            >>> from fastnlp import WordVectors
            >>> path = pathlib.Path(tempfile.mkdtemp()) / "three.txt"
            >>> _ = path.write_text("the 1 0\nThe 2 0\ncat 0 1\n")
            >>> vectors = WordVectors.load(path, lowercase=True, unknown="zeros")
            >>> vectors.index_to_key, vectors["dog"].tolist()
            (['the', 'cat'], [0.0, 0.0])
        """
        checked_source("path", path)
        checked_call("progress", progress)
        checked_dtype(dtype)
        if limit is not None:
            limit = whole_number("limit", limit, least=1)
        chosen = _checked(format) or _found(path)
        if duplicates not in get_args(Duplicates):
            raise ValueError(f"duplicates: expected one of {get_args(Duplicates)}, got {duplicates!r}")
        if chosen == "fasttext":
            with_ngrams = Files._classes["n-grams"]
            if lowercase or dtype not in (None, "float32"):
                # Without its n-grams, a model is a table like any other.
                whole = with_ngrams.load(path, limit=limit, unicode_errors=unicode_errors, progress=progress)
                table = VectorTable(
                    whole.index_to_key, whole.key_to_index, whole._stored(), whole.expandos.get("count")
                )
                return cls._of(_adapted(table, lowercase, dtype, None), unknown)
            model = with_ngrams.load(
                path, limit=limit, unicode_errors=unicode_errors, unknown=unknown, progress=progress
            )
            return cast(Self, model)
        if chosen in ("word2vec-text", "word2vec-binary", "glove"):
            table = read_word2vec_table(
                path,
                binary=chosen == "word2vec-binary",
                header=chosen != "glove",
                limit=limit,
                unicode_errors=unicode_errors,
                lowercase=lowercase,
                duplicates=duplicates,
                dtype=dtype or "float32",
                progress=progress,
            )
            return cls._of(table, unknown)
        if chosen == "npz":
            table = read_npz(path, limit=limit, dtype=dtype, progress=progress)
        elif chosen == "safetensors":
            table = read_safetensors(path, mapped=mapped, progress=progress).first(limit)
        else:
            table = read_vectors_file(path, mapped=mapped, progress=progress).first(limit)
        try:
            return cls._of(_adapted(table, lowercase, dtype, progress), unknown)
        except ValueError as error:  # of numbers that are read only now
            text = str(error)
            raise ValueError(
                text if text.startswith(os.fspath(path)) else f"{os.fspath(path)}: {text}"
            ) from None

    @classmethod
    def _of(cls, table: VectorTable, unknown: Unknown = "error") -> Self:
        """The vectors of a table, in the class for its storage."""
        if table.rows.dtype == "float32":
            return cls(table.words, table.rows.values, table.counts, unknown=unknown, index=table.index)
        compact = Files._classes[table.rows.dtype]
        return cast(Self, compact(table.words, table.rows, table.counts, unknown=unknown, index=table.index))

    def _table(self) -> VectorTable:
        return VectorTable(self.index_to_key, self.key_to_index, self._stored(), self.expandos.get("count"))

    def astype(self, dtype: DType) -> Self:
        """The same vectors in another storage: "float32", "float16", or "int8" with a scale a row.

        Args:
            dtype: of the result.

        Returns:
            `CompactVectors` for float16 and int8; the same rows, not copied, where nothing changes. N-grams
            are left behind.

        Raises:
            ValueError: there is no such storage, or a number does not fit float16.

        Example:
            >>> import numpy as np
            >>> from fastnlp import WordVectors
            >>> vectors = WordVectors(["pi"], np.array([[3.14159, 0]], np.float32))
            >>> vectors.astype("float16")["pi"].tolist()
            [3.140625, 0.0]
        """
        if checked_dtype(dtype) is None:
            raise ValueError("dtype: expected 'float32', 'float16' or 'int8', got None")
        made = Files._classes["float32"]._of(self._table().stored_as(dtype), self.unknown)
        return cast(Self, made)

    def save(
        self,
        path: str | os.PathLike[str],
        format: Format | None = None,  # noqa: A002
        *,
        dtype: DType | None = None,
        progress: Progress | None = None,
    ) -> None:
        r"""Writes the vectors to a file, which appears whole or not at all.

        Every format keeps each float32 exactly. Counts are kept by "fasttext", "npz", "safetensors" and
        "fastnlp".

        Args:
            path: the file to create or replace; word2vec's formats are compressed where it ends in .gz.
            format: as in `load`; None takes it from the name, which has to end in .bin, .vec, .txt, .npz,
                .safetensors or .fnv then. A name in .bin is word2vec's binary format, but of `SubwordVectors`
                fastText's, with the n-grams. "fasttext" makes of words without n-grams a model of fastText
                that has none (maxn 0) and no vector for other words; counts that are not known become V,
                V - 1, ...
            dtype: what the numbers are stored in by "npz", "safetensors" and "fastnlp": "float32", "float16"
                or "int8"; None is as they are.
            progress: called with the rows written and those there are.

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
        checked_path("path", path)
        checked_call("progress", progress)
        chosen = _checked(format) or self.format_of(path)
        if chosen is None:
            raise ValueError(
                "path: expected a name in .bin, .vec, .txt, .npz, .safetensors or .fnv, or a format, got "
                f"{os.fspath(path)} and none"
            )
        rows = self._stored()
        if checked_dtype(dtype) not in (None, rows.dtype):
            if chosen in ("word2vec-text", "word2vec-binary", "glove", "fasttext"):
                raise ValueError(f"dtype: expected None or 'float32' for {chosen}, got {dtype!r}")
            rows = rows.astype(cast(DType, dtype))
        if chosen == "fasttext":
            self._write_fasttext(path, progress)
        elif chosen == "npz":
            write_npz(path, self.index_to_key, rows, self.expandos.get("count"), progress=progress)
        elif chosen == "safetensors":
            write_safetensors(path, self.index_to_key, rows, self.expandos.get("count"), progress=progress)
        elif chosen == "fastnlp":
            write_vectors_file(path, self.index_to_key, rows, self.expandos.get("count"), progress=progress)
        else:
            write_word2vec(
                path,
                self.index_to_key,
                rows,
                binary=chosen == "word2vec-binary",
                header=chosen != "glove",
                progress=progress,
            )

    def format_of(self, path: str | os.PathLike[str]) -> Format | None:
        """The format that `save` writes by a file's name; None where the name does not say."""
        return format_from_name(path)

    def _write_fasttext(self, path: str | os.PathLike[str], progress: Progress | None) -> None:
        write_words(path, self.index_to_key, self._stored(), self.expandos.get("count"), progress)

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
        table = read_word2vec_table(
            fname, binary=binary, header=not no_header, limit=limit, unicode_errors=unicode_errors
        )
        return cls._of(table)

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
        write_word2vec(fname, self.index_to_key, self._stored(), binary=binary, header=write_header)


def _adapted(
    table: VectorTable, lowercase: bool, dtype: DType | None, progress: Progress | None
) -> VectorTable:
    return (merged(table, str.lower) if lowercase else table).stored_as(dtype, progress)
