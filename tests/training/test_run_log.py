import json
import math

import pytest

from fastnlp import RunLog
from fastnlp.training import Progress


def report(fraction, elapsed, loss=1.5):
    return Progress(0, 2, fraction, 10, 100.0, loss, 0.01, elapsed, 1.0)


def test_reports_are_kept_now_and_then_and_the_last_always(tmp_path):
    log = RunLog(tmp_path / "run.log", every=0.5)
    for fraction, elapsed in ((0.1, 0.1), (0.2, 0.3), (0.4, 0.7), (1.0, 0.8)):
        log(report(fraction, elapsed))
    assert [kept.fraction for kept in log.reports] == [0.1, 0.4, 1.0]
    assert RunLog.load(tmp_path / "run.log").reports == log.reports


def test_each_report_is_in_the_file_at_once_and_is_plain_json(tmp_path):
    path = tmp_path / "run.log"
    log = RunLog(path, every=0)
    log(report(0.25, 0.1, math.nan))
    first = json.loads(path.read_text())
    assert first["fraction"] == 0.25 and first["loss"] is None
    assert math.isnan(RunLog.load(path).reports[0].loss)


def test_a_run_that_resumes_goes_on_in_the_same_file(tmp_path):
    path = tmp_path / "run.log"
    RunLog(path, every=0.5)(report(0.3, 9.0))
    log = RunLog(path, every=0.5, append=True)
    log(report(0.4, 0.1))  # its seconds begin anew
    assert [kept.fraction for kept in RunLog.load(path).reports] == [0.3, 0.4]
    RunLog(path)
    assert path.read_bytes() == b""


def test_a_last_line_cut_short_is_dropped_and_other_damage_is_named(tmp_path):
    path = tmp_path / "run.log"
    log = RunLog(path, every=0)
    log(report(0.3, 0.1))
    log(report(0.6, 0.2))
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert [kept.fraction for kept in RunLog.load(path).reports] == [0.3]
    for damage in (b"nonsense\n", b"[1]\n", b'{"epoch": 1}\n', b"\xff\n"):
        path.write_bytes(damage + whole)
        with pytest.raises(ValueError, match=r"run.log: line 1: expected a report of a run as JSON"):
            RunLog.load(path)
    with pytest.raises(ValueError, match="every: expected seconds >= 0, got -1"):
        RunLog(every=-1)
    with pytest.raises(ValueError, match="every: expected seconds >= 0, got nan"):
        RunLog(every=math.nan)
    with pytest.raises(FileNotFoundError):
        RunLog.load(tmp_path / "nowhere.log")
