import math

import pytest

from fastnlp import Corpus, GloVe, RunLog, Word2Vec
from fastnlp.plots import plot_run, save_figure
from fastnlp.training import EpochReport

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A fitted model, its checkpoint and its log."""
    folder = tmp_path_factory.mktemp("run")
    corpus = Corpus.from_text(["the cat sat on the mat", "a dog ran in the park"] * 300, min_count=1)
    log = RunLog(folder / "run.log", every=0)
    model = Word2Vec(dim=8, epochs=3, lr=0.05, subsample=0, threads=1)
    model.fit(corpus, callbacks=[log], checkpoint=folder / "run.ckpt", evaluate=lambda v: {"score": len(v)})
    return model, folder / "run.ckpt", folder / "run.log", corpus


def curve(figure, name, line=0):
    axes = next(axes for axes in figure.axes if axes.get_ylabel() == name)
    return axes.lines[line].get_xdata().tolist(), axes.lines[line].get_ydata().tolist()


def test_a_model_and_its_checkpoint_show_loss_learning_rate_and_scores(run):
    model, checkpoint, _, _ = run
    losses = [report.loss for report in model.history]
    for source in (model, checkpoint, str(checkpoint)):
        figure = plot_run(source)
        assert [axes.get_ylabel() for axes in figure.axes] == ["loss a pair", "learning rate", "score"]
        assert curve(figure, "loss a pair") == ([1, 2, 3], losses)
        assert curve(figure, "learning rate") == ([0, 3], [0.05, pytest.approx(0.05e-4)])
        assert curve(figure, "score") == ([1, 2, 3], [10] * 3)
    assert curve(plot_run(model.history), "loss a pair")[1] == losses


def test_a_log_shows_what_the_loop_reported(run):
    _, _, path, _ = run
    log = RunLog.load(path)
    figure = plot_run(path)
    epochs, rates = curve(figure, "learning rate")
    assert epochs == [report.fraction * 3 for report in log.reports] and epochs[-1] == 3
    assert rates == [report.lr for report in log.reports]
    # What the configuration promises is what the loop reports: the line of a checkpoint is the same line.
    assert rates == pytest.approx([0.05 + (0.05e-4 - 0.05) * epoch / 3 for epoch in epochs], abs=0.05 * 0.02)


def test_the_learning_rate_of_glove_stays(run):
    model = GloVe(dim=4, epochs=2, window=2, x_max=5, threads=1).fit(run[3])
    assert curve(plot_run(model), "learning rate") == ([0, 2], [0.05, 0.05])


def test_further_text_leaves_out_the_learning_rate_that_is_not_known(run):
    model = Word2Vec(dim=4, epochs=1, subsample=0, threads=1).fit(run[3])
    model.partial_fit(run[3], epochs=2, lr=0.01)
    figure = plot_run(model)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss a pair"]
    assert curve(figure, "loss a pair")[0] == [1, 2, 3]


def test_several_runs_have_lines_of_their_own_by_name(run, tmp_path):
    model, checkpoint, log, _ = run
    figure = plot_run({"$model$": model, "checkpoint": checkpoint, "log": log}, title="Compared")
    assert [line.get_label() for line in figure.axes[0].lines] == ["$model$", "checkpoint", "log"]
    assert len({line.get_color() for line in figure.axes[0].lines}) == 3
    assert len({str(line.get_linestyle()) for line in figure.axes[0].lines}) > 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["$model$", "checkpoint", "log"]
    save_figure(figure, tmp_path / "runs.svg")
    names = [line.get_label() for line in plot_run([model, model, checkpoint, log]).axes[0].lines]
    assert names == ["Word2Vec", "Word2Vec 2", "run", "run 2"]


@pytest.mark.parametrize(
    ("error", "message", "runs"),
    [
        (ValueError, "at least one run, got none", {}),
        (ValueError, "at least one complete epoch, got none", []),
        (ValueError, "at least one complete epoch, got none in 'new'", {"new": Word2Vec()}),
        (ValueError, "at least one report, got none", RunLog()),
        (ValueError, "a loss that is a number", [EpochReport(0, math.nan, 0, 0, 1.0)]),
        (TypeError, "runs: expected a fitted model, .* got int", [3]),
        (FileNotFoundError, "nowhere", "nowhere.ckpt"),
    ],
)
def test_what_is_no_run_is_an_error(error, message, runs):
    with pytest.raises(error, match=message):
        plot_run(runs)


def test_damaged_files_are_named(tmp_path, run):
    empty, text, cut = tmp_path / "empty.log", tmp_path / "text.log", tmp_path / "cut.ckpt"
    empty.write_bytes(b"")
    text.write_text('{"epoch": 1}\n{"epoch": 2}\n')
    cut.write_bytes(run[1].read_bytes()[:300])
    with pytest.raises(ValueError, match=r"at least one report, got none in '.*empty.log'"):
        plot_run(empty)
    with pytest.raises(ValueError, match=r"text.log: line 1: expected a report of a run"):
        plot_run(text)
    with pytest.raises(ValueError, match=r"cut.ckpt: not a checkpoint of fastnlp"):
        plot_run(cut)
