import math

import pytest

from fastnlp.plots import plot_pretraining, save_figure
from fastnlp.training.pretraining_reports import PretrainingProgress, PretrainingTable


def reports(pairs=True):
    return [
        PretrainingProgress(
            0, 1, step / 4, 100, 50.0, 7.0, 1e-4 * step, 1.0, 1.0, "tokens", step=step, steps=4,
            mlm_loss=8.0 - step, mlm_accuracy=step / 10, nsp_loss=0.7 if pairs else math.nan,
            validation_mlm_loss=7.5 if step == 4 else math.nan,
        )
        for step in (1, 2, 3, 4)
    ]  # fmt: skip


def test_curves_are_those_of_the_reports_and_of_their_file(tmp_path):
    table = PretrainingTable(tmp_path / "run.csv")
    for report in reports():
        table(report)
    for run in (reports(), tmp_path / "run.csv"):
        figure = plot_pretraining(run, unigram_entropy=6.5, title="A run")
        words = figure.axes[0]
        assert [list(line.get_ydata()) for line in words.lines] == [[7.0, 6.0, 5.0, 4.0], [7.5], [6.5, 6.5]]
        assert list(words.lines[1].get_xdata()) == [4]
        assert [axes.get_ylabel() for axes in figure.axes][2] == "loss of pairs"
    save_figure(figure, tmp_path / "run.png")
    assert (tmp_path / "run.png").stat().st_size > 10_000


def test_what_was_not_measured_has_no_axes():
    names = [axes.get_ylabel() for axes in plot_pretraining(reports(pairs=False)).axes]
    assert names == ["loss of masked words", "words right", "learning rate"]
    with pytest.raises(ValueError, match="at least one report"):
        plot_pretraining([])
