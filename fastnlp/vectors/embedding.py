"""Word vectors as a layer of torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnlp.vectors.table import WordTable

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Embeddings"]


class Embeddings(WordTable):
    """The part of `WordVectors` that torch models begin with."""

    def to_embedding(self, freeze: bool = True, padding_idx: int | None = None) -> nn.Embedding:
        """An `nn.Embedding` whose row of a word is its vector; `key_to_index` gives the rows.

        The layer and `vectors` share their memory, so that training one without `freeze` changes the other
        (call `fill_norms(force=True)` then, before searching). A table that is mapped from a file, or stored
        as float16 or int8, is copied. The other way round, the memory of a layer is shared by
        `WordVectors(words, layer.weight.detach().numpy())`.

        Args:
            freeze: leave the vectors as they are in training.
            padding_idx: a row that never gets a gradient.

        Returns:
            V rows of D numbers, float32, on the CPU.

        Raises:
            ImportError: torch is not installed.

        Example:
            >>> import numpy as np
            >>> from fastnlp import WordVectors
            >>> vectors = WordVectors(["a", "b"], np.array([[1, 2], [3, 4]], np.float32))
            >>> layer = vectors.to_embedding()  # doctest: +SKIP
            >>> layer(torch.tensor([vectors.key_to_index["b"]]))  # doctest: +SKIP
            tensor([[3., 4.]])
        """
        try:
            import torch
        except ImportError:
            raise ImportError(
                "to_embedding: expected torch to be installed; pip install 'fastnlp[torch]'"
            ) from None
        table = self._stored().floats()
        if not table.flags.writeable:
            table = table.copy()
        layer: nn.Embedding = torch.nn.Embedding.from_pretrained(  # type: ignore[no-untyped-call]
            torch.from_numpy(table), freeze=freeze, padding_idx=padding_idx
        )
        return layer
