import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastnlp.plots.projection import principal_plane, project


@settings(max_examples=60)
@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(3, 12), st.integers(2, 9)),
        elements=st.integers(-50, 50).map(float),
    )
)
def test_the_principal_plane_is_that_of_the_singular_value_decomposition(rows):
    centred = rows - rows.mean(axis=0)
    left, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    if lengths[0] < 1e-6:
        return
    points, share = principal_plane(rows)
    assert share == pytest.approx((lengths[:2] ** 2).sum() / (lengths**2).sum())
    # The plane is one where the spread in it is the largest there is; its axes where the values differ.
    assert np.linalg.norm(points) == pytest.approx(np.sqrt((lengths[:2] ** 2).sum()), rel=1e-6, abs=1e-6)
    if lengths[0] - lengths[1] > 1e-3 * lengths[0]:
        assert np.abs(points[:, 0]) == pytest.approx(np.abs(left[:, 0] * lengths[0]), rel=1e-4, abs=1e-4)
        assert points[np.abs(points[:, 0]).argmax(), 0] > 0


def test_fewer_vectors_than_dimensions_give_the_same_plane_as_their_distances():
    rows = np.random.default_rng(3).normal(size=(3, 40))
    points, share = principal_plane(rows)
    apart = np.linalg.norm(rows[:, None] - rows, axis=2)
    assert np.linalg.norm(points[:, None] - points, axis=2) == pytest.approx(apart)
    assert share == pytest.approx(1)


def clusters():
    draw = np.random.default_rng(2)
    return np.repeat(draw.normal(size=(3, 12)) * 4, 12, axis=0) + draw.normal(size=(36, 12)) * 0.3


def together(points):
    """The share of points whose nearest other point is of their cluster."""
    apart = np.linalg.norm(points[:, None] - points, axis=2) + np.diag(np.full(len(points), np.inf))
    return (apart.argmin(axis=1) // 12 == np.arange(36) // 12).mean()


UMAP = pytest.param("umap", marks=pytest.mark.slow)  # compiles itself on first use


@pytest.mark.parametrize("method", ["pca", "tsne", UMAP])
def test_clusters_stay_clusters_and_a_seed_gives_the_same_points(method):
    library = {"tsne": "sklearn", "umap": "umap"}.get(method)
    if library:
        pytest.importorskip(library)
    points, note = project(clusters(), method)
    assert points.shape == (36, 2) and points.dtype == np.float64 and np.isfinite(points).all()
    assert together(points) == 1
    assert note.split(",")[0] == {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}[method]
    assert (project(clusters(), method)[0] == points).all()


@pytest.mark.parametrize("method", ["tsne", UMAP])
def test_five_vectors_are_enough(method):
    pytest.importorskip({"tsne": "sklearn", "umap": "umap"}[method])
    assert np.isfinite(project(np.random.default_rng(0).normal(size=(5, 8)), method)[0]).all()


@pytest.mark.parametrize(
    ("method", "module", "extra"), [("tsne", "sklearn.manifold", "plot"), ("umap", "umap", "umap")]
)
def test_a_missing_library_is_an_error_that_names_the_extra(monkeypatch, method, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"pip install 'fastnlp\[{extra}\]'"):
        project(clusters(), method)


def test_wrong_requests_are_errors():
    with pytest.raises(ValueError, match=r"method: expected one of .*'pca'.* got 'lda'"):
        project(clusters(), "lda")
    with pytest.raises(ValueError, match="at least 2 with different vectors for method='pca', got 3 with 1"):
        project(np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"at least 5 .* got 4 with 4"):
        project(clusters()[::9], "tsne")
