"""The same calls on the same file give the same answers in gensim."""

import numpy as np
import pytest

from fastnlp import WordVectors

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore:Call to deprecated `init_sims`:DeprecationWarning"),
]
gensim = pytest.importorskip("gensim.models")


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    generator = np.random.default_rng(5)
    # Clusters, so that neighbours are real, in a table large enough for several blocks and threads.
    centers = generator.standard_normal((60, 40))
    table = (centers[generator.integers(0, 60, 3000)] + 0.6 * generator.standard_normal((3000, 40))).astype(
        np.float32
    )
    words = [f"word{i}" for i in range(3000)]
    path = tmp_path_factory.mktemp("gensim") / "clusters.bin"
    WordVectors(words, table).save(path)
    return WordVectors.load(path), gensim.KeyedVectors.load_word2vec_format(str(path), binary=True)


def assert_same(ours, theirs):
    assert [word for word, _ in ours] == [word for word, _ in theirs]
    np.testing.assert_allclose([s for _, s in ours], [s for _, s in theirs], atol=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda v: v.most_similar("word3"),
        lambda v: v.most_similar(["word3", "word9"], ["word17"], topn=50),
        lambda v: v.most_similar([("word3", 0.3), "word9"], [("word17", -2.0)], topn=5),
        lambda v: v.most_similar(positive=[3, "word9"], restrict_vocab=100),
        lambda v: v.most_similar(negative="word5"),
        lambda v: v.most_similar(np.arange(40, dtype=np.float32)),
        lambda v: v.similar_by_word("word1", topn=3),
        lambda v: v.similar_by_vector(v["word1"], topn=3),
        lambda v: v.most_similar_cosmul(["word3", "word9"], ["word17"], topn=20),
    ],
)
def test_neighbours_are_gensims(both, call):
    ours, theirs = map(call, both)
    assert_same(ours, theirs)


@pytest.mark.parametrize(
    "call",
    [
        lambda v: v.similarity("word1", "word2"),
        lambda v: v.n_similarity(["word1", "word2"], ["word8", "word9", "word10"]),
        lambda v: v.distance("word1", "word2"),
        lambda v: v.distances("word1"),
        lambda v: v.distances("word1", ["word8", "word2"]),
        lambda v: v.distances(v["word4"]),
        lambda v: v.most_similar("word7", topn=None),
        lambda v: v.most_similar_cosmul("word7", topn=None),
        lambda v: v.get_vector("word7", norm=True),
        lambda v: v.get_normed_vectors(),
        lambda v: v.get_mean_vector(["word1", "word2"], [0.5, -2]),
        lambda v: v.get_mean_vector(["word1", "word2"], pre_normalize=False),
        lambda v: v.rank("word1", "word2"),
    ],
)
def test_numbers_are_gensims(both, call):
    ours, theirs = map(call, both)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda v: v.doesnt_match(["word1", "word2", "word3", "word4"]),
        lambda v: v.most_similar_to_given("word1", ["word2", "word3", "word4"]),
        lambda v: v.closer_than("word1", "word200"),
        lambda v: v.get_index("word5"),
        lambda v: v.get_index("nowhere", default=-3),
        lambda v: ["word1" in v, "nowhere" in v, 5 in v, 3000 in v],
        lambda v: [word for _, word in v.rank_by_centrality(["word1", "word2", "word3", "word4"])],
    ],
)
def test_choices_are_gensims(both, call):
    ours, theirs = map(call, both)
    assert ours == theirs


@pytest.mark.parametrize("norm", [True, False])
def test_distances_of_texts_are_gensims(both, norm, monkeypatch):
    for backend in ("PYTORCH", "JAX", "CUPY", "TENSORFLOW"):  # which POT would import, taking its time
        monkeypatch.setenv(f"POT_BACKEND_DISABLE_{backend}", "1")
    pytest.importorskip("ot")
    generator = np.random.default_rng(7)
    for _ in range(5):
        # Repeated words, words of both texts, and some that nobody knows.
        first, second = ([f"word{i}" for i in generator.integers(0, 12, 9)] + ["nowhere"] for _ in range(2))
        ours, theirs = (vectors.wmdistance(first, second, norm=norm) for vectors in both)
        assert ours == pytest.approx(theirs, abs=1e-6)
    ours, theirs = (vectors.wmdistance(["nowhere"], ["word1"]) for vectors in both)
    assert ours == theirs == float("inf")


def test_analogy_is_three_cos_add(both):
    ours, theirs = both
    assert_same(
        ours.analogy("word1", "word2", "word3", topn=4),
        theirs.most_similar(["word2", "word3"], ["word1"], topn=4),
    )
