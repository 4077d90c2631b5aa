"""What all models share: growth, scores, stops, save and load."""

import math
import signal

import numpy as np
import pytest

from fastnlp import Corpus, Vocab, Word2Vec
from fastnlp.text.growth import grow

SMALL = dict(dim=8, window=2, epochs=2, subsample=0, lr=0.05, threads=1)


@pytest.fixture
def model(groups):
    return Word2Vec(**SMALL).fit(groups)


def test_new_words_follow_the_old_ones_and_old_vectors_are_the_start(groups):
    model = Word2Vec(**SMALL).fit(groups)
    old = model.vectors.vectors.copy()
    fresh = Corpus.from_text(["new words g0w0 new", "g0w1 words"] * 20, min_count=1)
    model.partial_fit(fresh, lr=1e-30)
    words = model.vectors.index_to_key
    assert words[: len(groups.vocab)] == groups.vocab.tokens
    assert sorted(words[len(groups.vocab) :]) == ["new", "words"]
    assert np.array_equal(model.vectors.vectors[: len(old)], old)
    assert np.abs(model.vectors["new"]).max() <= 0.5 / 8
    assert model.vectors["new"].any()
    count = model.vectors.get_vecattr("g0w0", "count")
    assert count == groups.vocab.counts[groups.vocab["g0w0"]] + 20


def test_partial_fit_learns_what_new_text_says(groups):
    model = Word2Vec(**{**SMALL, "epochs": 5}).fit(groups)
    text = ["one two one two", "left right left right"] * 200
    model.partial_fit(Corpus.from_text(text, min_count=1), epochs=20)
    assert model.vectors.similarity("one", "two") > model.vectors.similarity("one", "left") + 0.3
    assert len(model.history) == 25
    assert [len(model.history), model.config.epochs] == [25, 5]


def test_partial_fit_of_an_empty_model_fits_it(groups):
    first = Word2Vec(**SMALL).partial_fit(groups)
    assert np.array_equal(first.vectors.vectors, Word2Vec(**SMALL).fit(groups).vectors.vectors)


def test_a_second_round_over_the_same_text_draws_anew(groups):
    twice = [Word2Vec(**SMALL).fit(groups).partial_fit(groups) for _ in range(2)]
    assert np.array_equal(twice[0].vectors.vectors, twice[1].vectors.vectors)
    losses = [report.loss for report in twice[0].history]
    assert len(losses) == 4 and losses[3] < losses[0]


def test_a_partial_fit_that_was_stopped_resumes_to_the_same_bits(groups, tmp_path, monkeypatch):
    monkeypatch.setattr("fastnlp.training.loop._SLICE", 0.0)
    fresh = Corpus.from_text(["new words g0w0 new", "g0w1 words"] * 9000, min_count=1)
    first = tmp_path / "first.model"
    Word2Vec(**SMALL).fit(groups).save(first)
    whole = Word2Vec.load(first, threads=1).partial_fit(fresh)
    calls = []

    def press(progress):
        calls.append(progress)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)

    file = tmp_path / "run.model"
    with pytest.raises(KeyboardInterrupt):
        Word2Vec.load(first, threads=1).partial_fit(fresh, checkpoint=file, callbacks=[press])
    resumed = Word2Vec.load(first, threads=1).partial_fit(fresh, checkpoint=file, resume=True)
    assert np.array_equal(resumed.vectors.vectors, whole.vectors.vectors)
    assert resumed.history[-1].loss == whole.history[-1].loss


def test_special_tokens_that_the_model_lacks_are_refused(model):
    other = Corpus.from_text(["a b"] * 9, min_count=1, unknown="<unk>")
    with pytest.raises(ValueError, match=r"corpus: expected the special tokens of the model .* got '<unk>'"):
        model.partial_fit(other)


def test_growth_of_a_long_corpus_goes_through_a_file(monkeypatch):
    monkeypatch.setattr("fastnlp.text.growth._IN_MEMORY", 4)
    grown = grow(Vocab(["a", "b"], [3, 2]), Corpus.from_text(["c a c", "b d"], min_count=1))
    assert isinstance(grown.ids.base, np.memmap) or isinstance(grown.ids, np.memmap)
    assert grown.vocab.decode(grown.ids) == ["c", "a", "c", "b", "d"]
    assert grown.vocab.counts.tolist() == [4, 3, 2, 1]


def test_a_callback_that_returns_true_ends_the_run(groups, monkeypatch, tmp_path):
    monkeypatch.setattr("fastnlp.training.loop._SLICE", 0.0)
    seen = []
    file = tmp_path / "run.model"

    def enough(progress):
        seen.append(progress)
        return len(seen) == 2

    model = Word2Vec(**SMALL).fit(groups, callbacks=[enough, lambda now: None], checkpoint=file)
    assert len(seen) == 2
    assert np.array_equal(Word2Vec.load(file).vectors.vectors, model.vectors.vectors)


def test_scores_of_each_epoch_stand_in_the_history(groups):
    def evaluate(vectors):
        return {"similarity": vectors.similarity("g0w0", "g0w1")}

    model = Word2Vec(**SMALL).fit(groups, evaluate=evaluate)
    assert [list(report.scores) for report in model.history] == [["similarity"]] * 2
    assert model.history[-1].scores["similarity"] == evaluate(model.vectors)["similarity"]


def test_a_model_survives_the_disk(model, tmp_path):
    model.save(tmp_path / "a.model")
    again = Word2Vec.load(tmp_path / "a.model", threads=1)
    assert again.config == model.config
    assert again.vectors.index_to_key == model.vectors.index_to_key
    assert again.vectors.vectors.tobytes() == model.vectors.vectors.tobytes()
    assert again.context_vectors.vectors.tobytes() == model.context_vectors.vectors.tobytes()
    assert [report.loss for report in again.history] == [report.loss for report in model.history]


def test_a_model_goes_on_after_the_disk_as_if_it_had_stayed(groups, tmp_path):
    fresh = Corpus.from_text(["new words g0w0 new", "g0w1 words"] * 20, min_count=1)
    stayed = Word2Vec(**SMALL).fit(groups).partial_fit(fresh)
    stayed.save(tmp_path / "a.model")
    again = Word2Vec.load(tmp_path / "a.model", threads=1)
    assert again.history == stayed.history and len(again.history) == 4
    assert np.array_equal(again.partial_fit(fresh).vectors.vectors, stayed.partial_fit(fresh).vectors.vectors)


def test_words_with_any_character_survive_the_disk(tmp_path):
    corpus = Corpus.from_text(
        [["naïve", "a b", "\u2028", "🦜"], ["<pad>", "🦜"]] * 9,
        min_count=1,
        reserved=["<pad>"],
        unknown="<?>",
    )
    model = Word2Vec(**SMALL).fit(corpus)
    model.save(tmp_path / "a.model")
    again = Word2Vec.load(tmp_path / "a.model")
    assert again.vectors.index_to_key == corpus.vocab.tokens
    assert again._vocab == corpus.vocab


@pytest.mark.parametrize("keep", [0, 10, 1000, -1])
def test_a_model_cut_short_is_refused(model, tmp_path, keep):
    file = tmp_path / "a.model"
    model.save(file)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"a\.model: not a checkpoint"):
        Word2Vec.load(file)


def test_any_flipped_bit_is_noticed_or_harmless(model, tmp_path):
    file = tmp_path / "a.model"
    model.save(file)
    good = file.read_bytes()
    noticed = 0
    for place in np.linspace(0, len(good) - 1, 60, dtype=int):
        bad = bytearray(good)
        bad[place] ^= 4
        file.write_bytes(bad)
        try:
            again = Word2Vec.load(file)
        except ValueError:
            noticed += 1
        else:  # a byte of the archive's names and dates
            assert again.vectors.vectors.tobytes() == model.vectors.vectors.tobytes()
    assert noticed > 40


def test_saving_before_fit_and_loading_nothing_are_refused(tmp_path):
    with pytest.raises(RuntimeError, match="expected a fitted model"):
        Word2Vec().save(tmp_path / "a.model")
    with pytest.raises(FileNotFoundError):
        Word2Vec.load(tmp_path / "none.model")
    with pytest.raises(ValueError, match="checkpoint_every: expected seconds >= 0"):
        Word2Vec(**SMALL).fit(
            Corpus.from_text(["a b"], min_count=1), checkpoint=tmp_path / "x", checkpoint_every=math.nan
        )
