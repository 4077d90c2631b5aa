import numpy as np
import pytest
from oracles import subword_vectors

from fastnlp import Corpus, FastText, SubwordVectors, Vocab, Word2Vec, WordVectors
from fastnlp.models import FastTextConfig, FastTextTables

SMALL = dict(dim=16, window=3, epochs=3, subsample=0, lr=0.05, threads=1, buckets=5000)
STEMS = ("walk", "jump", "bake", "paint", "climb", "fold")
ENDINGS = ("", "s", "ed", "ing")
CONTEXTS = ("moon", "fish", "grey", "tool", "vine", "hush")


@pytest.fixture(scope="module")
def inflected():
    """Stems that live among words of their own, whatever their ending; "walking" is never seen."""
    random = np.random.default_rng(0)
    lines = []
    for _ in range(3000):
        group = random.integers(len(STEMS))
        forms = [STEMS[group] + end for end in ENDINGS if STEMS[group] + end != "walking"]
        lines.append([CONTEXTS[group] + "ax"[random.integers(2)], *random.choice(forms, 5)])
    return Corpus.from_text(lines, min_count=1)


def bits(model):
    return b"".join(np.ascontiguousarray(array).tobytes() for array in model._tables.arrays().values())


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("composition", ["mean", "sum"])
@pytest.mark.parametrize("shared_by", ["distant", "group", "center", "pair"])
def test_words_and_unseen_words_are_near_their_kin(inflected, threads, composition, shared_by):
    lr = 0.05 if composition == "mean" else 0.01
    model = FastText(
        **{**SMALL, "threads": threads, "lr": lr, "epochs": 5},
        composition=composition,
        negatives_shared_by=shared_by,
    ).fit(inflected)
    assert model.history[-1].loss < model.history[0].loss
    vectors = model.vectors
    for i, stem in enumerate(STEMS):
        others = [other for other in CONTEXTS if other != CONTEXTS[i]]
        assert all(
            vectors.similarity(stem, CONTEXTS[i] + "a") > vectors.similarity(stem, other + "a")
            for other in others
        )
    assert "walking" not in vectors.key_to_index
    assert vectors.most_similar("walking", topn=1)[0][0] in ("walk", "walks", "walked")


def test_one_thread_gives_equal_bits_and_another_seed_others(inflected):
    runs = [bits(FastText(**SMALL, seed=seed).fit(inflected)) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_rows_that_no_word_reaches_change_nothing(inflected):
    vocab, config = inflected.vocab, FastTextConfig(dim=16, buckets=5000)
    compact, whole = (FastTextTables(vocab, config, all_buckets=every) for every in (False, True))
    assert len(whole.row_bucket) == 5000 > len(compact.row_bucket)
    assert len(compact.padded_input) == len(vocab) + len(np.unique(compact.row_bucket))
    for i in range(len(vocab)):
        rows = [
            tables.parts[tables.part_offsets[i] : tables.part_offsets[i + 1]] for tables in (compact, whole)
        ]
        assert rows[0][0] == rows[1][0] == i
        assert compact.row_bucket[rows[0][1:] - len(vocab)].tolist() == (rows[1][1:] - len(vocab)).tolist()


@pytest.mark.parametrize("composition", ["mean", "sum"])
def test_vectors_are_composed_of_the_rows(inflected, composition):
    model = FastText(**{**SMALL, "lr": 0.01}, composition=composition).fit(inflected)
    tables = model._tables
    ngrams = np.zeros((5000, 16))
    ngrams[tables.row_bucket] = tables.ngram_rows
    mean = composition == "mean"
    for word in ("walk", "walking", "entirely"):
        row = model.vectors.get_index(word, -1)
        own = tables.word_rows[row] if row >= 0 else None
        expected = subword_vectors.compose(word, own, ngrams, 3, 6, mean)
        np.testing.assert_allclose(model.vectors[word], expected, atol=1e-5)


def test_a_run_that_was_stopped_and_resumed_equals_one_that_was_not(inflected, tmp_path, monkeypatch):
    monkeypatch.setattr("fastnlp.training.loop._SLICE", 0.0)
    whole = FastText(**SMALL).fit(inflected)
    file, calls = tmp_path / "run.model", []

    def enough(progress):
        calls.append(progress)
        return len(calls) == 3

    FastText(**SMALL).fit(inflected, checkpoint=file, callbacks=[enough])
    resumed = FastText(**SMALL).fit(inflected, checkpoint=file, resume=True)
    assert bits(resumed) == bits(whole)
    assert bits(FastText.load(file)) == bits(whole)


def test_new_text_adds_words_and_ngrams_and_keeps_the_old(inflected):
    model = FastText(**SMALL).fit(inflected)
    old = {word: model.vectors[word].copy() for word in model.vectors.index_to_key}
    buckets = set(model._tables.row_bucket.tolist())
    model.partial_fit(Corpus.from_text(["zebra quokka walk"] * 5, min_count=1), lr=1e-30)
    assert sorted(model.vectors.index_to_key[-2:]) == ["quokka", "zebra"]
    assert buckets < set(model._tables.row_bucket.tolist())
    for word, vector in old.items():
        np.testing.assert_allclose(model.vectors[word], vector, atol=1e-7)


@pytest.mark.parametrize("file", ["m.bin", "m.model"])
def test_a_model_survives_the_disk(inflected, tmp_path, file):
    model = FastText(**SMALL).fit(inflected)
    model.save(tmp_path / file)
    again = FastText.load(tmp_path / file, threads=1)
    assert bits(again) == bits(model)
    assert again.vectors.index_to_key == model.vectors.index_to_key
    assert again.vectors["walking"].tolist() == model.vectors["walking"].tolist()
    assert again.vectors.get_vecattr("walk", "count") == model.vectors.get_vecattr("walk", "count")
    for name in ("dim", "window", "negatives", "buckets", "min_n", "max_n", "subsample", "epochs"):
        assert getattr(again.config, name) == getattr(model.config, name)


def test_vectors_of_a_saved_model_load_without_the_model(inflected, tmp_path):
    model = FastText(**SMALL).fit(inflected)
    model.save(tmp_path / "m.bin")
    vectors = WordVectors.load(tmp_path / "m.bin")
    assert isinstance(vectors, SubwordVectors)
    for word in ("walk", "walking", "entirely"):
        assert vectors[word].tobytes() == model.vectors[word].tobytes()


def test_vectors_follow_the_tables_from_epoch_to_epoch(inflected):
    seen = []

    def evaluate(vectors):
        seen.append(vectors["walk"].copy())
        return {"length": float(np.linalg.norm(vectors["walk"]))}

    model = FastText(**SMALL).fit(inflected, evaluate=evaluate)
    assert len({vector.tobytes() for vector in seen}) == 3
    assert seen[-1].tolist() == model.vectors["walk"].tolist()


def test_rows_of_unreached_buckets_are_kept_where_they_hold_something(inflected, tmp_path):
    model = FastText(**SMALL).fit(inflected)
    model._tables = FastTextTables(model._vocab, model.config, all_buckets=True)
    model._vectors = None
    model.save(tmp_path / "whole.bin")
    again = FastText.load(tmp_path / "whole.bin")
    assert len(again._tables.row_bucket) == 5000
    assert bits(again) == bits(model)
    again.save(tmp_path / "whole.model")
    assert bits(FastText.load(tmp_path / "whole.model")) == bits(model)
    again.partial_fit(Corpus.from_text(["zebra quokka walk"] * 5, min_count=1), lr=1e-30)
    assert again.vectors["xylophone"].tolist() == model.vectors["xylophone"].tolist()


def test_what_a_format_cannot_hold_is_not_saved(inflected, tmp_path):
    model = FastText(**{**SMALL, "lr": 0.01}, composition="sum").fit(inflected)
    with pytest.raises(ValueError, match="composition: expected 'mean'"):
        model.save(tmp_path / "m.bin")
    model.save(tmp_path / "m.model")
    assert FastText.load(tmp_path / "m.model").config.composition == "sum"


def test_models_of_another_kind_are_refused(inflected, tmp_path):
    Word2Vec(dim=8, threads=1, subsample=0, epochs=1).fit(inflected).save(tmp_path / "w.model")
    with pytest.raises(ValueError, match="expected a FastText"):
        FastText.load(tmp_path / "w.model")
    with pytest.raises(FileNotFoundError):
        FastText.load(tmp_path / "none.bin")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"min_n": 0}, ValueError, "min_n: expected a whole number from 1 to 64, got 0"),
        ({"max_n": 2}, ValueError, r"max_n: expected a whole number from min_n \(3\) to 64, got 2"),
        ({"max_n": 65}, ValueError, "max_n"),
        ({"max_n": 5.0}, TypeError, "max_n: expected a whole number, got 5.0"),
        ({"buckets": 0}, ValueError, r"buckets: expected a whole number from 1 to 2\^31 - 1, got 0"),
        ({"buckets": True}, TypeError, "buckets"),
        ({"composition": "max"}, ValueError, "composition: expected 'mean' or 'sum', got 'max'"),
        ({"architecture": "glove"}, ValueError, "architecture: expected"),
        ({"loss": "hs"}, ValueError, "loss: expected 'ns' with subwords, got 'hs'"),
        ({"dim": 0}, ValueError, "dim: expected"),
    ],
)
def test_settings_out_of_range_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        FastText(**change)


def test_a_model_that_knows_nothing_says_so():
    with pytest.raises(RuntimeError, match="call fit"):
        _ = FastText().vectors
    with pytest.raises(RuntimeError, match="call fit"):
        FastText().save("m.bin")


@pytest.mark.interop
def test_fasttext_reads_what_we_train(inflected, tmp_path):
    fasttext = pytest.importorskip("fasttext")
    model = FastText(**SMALL).fit(inflected)
    model.save(tmp_path / "m.bin")
    theirs = fasttext.load_model(str(tmp_path / "m.bin"))
    assert theirs.get_words() == model.vectors.index_to_key
    for word in [*theirs.get_words(), "walking", "entirely", "日本語"]:
        assert model.vectors[word].tobytes() == theirs.get_word_vector(word).tobytes()
    ours = [word for word, _ in model.vectors.most_similar("walking", topn=5)]
    assert ours == [word for _, word in theirs.get_nearest_neighbors("walking", k=5)]


@pytest.mark.interop
def test_gensim_reads_what_we_train(inflected, tmp_path):
    models = pytest.importorskip("gensim.models.fasttext")
    model = FastText(**SMALL).fit(inflected)
    model.save(tmp_path / "m.bin")
    theirs = models.load_facebook_model(str(tmp_path / "m.bin"))
    for word in ("walk", "walking", "entirely"):
        np.testing.assert_allclose(theirs.wv[word], model.vectors[word], atol=1e-6)
    assert theirs.syn1neg.tolist() == model.context_vectors.vectors.tolist()


@pytest.mark.interop
@pytest.mark.parametrize("architecture", ["skipgram", "cbow"])
def test_learning_goes_on_where_fasttext_stopped(tmp_path, architecture):
    fasttext = pytest.importorskip("fasttext")
    (tmp_path / "text.txt").write_text("the cat sat on the mat\nthe naïve dog sat too\n" * 20)
    settings = dict(minCount=1, dim=8, bucket=500, epoch=2, t=1.0, thread=1, verbose=0)
    theirs = fasttext.train_unsupervised(str(tmp_path / "text.txt"), architecture, **settings)
    theirs.save_model(str(tmp_path / "m.bin"))
    ours = FastText.load(tmp_path / "m.bin", threads=1)
    assert ours.config.architecture == architecture
    for word in [*theirs.get_words(), "unseen"]:
        np.testing.assert_allclose(ours.vectors[word], theirs.get_word_vector(word), atol=1e-6)
    ours.partial_fit(Corpus.from_text(["the cat ran"] * 20, min_count=1))
    assert ours.vectors.index_to_key == [*theirs.get_words(), "ran"]
    ours.save(tmp_path / "on.bin")
    again = fasttext.load_model(str(tmp_path / "on.bin"))
    np.testing.assert_allclose(ours.vectors["cats"], again.get_word_vector("cats"), atol=1e-6)


@pytest.mark.interop
@pytest.mark.parametrize(
    "kind", [dict(model="cbow", loss="hs"), dict(model="skipgram", loss="hs"), dict(maxn=0)]
)
def test_models_of_fasttext_that_cannot_go_on_are_refused(tmp_path, kind):
    fasttext = pytest.importorskip("fasttext")
    (tmp_path / "text.txt").write_text("the cat sat on the mat\n" * 20)
    theirs = fasttext.train_unsupervised(
        str(tmp_path / "text.txt"), minCount=1, dim=4, bucket=50, epoch=1, thread=1, verbose=0, **kind
    )
    theirs.save_model(str(tmp_path / "m.bin"))
    with pytest.raises(ValueError, match=r"expected negative sampling .* WordVectors\.load reads it"):
        FastText.load(tmp_path / "m.bin")
    assert WordVectors.load(tmp_path / "m.bin")["cat"].tobytes() == theirs.get_word_vector("cat").tobytes()


def test_a_vocabulary_of_any_words_gets_tables():
    vocab = Vocab(["日本", "a", "</s>"])
    tables = FastTextTables(vocab, FastTextConfig(dim=4, buckets=10))
    assert tables.parts[tables.part_offsets[2] :].tolist() == [2]
    assert 0 < tables.largest() <= 1 / 4
