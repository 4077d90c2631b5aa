"""Word vectors that know the n-grams of words, and so have a vector for any word."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.checks import checked_call, checked_source, several, whole_number
from fastnlp.io.fasttext import FastTextSettings, read_fasttext
from fastnlp.io.vector_formats import Format
from fastnlp.io.vector_table import Progress
from fastnlp.io.word2vec import UnicodeErrors
from fastnlp.text import WordList
from fastnlp.vectors.fasttext_model import TrainedRows, write_subwords
from fastnlp.vectors.ngram_rows import NgramRows
from fastnlp.vectors.table import Key, Unknown
from fastnlp.vectors.word_vectors import WordVectors

__all__ = ["SubwordVectors"]

_WORDS = 1 << 16  # whose vectors are composed at a time


class SubwordVectors(WordVectors, keeps=("n-grams",)):
    """Word vectors that answer for unseen words too: by their character n-grams (Bojanowski et al. 2017).

    The known words have rows in `vectors`, as in any `WordVectors`, and are what searches find. `get_vector`,
    indexing, similarity and queries take any other word with at least one n-gram as well. As in gensim,
    `word in vectors` tells whether there is a vector, and `word in vectors.key_to_index` whether it is known.
    `save` writes a name in .bin in fastText's format, with the n-grams, and words alone by other names.

    Args:
        tokens: V different words.
        vectors: (V, D) float32, their composed vectors.
        ngrams: the vectors of n-grams.
        counts: V numbers of occurrences, if known.

    Raises:
        TypeError, ValueError: as `WordVectors`.

    Example:
        >>> rows = np.eye(4, dtype=np.float32)
        >>> ngrams = NgramRows(rows.view(np.uint8), np.empty(0, np.int32), buckets=4, min_n=1, max_n=1)
        >>> vectors = SubwordVectors(["ab"], ngrams.compose(WordList.from_words("words", ["ab"])), ngrams)
        >>> vectors["ab"].tolist(), vectors["ba"].tolist()
        ([0.5, 0.5, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0])
        >>> vectors.most_similar("aab", topn=1)[0][0]
        'ab'
    """

    def __init__(
        self,
        tokens: Iterable[str],
        vectors: NDArray[np.float32],
        ngrams: NgramRows,
        counts: Sequence[int] | NDArray[np.integer[Any]] | None = None,
    ) -> None:
        super().__init__(tokens, vectors, counts)
        if ngrams.rows.ndim != 2 or ngrams.rows.shape[1] != 4 * self.vector_size:
            raise ValueError(
                f"ngrams: expected rows of {self.vector_size} float32, got bytes of {ngrams.rows.shape}"
            )
        self.ngrams = ngrams
        self._trained: TrainedRows | None = None

    def __contains__(self, key: object) -> bool:
        """Whether there is a vector: for rows, known words, and words with an n-gram."""
        return super().__contains__(key) or (isinstance(key, str) and self._has_ngrams(key))

    def __getitem__(self, key_or_keys: Key | Sequence[Key]) -> NDArray[np.float32]:
        """The vector of a word, or the (N, D) vectors of N words."""
        if isinstance(key_or_keys, str | int | np.integer):
            return self.get_vector(key_or_keys)
        return self.vectors_of(several("key", key_or_keys))

    def get_vector(self, key: Key, norm: bool = False) -> NDArray[np.float32]:
        """The vector of a word, seen or not.

        Args:
            key: a word or a row.
            norm: scaled to length 1 (a row without a direction gives zeros).

        Returns:
            (D,) float32, not writeable.

        Raises:
            KeyError: the row does not exist, or the word is unknown and has no n-gram.
        """
        if not isinstance(key, str) or key in self.key_to_index or not self._has_ngrams(key):
            return super().get_vector(key, norm)
        vector: NDArray[np.float32] = self.ngrams.compose(WordList.from_words("key", [key]), threads=1)[0]
        length = float(np.linalg.norm(vector))
        if norm and length:
            vector /= np.float32(length)
        vector.flags.writeable = False
        return vector

    def vectors_of(self, keys: Sequence[Key]) -> NDArray[np.float32]:
        """The vectors of many words, seen or not.

        Args:
            keys: N words or rows.

        Returns:
            (N, D) float32.

        Raises:
            KeyError: a row does not exist, or a word is unknown and has no n-gram.
        """
        if self.unknown != "error":
            return np.stack([self.get_vector(key) for key in keys])
        rows = np.array([self.get_index(key, -1) for key in keys], np.int64)
        unseen = [keys[int(i)] for i in np.flatnonzero(rows < 0)]
        for key in unseen:
            if not (isinstance(key, str) and self._has_ngrams(key)):
                self.get_index(key)  # says what is missing
        out = self.vectors[rows]
        out[rows < 0] = self.ngrams.compose(WordList.from_words("keys", [str(key) for key in unseen]))
        return out

    def _has_ngrams(self, word: Key) -> bool:
        """At least one n-gram: <word> is long enough, and the marks alone are none."""
        longest = len(str(word)) + 2
        return 0 < self.ngrams.min_n <= min(longest, self.ngrams.max_n) and word not in ("", "</s>")

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        format: Format | None = None,  # noqa: A002
        limit: int | None = None,
        unicode_errors: UnicodeErrors = "strict",
        **others: Any,
    ) -> Self:
        """Word vectors with their n-grams from a fastText `.bin`.

        The n-grams stay in the file, which is mapped and has to stay as it is; the vectors of the known words
        are composed and kept in memory.

        Args:
            path: the file.
            format: "fasttext" or None.
            limit: keep the first so many words only; the others are answered by their n-grams alone.
            unicode_errors: as in `WordVectors.load`; n-grams are taken from the bytes as they are.
            **others: of what else `WordVectors.load` takes, `unknown` and `progress`.

        Returns:
            The vectors, in the order of the file.

        Raises:
            ValueError: the file is damaged, or holds another kind of model.
            OSError: the file cannot be opened.
        """
        if format not in ("fasttext", None):
            raise ValueError(f"format: expected 'fasttext', the one that holds n-grams, got {format!r}")
        checked_source("path", path)
        if limit is not None:
            limit = whole_number("limit", limit, least=1)
        unknown: Unknown = others.pop("unknown", "error")
        progress: Progress | None = others.pop("progress", None)
        checked_call("progress", progress)
        if others:
            raise ValueError(
                f"{min(others)}: expected nothing for a model with n-grams; see WordVectors.load"
            )
        model = read_fasttext(path)
        kept = len(model.counts) if limit is None else min(limit, len(model.counts))
        offsets = model.offsets[: kept + 1]
        words = WordList(model.words[: offsets[-1]], offsets)
        settings: FastTextSettings = model.settings
        ngrams = NgramRows(
            model.ngram_rows, np.empty(0, np.int32), settings.buckets, settings.min_n, settings.max_n
        )
        vectors = np.empty((kept, settings.dim), np.float32)
        for start in range(0, kept, _WORDS):
            ends = offsets[start : start + _WORDS + 1]
            part = WordList(words.data[ends[0] : ends[-1]], ends - ends[0])
            rows = np.arange(start, start + len(part), dtype=np.int64)
            block = ngrams.compose(part, rows, model.word_rows)
            if not np.isfinite(block).all():
                wrong = start + int(np.argmax(~np.isfinite(block).all(axis=1)))
                raise ValueError(f"{os.fspath(path)}: the vector of word {wrong} holds NaN or infinity")
            vectors[start : start + len(part)] = block
            if progress is not None:
                progress((start + len(part)) * 4 * settings.dim, kept * 4 * settings.dim)
        first = _decoded(path, words, unicode_errors)
        chosen = list(first.values())
        whole = len(chosen) == kept
        loaded = cls(
            first,
            vectors if whole else vectors[chosen],
            ngrams,
            model.counts[:kept] if whole else model.counts[chosen],
        )
        loaded.unknown = unknown
        loaded._trained = TrainedRows(settings, dict(first), model.word_rows, model.output)
        return loaded

    def format_of(self, path: str | os.PathLike[str]) -> Format | None:
        """As in `WordVectors`; .bin is fastText's format."""
        named = super().format_of(path)
        plain = named == "word2vec-binary" and os.fspath(path).lower().endswith(".bin")
        return "fasttext" if plain else named

    def _write_fasttext(self, path: str | os.PathLike[str], progress: Progress | None) -> None:
        write_subwords(
            path,
            self.index_to_key,
            self.vectors,
            self.expandos.get("count"),
            self.ngrams,
            self._trained,
            progress,
        )


def _decoded(path: str | os.PathLike[str], words: WordList, unicode_errors: UnicodeErrors) -> dict[str, int]:
    """The words as strings, with the first row of each."""
    first: dict[str, int] = {}
    data, ends = words.data, words.offsets.tolist()
    for row in range(len(words)):
        try:
            word = data[ends[row] : ends[row + 1]].decode("utf-8", unicode_errors)
        except UnicodeDecodeError:
            raise ValueError(
                f"{os.fspath(path)}: word {row} is not valid UTF-8; "
                "unicode_errors='replace' or 'ignore' reads it"
            ) from None
        if first.setdefault(word, row) != row and unicode_errors == "strict":
            raise ValueError(f"{os.fspath(path)}: word {row} is {word!r}, as is word {first[word]}")
    return first
