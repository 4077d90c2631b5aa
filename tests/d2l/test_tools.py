import sys
import time
import types

import pytest
import torch

from fastnlp import d2l


def test_a_timer_keeps_every_interval():
    timer = d2l.Timer()
    time.sleep(0.01)
    first = timer.stop()
    timer.start()
    second = timer.stop()
    assert first >= 0.01
    assert timer.times == [first, second]
    assert timer.sum() == pytest.approx(first + second)
    assert timer.avg() == pytest.approx((first + second) / 2)
    assert timer.cumsum() == pytest.approx([first, first + second])


def test_an_accumulator_adds_and_resets():
    metric = d2l.Accumulator(2)
    metric.add(torch.tensor(1.5), 2)
    metric.add(1, 1)
    assert (metric[0], metric[1]) == (2.5, 3.0)
    metric.reset()
    assert (metric[0], metric[1]) == (0.0, 0.0)
    with pytest.raises(ValueError, match="shorter"):
        metric.add(1)


def test_curves_are_drawn_in_a_notebook_and_kept_elsewhere(monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    plain = d2l.Animator()
    plain.add(1, 0.5)
    assert (plain.X, plain.Y, plain.fig) == ([[1]], [[0.5]], None)

    shown = []
    ipython = types.ModuleType("IPython")
    ipython.version_info = (9, 0)
    ipython.get_ipython = lambda: types.SimpleNamespace(config={"IPKernelApp": {}})
    ipython.display = types.SimpleNamespace(display=shown.append, clear_output=lambda wait: None)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    drawn = d2l.Animator(xlabel="epoch", ylabel="loss", legend=["a", "b"], xlim=[1, 5], yscale="log")
    drawn.add(1, (0.5, 0.25))
    drawn.add([2, 3], (0.4, 0.2))
    axes = drawn.fig.axes[0]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[0.5, 0.4], [0.25, 0.2]]
    assert [line.get_xdata().tolist() for line in axes.lines] == [[1, 2], [1, 3]]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("epoch", "loss", "log")
    assert shown == [drawn.fig] * 2
    pyplot.close(drawn.fig)


def test_devices_are_gpus_where_there_are_some(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert d2l.try_gpu() == torch.device("cuda:0")
    assert d2l.try_gpu(1) == torch.device("cuda:1")
    assert d2l.try_gpu(2) == torch.device("cpu")
    assert d2l.try_all_gpus() == [torch.device("cuda:0"), torch.device("cuda:1")]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert d2l.try_gpu() == torch.device("cpu")
    assert d2l.try_all_gpus() == [torch.device("cpu")]


def test_there_are_one_to_four_workers(monkeypatch):
    for cores, workers in ((1, 1), (3, 3), (64, 4), (None, 1)):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        assert d2l.get_dataloader_workers() == workers


def test_the_module_offers_what_it_lists():
    for name in d2l.__all__:
        assert hasattr(d2l, name)
