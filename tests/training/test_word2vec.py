import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from oracles.planted import recall

from fastnlp import Corpus, Word2Vec
from fastnlp.training import DivergenceError

SMALL = dict(dim=16, window=3, epochs=3, subsample=0, lr=0.05, threads=1)


def bits(model):
    return model.vectors.vectors.tobytes() + model.context_vectors.vectors.tobytes()


class StopAfter:
    """A callback that presses Ctrl-C after some slices."""

    def __init__(self, slices):
        self.left = slices

    def __call__(self, progress):
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(("architecture", "shared_by"), [("skipgram", "distant"), ("cbow", "group")])
def test_negatives_are_shared_as_suits_the_architecture(architecture, shared_by):
    random = np.random.default_rng(0)
    text = [[f"w{i}" for i in random.integers(200, size=20)] for _ in range(100)]
    corpus = Corpus.from_text(text, min_count=1)
    settings = dict(SMALL, architecture=architecture)
    runs = {
        name: Word2Vec(**settings, negatives_shared_by=name).fit(corpus).vectors.vectors
        for name in (None, "distant", "group", "center")
    }
    assert [name for name, found in runs.items() if np.array_equal(found, runs[None])] == [None, shared_by]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shared_by", ["distant", "group", "center", "pair"])
def test_planted_groups_are_found(groups, threads, shared_by):
    model = Word2Vec(**{**SMALL, "epochs": 5, "threads": threads}, negatives_shared_by=shared_by).fit(groups)
    assert recall(model.vectors) == 1.0
    assert model.history[-1].loss < model.history[0].loss


def test_one_thread_gives_equal_bits_and_another_seed_others(groups):
    runs = [bits(Word2Vec(**SMALL, seed=seed).fit(groups)) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_a_corpus_from_disk_trains_as_one_in_memory(groups, tmp_path):
    groups.save(tmp_path / "corpus")
    assert bits(Word2Vec(**SMALL).fit(Corpus.open(tmp_path / "corpus"))) == bits(
        Word2Vec(**SMALL).fit(groups)
    )


@pytest.mark.parametrize("slices", [1, 3, 5])
def test_a_run_that_was_stopped_and_resumed_equals_one_that_was_not(groups, tmp_path, monkeypatch, slices):
    monkeypatch.setattr("fastnlp.training.loop._SLICE", 0.0)
    whole = Word2Vec(**SMALL).fit(groups)
    file = tmp_path / "run.npz"
    stopped = Word2Vec(**SMALL)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(groups, checkpoint=file, callbacks=[StopAfter(slices)])
    assert bits(stopped) != bits(whole)
    resumed = Word2Vec(**SMALL).fit(groups, checkpoint=file, resume=True)
    assert bits(resumed) == bits(whole)
    assert [report.loss for report in resumed.history] == [report.loss for report in whole.history]
    finished = Word2Vec(**SMALL).fit(groups, checkpoint=file, resume=True)
    assert bits(finished) == bits(whole)


def test_a_killed_process_resumes_to_the_same_bits(groups, tmp_path):
    groups.save(tmp_path / "corpus")
    script = textwrap.dedent(
        """
        import sys, fastnlp
        corpus = fastnlp.Corpus.open(sys.argv[1])
        model = fastnlp.Word2Vec(dim=64, window=5, epochs=60, subsample=0, threads=1)
        ready = lambda progress: print(progress.epoch, flush=True)
        model.fit(corpus, callbacks=[ready], checkpoint=sys.argv[2], checkpoint_every=0, resume=True)
        model.vectors.save(sys.argv[3])
        """
    )
    command = [sys.executable, "-c", script, str(tmp_path / "corpus"), str(tmp_path / "run.npz")]
    for _ in range(3):
        child = subprocess.Popen([*command, str(tmp_path / "killed.bin")], stdout=subprocess.PIPE)
        for _ in range(4):
            child.stdout.readline()
        time.sleep(0.03)
        child.kill()
        child.wait()
        child.stdout.close()
    subprocess.run([*command, str(tmp_path / "killed.bin")], check=True, stdout=subprocess.DEVNULL)
    command[4] = str(tmp_path / "other.npz")
    subprocess.run([*command, str(tmp_path / "whole.bin")], check=True, stdout=subprocess.DEVNULL)
    assert (tmp_path / "killed.bin").read_bytes() == (tmp_path / "whole.bin").read_bytes()
    assert not list(tmp_path.glob(".*partial*"))


def test_ctrl_c_stops_within_a_fifth_of_a_second_and_keeps_the_model(groups):
    model = Word2Vec(dim=300, window=10, epochs=100_000, threads=2)
    waits = []
    for _ in range(5):
        pressed = []

        def press(pressed=pressed):
            pressed.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        timer = threading.Timer(0.3, press)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            model.fit(groups)
        waits.append(time.monotonic() - pressed[0])
        timer.join()
    assert sorted(waits)[2] < 0.2
    assert np.isfinite(model.vectors.vectors).all()
    assert model.vectors.most_similar("g0w0", topn=1)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_fit_works_outside_of_the_main_thread_and_lets_others_run(groups):
    ticks, models = [], []
    worker = threading.Thread(target=lambda: models.append(Word2Vec(**SMALL, seed=5).fit(groups)))
    worker.start()
    while worker.is_alive():
        ticks.append(time.monotonic())
        time.sleep(0.001)
    assert bits(models[0]) == bits(Word2Vec(**SMALL, seed=5).fit(groups))
    assert len(ticks) > 5


@pytest.mark.parametrize("lr", [5.0, 1e3, 1e30])
def test_a_learning_rate_that_diverges_is_said(groups, lr, tmp_path):
    file = tmp_path / "run.npz"
    with pytest.raises(DivergenceError, match=r"lr: training diverged with .* smaller one"):
        Word2Vec(**{**SMALL, "lr": lr}).fit(groups, checkpoint=file)
    assert not file.exists()


def test_parameters_that_grow_beyond_bounds_are_said_where_no_loss_tells():
    corpus = Corpus.from_text(["a b c d"] * 200, min_count=1)  # a small text, of which little is measured
    with pytest.raises(DivergenceError, match="a parameter has grown to "):
        Word2Vec(lr=1e6, threads=1).fit(corpus)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"dim": 0}, ValueError, "dim: expected a whole number from 1 to 65536, got 0"),
        ({"dim": 2.5}, TypeError, "dim: expected a whole number, got 2.5"),
        ({"window": -3}, ValueError, "window: .* got -3"),
        ({"negatives": 0}, ValueError, "negatives: .* got 0"),
        ({"epochs": 0}, ValueError, "epochs: .* got 0"),
        ({"lr": 0}, ValueError, "lr: expected a number above 0"),
        ({"lr": float("nan")}, ValueError, "lr: .* got nan"),
        ({"lr": float("inf")}, ValueError, "lr: .* got inf"),
        ({"lr": -1}, ValueError, "lr: .* got -1"),
        ({"lr": 0.01, "min_lr": 0.02}, ValueError, r"min_lr: expected at most lr \(0.01\), got 0.02"),
        ({"subsample": 2}, ValueError, "subsample: .* got 2"),
        ({"threads": 0}, ValueError, "threads: expected at least 1, got 0"),
        ({"seed": -1}, ValueError, "seed: .* got -1"),
        ({"architecture": "glove"}, ValueError, "architecture: expected 'skipgram' or 'cbow', got 'glove'"),
        ({"loss": "softmax"}, ValueError, "loss: expected 'ns' or 'hs', got 'softmax'"),
        ({"cbow_contexts": "max"}, ValueError, "cbow_contexts: expected 'mean' or 'word2vec' or 'sum', got"),
        ({"device": "tpu"}, ValueError, "device: expected 'auto', 'cpu', 'cuda' or 'cuda:N', got 'tpu'"),
        ({"shrink_windows": 1}, TypeError, "shrink_windows: expected True or False"),
        ({"noise_power": float("nan")}, ValueError, "noise_power: .* got nan"),
    ],
)
def test_bad_settings_are_refused_by_name(settings, error, message):
    with pytest.raises(error, match=message):
        Word2Vec(**settings)


def test_a_vocabulary_of_one_word_is_refused():
    with pytest.raises(ValueError, match="at least two words that can be drawn as negatives, got 1"):
        Word2Vec(threads=1).fit(Corpus.from_text(["a a a a"], min_count=1))


def test_sentences_of_one_word_teach_nothing_and_are_refused():
    with pytest.raises(ValueError, match="corpus: expected sentences with two words or more"):
        Word2Vec(threads=1).fit(Corpus.from_text(["a", "b", "c"] * 10, min_count=1))


def test_the_corpus_has_to_be_one():
    with pytest.raises(TypeError, match=r"corpus: expected a Corpus \(see Corpus.from_text\), got str"):
        Word2Vec().fit("wiki.txt")
    with pytest.raises(RuntimeError, match="expected a fitted model"):
        _ = Word2Vec().vectors


@pytest.mark.parametrize(("dim", "window"), [(1, 1), (2000, 2), (3, 5000)])
def test_extreme_sizes_train(dim, window):
    corpus = Corpus.from_text(["a b c d e f g", "h i"] * 30, min_count=1)
    model = Word2Vec(dim=dim, window=window, epochs=2, subsample=0, threads=2).fit(corpus)
    assert model.vectors.vectors.shape == (9, dim)
    assert np.isfinite(model.vectors.vectors).all()


def test_the_unknown_token_is_neither_trained_nor_drawn():
    corpus = Corpus.from_text(
        ["a b rare a b", "b a"] * 30, min_count=40, unknown="<unk>", reserved=("<pad>",)
    )
    assert (corpus.ids == 0).any()
    before = Word2Vec(**{**SMALL, "lr": 1e-30}).fit(corpus)
    after = Word2Vec(**SMALL).fit(corpus)
    for token in ("<unk>", "<pad>"):
        assert np.array_equal(before.vectors[token], after.vectors[token])
        assert not after.context_vectors[token].any()
    assert not np.array_equal(before.vectors["a"], after.vectors["a"])


def test_progress_tells_where_the_run_stands(groups, monkeypatch):
    monkeypatch.setattr("fastnlp.training.loop._SLICE", 0.0)
    seen = []
    Word2Vec(**SMALL).fit(groups, progress=seen.append)
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert seen[-1].words == 3 * groups.n_tokens
    assert seen[-1].epoch == 3
    assert all(a.lr > b.lr for a, b in itertools.pairwise(seen))
    assert seen[-1].lr == pytest.approx(SMALL["lr"] * 1e-4)


def test_progress_of_another_kind_is_refused(groups):
    with pytest.raises(TypeError, match="progress: expected True, False, 'auto' or a callable, got 3"):
        Word2Vec(**SMALL).fit(groups, progress=3)


@pytest.fixture
def checkpoint(groups, tmp_path):
    file = tmp_path / "run.npz"
    Word2Vec(**SMALL).fit(groups, checkpoint=file)
    return file


def test_a_checkpoint_of_another_run_is_refused(groups, checkpoint):
    with pytest.raises(ValueError, match=r"window: expected 3, as in the checkpoint .*run.npz, got 4"):
        Word2Vec(**{**SMALL, "window": 4}).fit(groups, checkpoint=checkpoint, resume=True)
    other = Corpus.from_text(["a b c"] * 10, min_count=1)
    with pytest.raises(ValueError, match="corpus: expected the one that the checkpoint"):
        Word2Vec(**SMALL).fit(other, checkpoint=checkpoint, resume=True)
    with pytest.raises(ValueError, match="resume: expected a checkpoint"):
        Word2Vec(**SMALL).fit(groups, resume=True)


@pytest.mark.parametrize("keep", [0, 10, 1000, -1])
def test_a_checkpoint_cut_short_is_refused(groups, checkpoint, keep):
    checkpoint.write_bytes(checkpoint.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"run.npz.*(not a checkpoint|cut short|damaged)"):
        Word2Vec(**SMALL).fit(groups, checkpoint=checkpoint, resume=True)


def test_a_full_disk_leaves_the_old_checkpoint(groups, tmp_path):
    groups.save(tmp_path / "corpus")
    script = textwrap.dedent(
        """
        import resource, sys, signal, fastnlp
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        corpus = fastnlp.Corpus.open(sys.argv[1])
        settings = dict(dim=int(sys.argv[3]), epochs=1, threads=1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        fastnlp.Word2Vec(**settings).fit(corpus, checkpoint=sys.argv[2])
        """
    )
    file = tmp_path / "run.npz"
    command = [sys.executable, "-c", script, str(tmp_path / "corpus"), str(file)]
    assert subprocess.run([*command, "16"], check=False).returncode == 0
    old = file.read_bytes()
    failed = subprocess.run([*command, "400"], check=False, capture_output=True, text=True)
    assert failed.returncode == 1
    assert "OSError" in failed.stderr
    assert file.read_bytes() == old
    assert {p.name for p in tmp_path.iterdir()} == {"corpus", "run.npz"}
