import sys

import numpy as np
import pytest

from fastnlp import Corpus, FastText, GloVe, Word2Vec, WordVectors
from fastnlp.models.tables import padded_rows

WORDS = ["a", "b", "c"]


def table(rows=3, dim=4):
    return np.arange(rows * dim, dtype=np.float32).reshape(rows, dim)


def test_a_layer_shares_the_memory_of_the_vectors():
    torch = pytest.importorskip("torch")
    vectors = WordVectors(WORDS, table())
    layer = vectors.to_embedding()
    assert isinstance(layer, torch.nn.Embedding) and layer.weight.dtype == torch.float32
    assert not layer.weight.requires_grad
    assert layer(torch.tensor([[2, 0]])).tolist() == [vectors[["c", "a"]].tolist()]
    vectors.vectors[1] = 9
    assert layer.weight[1].tolist() == [9.0] * 4
    again = WordVectors(WORDS, layer.weight.detach().numpy())
    layer.weight[0] = -1
    assert again["a"].tolist() == [-1.0] * 4 == vectors["a"].tolist()


def test_a_layer_that_is_not_frozen_trains_the_vectors():
    torch = pytest.importorskip("torch")
    vectors = WordVectors(WORDS, table())
    layer = vectors.to_embedding(freeze=False, padding_idx=0)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    layer(torch.tensor([0, 2])).sum().backward()
    optimizer.step()
    assert vectors.vectors.tolist() == (table() - [[0.0], [0.0], [1.0]]).tolist()


def test_padded_tables_and_other_storages_make_layers_too(tmp_path):
    torch = pytest.importorskip("torch")
    padded = padded_rows(3, 4)
    padded[:, :4] = table()
    layer = WordVectors(WORDS, padded[:, :4]).to_embedding(freeze=False)
    out = layer(torch.tensor([1, 1]))
    out.sum().backward()
    assert out.tolist() == table()[[1, 1]].tolist() and layer.weight.grad[1].tolist() == [2.0] * 4
    WordVectors(WORDS, table()).save(tmp_path / "a.fnv")
    mapped = WordVectors.load(tmp_path / "a.fnv")
    layer = mapped.to_embedding(freeze=False)
    with torch.no_grad():
        layer.weight += 1
    assert (mapped.vectors == table()).all() and (layer.weight.detach().numpy() == table() + 1).all()
    halves = WordVectors(WORDS, table()).astype("float16").to_embedding()
    assert halves.weight.dtype == torch.float32 and (halves.weight.numpy() == table()).all()


def test_without_torch_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install 'fastnlp\[torch\]'"):
        WordVectors(WORDS, table()).to_embedding()


def corpus():
    return Corpus.from_text(["the cat sat on the mat", "the dog sat"] * 30, min_count=1)


GIVEN = WordVectors(["cat", "dog", "elephant"], np.random.default_rng(1).standard_normal((3, 8)).astype("f4"))
STILL = {"epochs": 1, "lr": 1e-12, "threads": 1}


@pytest.mark.parametrize("given", [GIVEN, GIVEN.astype("float16")])
def test_word2vec_begins_with_given_vectors(given):
    model = Word2Vec.from_pretrained(given, subsample=0, **STILL).fit(corpus())
    for word in ("cat", "dog"):
        np.testing.assert_allclose(model.vectors[word], given[word], atol=1e-6)
    fresh = Word2Vec(dim=8, subsample=0, **STILL).fit(corpus())
    np.testing.assert_allclose(model.vectors["sat"], fresh.vectors["sat"], atol=1e-6)
    assert "elephant" not in model.vectors


@pytest.mark.parametrize("combine", ["sum", "words", "contexts"])
def test_gloves_result_begins_with_given_vectors(combine):
    model = GloVe.from_pretrained(GIVEN, combine=combine, **STILL).fit(corpus())
    np.testing.assert_allclose(model.vectors["cat"], GIVEN["cat"], atol=1e-6)


def test_fasttexts_words_begin_with_given_vectors_as_their_own_rows():
    settings = {"min_n": 3, "max_n": 3, "buckets": 50, "subsample": 0, **STILL}
    model = FastText.from_pretrained(GIVEN, **settings).fit(corpus())
    fresh = FastText(dim=8, **settings).fit(corpus())
    # Three n-grams of <cat> and the word: the mean of four rows.
    own = 4 * (model.vectors["cat"] - fresh.vectors["cat"])
    first = fresh._tables.word_rows[fresh._vocab["cat"]]
    np.testing.assert_allclose(own, GIVEN["cat"] - first, atol=1e-5)


def test_training_goes_on_from_a_file(tmp_path):
    GIVEN.save(tmp_path / "a.vec")
    model = Word2Vec.from_pretrained(tmp_path / "a.vec", threads=1, seed=3)
    model.fit(corpus()).partial_fit(corpus())
    model.save(tmp_path / "a.model")
    again = Word2Vec.load(tmp_path / "a.model")
    assert (again.vectors["cat"] == model.vectors["cat"]).all()
    once = Word2Vec.from_pretrained(tmp_path / "a.vec", threads=1, seed=3).fit(corpus()).partial_fit(corpus())
    assert (once.vectors.vectors == model.vectors.vectors).all()


def test_vectors_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="dim: expected that of the vectors, 8, or none, got 9"):
        Word2Vec.from_pretrained(GIVEN, dim=9)
    model = Word2Vec.from_pretrained(WordVectors(["nobody"], table(1, 4)))
    with pytest.raises(ValueError, match="vectors: expected at least one word of the corpus among them"):
        model.fit(corpus())
    broken = table(1, 4)
    broken[0, 2] = np.nan
    with pytest.raises(ValueError, match="vectors: expected finite numbers, got others in that of 'cat'"):
        Word2Vec.from_pretrained(WordVectors(["cat"], broken)).fit(corpus())
