"""Two dimensions from many: PCA, t-SNE and UMAP."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fastnlp.plots.libraries import load_library

__all__ = ["Method", "principal_plane", "project"]

Method = Literal["pca", "tsne", "umap"]

_FEWEST = {"pca": 2, "tsne": 5, "umap": 5}


def project(
    rows: NDArray[np.floating[Any]], method: Method = "pca", seed: int = 1
) -> tuple[NDArray[np.float64], str]:
    """Points in the plane for vectors, and how they were found in words.

    Args:
        rows: (N, D) finite.
        method: "pca" (principal components: the plane in which the vectors lie farthest apart; distances are
            those seen from that side), "tsne" (van der Maaten and Hinton 2008: neighbours stay neighbours,
            other distances mean little; scikit-learn's) or "umap" (McInnes et al. 2018: likewise;
            umap-learn's).
        seed: of the draws of t-SNE and UMAP.

    Returns:
        (N, 2) float64 and a note like "PCA, 41% of the variance".

    Raises:
        ImportError: the library of the method is not installed; the message names the extra.
        ValueError: the method is unknown, or there are too few different vectors for it.

    Example:
        >>> points, note = project(np.array([[0.0, 0, 1], [0, 3, 1], [4, 0, 1]]))
        >>> points.round(2).tolist(), note
        ([[-0.66, 1.53], [-2.15, -1.07], [2.81, -0.46]], 'PCA, 100% of the variance')
    """
    if method not in get_args(Method):
        raise ValueError(f"method: expected one of {get_args(Method)}, got {method!r}")
    table: NDArray[np.float64] = np.asarray(rows, np.float64)
    different = len(np.unique(table, axis=0))
    if different < _FEWEST[method]:
        raise ValueError(
            f"words: expected at least {_FEWEST[method]} with different vectors for method={method!r}, "
            f"got {len(rows)} with {different}"
        )
    if method == "pca":
        points, share = principal_plane(table)
        return points, f"PCA, {share:.0%} of the variance"
    if method == "tsne":
        manifold: Any = load_library("sklearn.manifold", "t-SNE")
        perplexity = min(30.0, (len(rows) - 1) / 3)
        limits: Any = load_library("threadpoolctl", "t-SNE").threadpool_limits
        tsne = manifold.TSNE(2, perplexity=perplexity, init="pca", random_state=seed)
        # Its threads meet a thousand times and more, which takes longer than the work on few points.
        with limits(1 if len(table) < 2000 else None, user_api="openmp"):
            points = np.asarray(tsne.fit_transform(table), np.float64)
        return points, f"t-SNE, perplexity {perplexity:.0f}"
    umap: Any = load_library("umap", "UMAP")
    neighbours = min(15, len(rows) - 1)
    # One thread: with a seed UMAP uses no more, and says so in a warning otherwise.
    model = umap.UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1, init="pca")
    return np.asarray(model.fit_transform(table), np.float64), f"UMAP, {neighbours} neighbours"


def principal_plane(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The first two principal components of vectors.

    Args:
        rows: (N, D), not all the same.

    Returns:
        (N, 2) float64 coordinates, each with the sign that makes its longest component positive, and the
        share of the variance that lies in the plane.

    Example:
        >>> principal_plane(np.array([[0.0, 5], [0, 5], [3, 5]]))
        (array([[-1.,  0.],
               [-1.,  0.],
               [ 2.,  0.]]), 1.0)
    """
    centred = rows - rows.mean(axis=0)
    if centred.shape[0] >= centred.shape[1]:
        variances, directions = np.linalg.eigh(centred.T @ centred)
        directions = directions[:, ::-1][:, :2]
    else:
        # Fewer vectors than dimensions: their inner products have the same components and are smaller.
        variances, scaled = np.linalg.eigh(centred @ centred.T)
        directions = centred.T @ scaled[:, ::-1][:, :2]
        lengths = np.linalg.norm(directions, axis=0)
        directions = np.divide(directions, lengths, out=np.zeros_like(directions), where=lengths > 0)
    points = np.zeros((len(rows), 2))
    points[:, : directions.shape[1]] = centred @ directions
    longest = points[np.abs(points).argmax(axis=0), [0, 1]]
    points *= np.where(longest < 0, -1.0, 1.0)
    variances = np.maximum(variances, 0)
    return points, float(variances[-2:].sum() / variances.sum())
