import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from oracles import softmax as book

from fastnlp import Corpus, Word2Vec
from fastnlp.models import hidden_vector, softmax_log_probabilities, tree_log_probabilities
from fastnlp.sampling import HuffmanTree

TEXT = [3, 1, 4, 1, 5, 2, 6, 5, 3, 5]


def tables(words=7, dim=3, seed=0):
    return np.random.default_rng(seed).normal(size=(2, words, dim))


@pytest.mark.parametrize("m", [1, 3])
@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_the_books_gradients_are_finite_differences(model, m):
    gradients = getattr(book, f"{model}_gradients")(TEXT, m, *tables())
    log_likelihood = getattr(book, f"{model}_log_likelihood")
    expected = book.slopes(lambda point: log_likelihood(TEXT, m, *point), tables())
    np.testing.assert_allclose(gradients, expected, atol=1e-8)


def test_the_gradient_of_one_pair_and_of_one_window_are_finite_differences():
    v, u = tables()
    by_v = book.slopes(lambda point: np.log(book.skipgram(4, point, u)[2]), v)
    np.testing.assert_allclose(by_v[4], book.skipgram_center_gradient(2, 4, v, u), atol=1e-9)
    by_v = book.slopes(lambda point: np.log(book.cbow([4, 0, 3], point, u)[2]), v)
    for o in (4, 0, 3):
        np.testing.assert_allclose(by_v[o], book.cbow_context_gradient(2, [4, 0, 3], v, u), atol=1e-9)


@pytest.mark.parametrize("m", [1, 2, 20])
def test_the_likelihood_is_that_of_the_counts_of_pairs(m):
    """-sum_ij x_ij log q_ij, with which the section on GloVe begins."""
    v, u = tables()
    x = np.zeros((7, 7))
    for c, contexts in book.windows(TEXT, m):
        np.add.at(x[c], contexts, 1)
    q = np.array([softmax_log_probabilities(v[i], u) for i in range(7)])
    assert (x * q).sum() == pytest.approx(book.skipgram_log_likelihood(TEXT, m, v, u))


def test_softmax_log_probabilities_are_the_books():
    v, u = tables()
    for c in range(7):
        np.testing.assert_allclose(np.exp(softmax_log_probabilities(v[c], u)), book.skipgram(c, v, u))
    h = hidden_vector(v[[4, 4, 1]])
    np.testing.assert_allclose(np.exp(softmax_log_probabilities(h, u)), book.cbow([4, 4, 1], v, u))


def test_the_hidden_vector_is_a_mean_or_a_sum_of_contexts():
    v, _ = tables()
    for how in ("mean", "word2vec"):
        np.testing.assert_allclose(hidden_vector(v[[4, 4, 1]], how), book.mean_of([4, 4, 1], v))
    np.testing.assert_allclose(hidden_vector(v[[4, 4, 1]], "sum"), v[4] + v[4] + v[1])
    np.testing.assert_array_equal(hidden_vector(v[[2]], "sum"), v[2])


scores = st.floats(-1e4, 1e4)


@given(arrays.arrays(np.float64, 2, elements=scores), arrays.arrays(np.float64, (9, 2), elements=scores))
def test_probabilities_of_the_softmax_sum_to_one(h, u):
    found = softmax_log_probabilities(h, u)
    assert (found <= 0).all()
    assert np.exp(found).sum() == pytest.approx(1)


@st.composite
def trees(draw):
    """Any binary tree over some of the words; inner nodes are numbered from the leaves up."""
    vocabulary = draw(st.integers(2, 20))
    count = draw(st.integers(2, vocabulary))
    tops = draw(st.permutations(range(vocabulary)))[:count]
    links = np.full(2 * vocabulary - 1, -1, np.int32)
    for node in range(count - 1):
        for turn in (0, 1):
            child = tops.pop(draw(st.integers(0, len(tops) - 1)))
            links[child] = 2 * node + turn
        tops.append(vocabulary + node)
    return HuffmanTree(links, vocabulary)


def paths(tree):
    """The inner nodes and turns of each word."""
    return [[divmod(int(step), 2) for step in tree.steps(word)] for word in range(tree.vocabulary)]


@given(trees(), st.integers(0, 99))
def test_probabilities_of_any_tree_are_the_books_and_sum_to_one(tree, seed):
    (h,), u = np.split(2 * np.random.default_rng(seed).normal(size=(1 + tree.vocabulary, 4)), [1])
    found = np.exp(tree_log_probabilities(h, u, tree))
    expected = [book.on_path(path, h, u) if path else 0.0 for path in paths(tree)]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=0)
    assert found.sum() == pytest.approx(1)


def test_the_way_to_w3_has_the_signs_of_the_book():
    """Its example: from the root left, right, left, so L(w3) = 4 and the signs are +, -, +."""
    w3, root, inner, last = 2, 2, 1, 0
    links = [2 * root + 1, 2 * inner, 2 * last, 2 * last + 1, 2 * inner + 1, 2 * root, -1]
    tree = HuffmanTree(np.array(links, np.int32), 4)
    assert tree.code(w3) == "010"
    v, u = np.ones(1), np.array([[0.3], [-1.2], [2.0]])
    expected = book.sigmoid(2.0) * book.sigmoid(1.2) * book.sigmoid(0.3)
    assert np.exp(tree_log_probabilities(v, u, tree)[w3]) == pytest.approx(expected)


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_far_scores_keep_a_finite_logarithm(scale):
    u = scale * np.array([[1.0], [-1.0]])
    assert np.isfinite(softmax_log_probabilities(np.ones(1), u)).all()
    found = tree_log_probabilities(np.ones(1), u, HuffmanTree.from_counts([2, 1, 1]))
    assert np.isfinite(found).all()


SENTENCES = ["the man loves his son", "his son loves the sea", "the sea"] * 20 + ["the rare sea"]
MODELS = [
    dict(architecture="skipgram", loss="ns"),
    dict(architecture="skipgram", loss="hs"),
    *(
        dict(architecture="cbow", loss=loss, cbow_contexts=contexts)
        for loss in ("ns", "hs")
        for contexts in ("mean", "word2vec", "sum")
    ),
]


def fitted(settings, **more):
    corpus = Corpus.from_text(SENTENCES, min_count=2, unknown="<unk>")
    small = dict(dim=8, window=2, epochs=20, subsample=0, lr=0.1, threads=1, negatives=3)
    return Word2Vec(**{**small, **settings, **more}).fit(corpus)


def oracle(model, words):
    """P of each word, from the tables of the model."""
    v, u = (table.astype(np.float64) for table in (model._tables.input, model._tables.output))
    ids = [model.vectors.key_to_index[word] for word in words]
    h = sum(v[i] for i in ids)
    if model.config.cbow_contexts != "sum":
        h = book.mean_of(ids, v)
    if model.config.loss == "ns":
        return book.probabilities(h, u)
    return np.array([book.on_path(path, h, u) if path else 0.0 for path in paths(model._tables.tree)])


@pytest.mark.parametrize("settings", MODELS)
def test_log_prob_and_predict_are_the_books(settings):
    model = fitted(settings)
    contexts = [["loves"], ["son"]]
    if settings["architecture"] == "cbow":
        contexts += [["the", "his"], ["the", "man", "his", "his"]]
    for words in contexts:
        expected = oracle(model, words)
        assert expected.sum() == pytest.approx(1)
        assert expected.max() > 1.5 / len(expected)
        names = model.vectors.index_to_key
        for word, p in zip(names, expected, strict=True):
            assert np.exp(model.log_prob(word, words)) == pytest.approx(p, rel=1e-9)
        if len(words) == 1:
            assert model.log_prob("the", words[0]) == model.log_prob("the", words)
            assert model.predict(words[0]) == model.predict(words)
        best = np.argsort(-expected, kind="stable")
        for topn in (1, 3, 100):
            found = model.predict(words, topn=topn)
            assert [word for word, _ in found] == [names[i] for i in best[:topn]]
            np.testing.assert_allclose([p for _, p in found], expected[best[:topn]], rtol=1e-9)


@pytest.mark.parametrize("architecture", ["skipgram", "cbow"])
def test_the_unknown_token_has_no_leaf(architecture):
    model = fitted(dict(architecture=architecture, loss="hs"))
    assert model.log_prob("<unk>", "the") == -np.inf
    assert model.predict("the", topn=100)[-1] == ("<unk>", 0.0)


@pytest.mark.parametrize("settings", MODELS[:3])
def test_bad_questions_are_refused(settings):
    model = fitted(settings, epochs=1)
    for question in (lambda: model.log_prob("zebra", "the"), lambda: model.log_prob("the", "zebra")):
        with pytest.raises(KeyError, match="'zebra' is not in the vocabulary of the model"):
            question()
    with pytest.raises(KeyError, match="'zebra' is not in the vocabulary of the model"):
        model.predict(["zebra"])
    for topn in (0, -3):
        with pytest.raises(ValueError, match=f"topn: expected at least 1, got {topn}"):
            model.predict("the", topn=topn)
    kind = "words" if settings["architecture"] == "cbow" else "one word"
    with pytest.raises(ValueError, match=rf"given: expected {kind}, got \[\]"):
        model.predict([])
    with pytest.raises(ValueError, match=rf"given: expected {kind}, got \[\]"):
        model.log_prob("the", [])
    if settings["architecture"] == "skipgram":
        with pytest.raises(ValueError, match=r"given: expected one word, got \['the', 'his'\]"):
            model.log_prob("son", ["the", "his"])
        with pytest.raises(ValueError, match=r"given: expected one word, got \['the', 'his'\]"):
            model.predict(["the", "his"])


def test_a_model_that_was_not_fitted_predicts_nothing():
    for settings in MODELS:
        model = Word2Vec(**settings)
        with pytest.raises(RuntimeError, match="expected a fitted model"):
            model.log_prob("a", "b")
        with pytest.raises(RuntimeError, match="expected a fitted model"):
            model.predict("b")
