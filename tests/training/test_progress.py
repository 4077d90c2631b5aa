import dataclasses
import io
import math

import pytest

from fastnlp.training import Progress
from fastnlp.training.progress import ProgressDisplay


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("columns", "begins"),
    [(120, "[==========          ]  50.0%  epoch"), (80, "[====   ]  50.0%  epoch"), (30, "50.0%  epoch")],
)
def test_a_report_stays_on_its_line(monkeypatch, columns, begins):
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = Terminal()
    show = ProgressDisplay(terminal)
    for fraction, remaining in ((0.5, 40.0), (1.0, 0.0)):
        show(Progress(0, 10, fraction, 1_000, 2.5e6, 1.5, 0.01, 1.0, remaining))
    show.close()
    nothing, *lines, end = terminal.getvalue().replace("\n", "\r").split("\r")
    assert nothing == end == ""
    assert len(lines) == 2
    assert all(len(line) < columns for line in lines)
    assert lines[0].strip().startswith(begins)


def test_a_loss_that_nothing_was_measured_of_is_not_shown():
    report = Progress(0, 1, 0.5, 1_000, 2.5e6, 1.5, 0.01, 1.0, 1.0)
    assert "words/s  loss 1.5000  lr" in str(report)
    unmeasured = str(dataclasses.replace(report, loss=math.nan))
    assert "nan" not in unmeasured
    assert "words/s  lr" in unmeasured
