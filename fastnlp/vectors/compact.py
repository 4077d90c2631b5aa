"""Word vectors that are stored in two bytes a number, or one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.stored_rows import StoredRows
from fastnlp.vectors.table import Unknown, threads_to_use
from fastnlp.vectors.word_vectors import WordVectors

__all__ = ["CompactVectors"]

_BLOCK = 1 << 22  # numbers made float32 at a time where all rows are compared, 16 MB


class CompactVectors(WordVectors, keeps=("float16", "int8")):
    """Word vectors in float16 or int8, which take a half or a quarter of the memory.

    Everything that is asked of `WordVectors` can be asked, and costs no more time; rows become float32 where
    they are used, in searches a few hundred at a time, and answers are those of the same numbers as float32,
    to the last bit. The table itself cannot be changed. `WordVectors.load(..., dtype=...)` and
    `WordVectors.astype` make them.

    Args:
        tokens: V different words.
        rows: their vectors.
        counts: V numbers of occurrences, if known.
        unknown: as in `WordVectors`.
        index: as in `WordVectors`.

    Attributes:
        stored: the rows as they are stored.

    Raises:
        TypeError, ValueError: as `WordVectors`.

    Example:
        >>> table = np.array([[2, 0], [2, 1], [0, 3]], np.float32)
        >>> vectors = WordVectors(["cat", "dog", "stone"], table).astype("int8")
        >>> vectors.most_similar("cat", topn=1)[0][0], vectors.stored.values.nbytes
        ('dog', 6)
    """

    stored: StoredRows

    def __init__(
        self,
        tokens: Iterable[str],
        rows: StoredRows,
        counts: Sequence[int] | NDArray[np.integer[Any]] | None = None,
        *,
        unknown: Unknown = "error",
        index: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(tokens, rows, counts, unknown=unknown, index=index)  # type: ignore[arg-type]

    def _keep(self, vectors: Any) -> None:
        if not isinstance(vectors, StoredRows):
            raise TypeError(f"rows: expected StoredRows, got {type(vectors).__name__}")
        self.stored = vectors

    def _shape(self) -> tuple[int, ...]:
        return self.stored.values.shape

    def _stored(self) -> StoredRows:
        return self.stored

    @property
    def vectors(self) -> NDArray[np.float32]:
        """(V, D) float32, all rows, made anew at each access."""
        return self.stored.floats(threads_to_use(None))

    @vectors.setter
    def vectors(self, vectors: NDArray[np.float32]) -> None:
        self.stored = StoredRows(vectors).astype(self.stored.dtype)

    def _writeable(self) -> NDArray[np.float32]:
        raise TypeError(
            f"vectors: expected float32 to be changed, got {self.stored.dtype}; astype('float32') makes them"
        )

    def _append(self, rows: NDArray[np.float32]) -> None:
        if len(rows):
            self._writeable()

    def _take(self, rows: NDArray[np.integer[Any]] | list[int]) -> NDArray[np.float32]:
        return self.stored.take(np.asarray(rows, np.int64)).floats()

    def _vector_at(self, row: int) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self._take([row])[0]
        return vector

    def _blocks(self, start: int, stop: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        step = max(1, _BLOCK // self.vector_size)
        for first in range(start, stop, step):
            yield first, self.stored.block(first, min(first + step, stop), threads_to_use(None))
