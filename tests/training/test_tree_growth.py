"""Hierarchical softmax goes on with words that the first text did not have."""

import numpy as np
import pytest

from fastnlp import Corpus, Word2Vec
from fastnlp.sampling import HuffmanTree

FIRST = ["the man loves his son", "his son loves the sea", "the sea"] * 20 + ["the rare sea"] * 5
SECOND = ["the ship sails the sea", "his ship sails", "a ship"] * 20
SETTINGS = dict(dim=8, window=2, loss="hs", epochs=20, subsample=0, lr=0.1, threads=1)
ARCHITECTURES = ["skipgram", "cbow"]


def corpus(text, **options):
    return Corpus.from_text(text, min_count=10, **options)


def state(model):
    tables = model._tables
    return tables.tree.links.copy(), tables.input.copy(), tables.output.copy()


def probabilities(model, given):
    return np.exp([model.log_prob(word, given) for word in model.vectors.index_to_key])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("unknown", [None, "<unk>"])
def test_old_nodes_keep_their_rows_and_places(architecture, unknown):
    """A step too small to see leaves the tables as growth makes them."""
    model = Word2Vec(**SETTINGS, architecture=architecture).fit(corpus(FIRST, unknown=unknown))
    tree, names = model._tables.tree, model.vectors.index_to_key
    before = probabilities(model, "the")
    _, v, u = state(model)
    model.partial_fit(corpus(SECOND, unknown=unknown), epochs=1, lr=1e-30)
    grown, now = model._tables.tree, model.vectors.index_to_key
    assert now[: len(names)] == names
    assert set(now) - set(names) == {"ship", "sails", "a"}
    assert np.array_equal(model._tables.input[: len(v)], v)
    inner = {int(node) for word in range(len(names)) for node in tree.nodes(word)}
    for word in range(len(names)):
        kept = len(tree.nodes(word))
        assert grown.nodes(word)[len(grown.nodes(word)) - kept :].tolist() == tree.nodes(word).tolist()
        assert grown.code(word).endswith(tree.code(word))
    assert np.array_equal(model._tables.output[sorted(inner)], u[sorted(inner)])
    added = sorted({int(n) for word in range(len(now)) for n in grown.nodes(word)} - inner)
    assert len(added) == 3
    assert not (np.abs(model._tables.output[added]) > 1e-20).any()
    # The new root has not learned anything, and halves what was.
    after = probabilities(model, "the")
    np.testing.assert_allclose(after[: len(names)], before / 2, rtol=1e-6)
    assert after.sum() == pytest.approx(1)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_new_words_are_learned(architecture):
    model = Word2Vec(**SETTINGS, architecture=architecture).fit(corpus(FIRST))
    model.partial_fit(corpus(SECOND))
    assert model.history[-1].loss < model.history[20].loss
    assert probabilities(model, "ship").sum() == pytest.approx(1)
    assert model.log_prob("sails", "ship") > model.log_prob("man", "ship") + 1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("rounds", [1, 2])
def test_a_grown_tree_is_saved_and_loaded(architecture, rounds, tmp_path):
    model = Word2Vec(**SETTINGS, architecture=architecture).fit(corpus(FIRST, unknown="<unk>"))
    for text in (SECOND, ["ship whale whale", "captain sees his whale"] * 20)[:rounds]:
        model.partial_fit(corpus(text, unknown="<unk>"))
    counts = model._vocab.counts.copy()
    counts[model._vocab["<unk>"]] = 0
    assert not np.array_equal(HuffmanTree.from_counts(counts).links, model._tables.tree.links)
    model.save(tmp_path / "grown.model")
    loaded = Word2Vec.load(tmp_path / "grown.model", threads=1)
    assert loaded.vectors.index_to_key == model.vectors.index_to_key
    for ours, theirs in zip(state(loaded), state(model), strict=True):
        assert np.array_equal(ours, theirs)
    for given in ("the", "ship"):
        assert np.array_equal(probabilities(loaded, given), probabilities(model, given))
        assert probabilities(loaded, given).sum() == pytest.approx(1)
        assert loaded.predict(given) == model.predict(given)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_text_without_new_words_leaves_the_tree_alone(architecture):
    model = Word2Vec(**SETTINGS, architecture=architecture).fit(corpus(FIRST))
    links, _, _ = state(model)
    model.partial_fit(corpus(["his son loves the man"] * 20))
    assert np.array_equal(model._tables.tree.links, links)
    assert probabilities(model, "the").sum() == pytest.approx(1)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_loaded_model_grows_as_the_one_that_was_saved(architecture, tmp_path):
    model = Word2Vec(**SETTINGS, architecture=architecture).fit(corpus(FIRST))
    model.save(tmp_path / "first.model")
    loaded = Word2Vec.load(tmp_path / "first.model", threads=1)
    for ours, theirs in zip(
        *(state(each.partial_fit(corpus(SECOND))) for each in (loaded, model)), strict=True
    ):
        assert np.array_equal(ours, theirs)
