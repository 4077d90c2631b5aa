"""The book's pretrained word vectors: loading, nearest words, analogies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from fastnlp.d2l.download import data_folders, download_extract
from fastnlp.io.stored_rows import RowCollector
from fastnlp.io.vector_formats import sniff_format
from fastnlp.io.word2vec import word2vec_blocks

__all__ = ["TokenEmbedding", "get_analogy", "knn", "nearest_tokens"]

_SUFFIXES = (".txt", ".utf8.txt", ".vec")


class TokenEmbedding:
    r"""Word vectors of GloVe or fastText as the book loads them: row 0 is `<unk>`, all zeros.

    Args:
        embedding_name: a key of `d2l.DATA_HUB` ("glove.6b.50d", "glove.6b.100d", "glove.42b.300d" or
            "wiki.en"), or the path of a file of word vectors. Looked for first: a file of that name in .txt
            or .vec, whatever the case of its letters, in ../data and in the folder that the variable
            FASTNLP_DATA names, or in their subfolders glove and fasttext; Stanford's own glove.6B.50d.txt
            is one. Only else the book's archive is taken, which is fetched where it is not here.

    Attributes:
        idx_to_token: V + 1 tokens.
        token_to_idx: the index of each; of a token that a file has twice, the last.
        idx_to_vec: (V + 1, D) float32.
        unknown_idx: 0.

    Raises:
        ValueError: the name is unknown, or the file damaged; the message names file, line and reason. The
            book skips lines with at most one number wherever they are; here that is the first line alone.
        ConnectionError: the archive is neither here nor to be fetched.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "vec.txt"
        >>> _ = path.write_text("2 2\nhi 1.0 2.0\nho 0.5 0.25\n")
        >>> embedding = TokenEmbedding(path)
        >>> len(embedding), embedding.idx_to_token, embedding[["ho", "he"]]
        (3, ['<unk>', 'hi', 'ho'], tensor([[0.5000, 0.2500],
                [0.0000, 0.0000]]))
    """

    def __init__(self, embedding_name: str | os.PathLike[str]) -> None:
        self.idx_to_token, self.idx_to_vec = self._load_embedding(embedding_name)
        self.unknown_idx = 0
        self.token_to_idx = {token: idx for idx, token in enumerate(self.idx_to_token)}

    def _load_embedding(self, embedding_name: str | os.PathLike[str]) -> tuple[list[str], torch.Tensor]:
        path = _file_of(embedding_name)
        found = sniff_format(path)
        if found not in ("glove", "word2vec-text"):
            raise ValueError(f"{path}: expected word vectors as text, found {found}")
        tokens = ["<unk>"]
        with word2vec_blocks(path, header=found != "glove") as blocks:
            rows = RowCollector(blocks.dim, "float32", 1 + blocks.expected if blocks.expected else 0)
            rows.append(np.zeros((1, blocks.dim), np.float32))
            for words, vectors in blocks:
                tokens += words
                rows.append(vectors)
        return tokens, torch.from_numpy(rows.rows().values)

    def __getitem__(self, tokens: Sequence[str]) -> torch.Tensor:
        """The vectors of a list of tokens; of a string, those of its characters.

        Args:
            tokens: N tokens; unknown ones have the zeros of row 0.

        Returns:
            (N, D) float32.
        """
        indices = [self.token_to_idx.get(token, self.unknown_idx) for token in tokens]
        return self.idx_to_vec[torch.tensor(indices, dtype=torch.long)]

    def __len__(self) -> int:
        """V + 1."""
        return len(self.idx_to_token)


def _file_of(name: str | os.PathLike[str]) -> Path:
    """The text file of an embedding."""
    if Path(name).is_file():
        return Path(name)
    wanted = os.fspath(name).lower()
    for path in _text_files():
        if any(path.name.lower() == wanted + suffix for suffix in _SUFFIXES):
            return path
    hub = sys.modules["fastnlp.d2l"].__dict__["DATA_HUB"]
    if os.fspath(name) not in hub:
        raise ValueError(
            f"embedding_name: expected a file, the name of one in FASTNLP_DATA, or one of {sorted(hub)}, got "
            f"{os.fspath(name)!r}"
        )
    return Path(download_extract(os.fspath(name))) / "vec.txt"


def _text_files() -> Iterator[Path]:
    for folder in data_folders():
        for place in (folder, folder / "glove", folder / "fasttext"):
            if place.is_dir():
                yield from sorted(place.iterdir())


def knn(W: torch.Tensor, x: torch.Tensor, k: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The k rows of highest cosine with a vector, as the book computes them.

    cos = W x / (sqrt(sum(W * W) + 1e-9) |x|). A vector of zeros has the cosine 0 with every row, where the
    book gets NaN.

    Args:
        W: (V, D) float32.
        x: D numbers, in any shape.
        k: 1 to V.

    Returns:
        (k,) row numbers, best first, and their k cosines.

    Raises:
        ValueError: `k` is out of range.

    Example:
        >>> knn(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), torch.tensor([[2.0, 0.5]]), 2)[0]
        tensor([0, 2])
    """
    if not 1 <= k <= len(W):
        raise ValueError(f"k: expected 1 to {len(W)}, got {k}")
    x = x.reshape(-1)
    length = torch.sqrt((x * x).sum())
    if length == 0:
        cos = W.new_zeros(len(W))
    else:
        cos = torch.mv(W, x) / (torch.sqrt(torch.sum(W * W, dim=1) + 1e-9) * length)
    topk = torch.topk(cos, k=k).indices
    return topk, [cos[int(i)] for i in topk]


def nearest_tokens(query_token: str, k: int, embed: TokenEmbedding) -> list[tuple[str, float]]:
    """The k tokens closest to one, itself left out, with their cosines.

    Args:
        query_token: a token that the embedding knows.
        k: 1 to the number of other tokens.
        embed: the vectors.

    Returns:
        Pairs of a token and its cosine, best first.

    Raises:
        ValueError: the token is unknown, or `k` out of range.
    """
    if query_token not in embed.token_to_idx:
        raise ValueError(f"query_token: expected a token of the embedding, got {query_token!r}")
    if not 1 <= k < len(embed):
        raise ValueError(f"k: expected 1 to {len(embed) - 1}, got {k}")
    query = embed.token_to_idx[query_token]
    topk, cos = knn(embed.idx_to_vec, embed[[query_token]], k + 1)
    pairs = zip(topk.tolist(), cos, strict=True)
    return [(embed.idx_to_token[i], float(c)) for i, c in pairs if i != query][:k]


def get_analogy(token_a: str, token_b: str, token_c: str, embed: TokenEmbedding) -> str:
    r"""The token d that is to c as b is to a: the one whose vector is closest to b - a + c.

    As in the book, the three tokens themselves may be the answer, and an unknown one counts as zeros.

    Args:
        token_a: a token.
        token_b: what belongs to it.
        token_c: the token whose counterpart is asked for.
        embed: the vectors.

    Returns:
        The token.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "vec.txt"
        >>> _ = path.write_text("man 1 0 1\nwoman 1 1 1\nking 1 0 -1\nqueen 1 1 -1\n")
        >>> get_analogy("man", "woman", "king", TokenEmbedding(path))
        'queen'
    """
    vecs = embed[[token_a, token_b, token_c]]
    x = vecs[1] - vecs[0] + vecs[2]
    topk, _ = knn(embed.idx_to_vec, x, 1)
    return embed.idx_to_token[int(topk[0])]
