import logging
import subprocess
import sys
import types

import pytest

from fastnlp import Corpus, FastText, GloVe, Word2Vec
from fastnlp.training import devices
from fastnlp.training.devices import check_memory, choose

CORPUS = Corpus.from_text(["the cat sat", "the dog ran"] * 9, min_count=1)


@pytest.mark.parametrize("model", [Word2Vec, FastText, GloVe])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "gpu"}, "device: expected 'auto', 'cpu', 'cuda' or 'cuda:N', got 'gpu'"),
        ({"device": "cuda:x"}, "device: .* got 'cuda:x'"),
        ({"device": 0}, "device: .* got 0"),
        ({"engine": "jax"}, "engine: expected 'native', 'torch', 'triton' or None, got 'jax'"),
        ({"device": "cuda", "engine": "native"}, "device: expected 'auto' or 'cpu' with engine='native'"),
    ],
)
def test_what_is_no_device_or_engine_is_refused(model, settings, message):
    with pytest.raises(ValueError, match=message):
        model(**settings)


def test_triton_on_the_processor_is_refused(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(ValueError, match="device: expected 'auto' or 'cuda' with engine='triton', got 'cpu'"):
        Word2Vec(device="cpu", engine="triton")


def test_what_is_missing_is_said_before_a_text_is_read(monkeypatch):
    monkeypatch.setattr(devices, "_missing_module", lambda name: "")
    monkeypatch.setattr(devices, "_missing_cuda", lambda device: "expected a CUDA device, found none")
    with pytest.raises(
        RuntimeError, match=r"device: expected a CUDA device, found none; device='cpu' trains"
    ):
        Word2Vec(device="cuda")
    monkeypatch.setattr(devices, "_missing_module", lambda name: f"{name} is not installed")
    with pytest.raises(RuntimeError, match=r"engine: torch is not installed .*, or engine='native'"):
        Word2Vec(engine="torch")


@pytest.mark.parametrize("model", [Word2Vec, FastText, GloVe])
@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_triton_without_a_gpu_is_refused_when_the_model_is_made(model, device, monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(devices, "_missing_module", lambda name: "")
    monkeypatch.setattr(devices, "_missing_cuda", lambda device: "expected a CUDA device, found none")
    with pytest.raises(RuntimeError, match="engine='native' and device='cpu' trains on the p") as when_made:
        model(device=device, engine="triton")
    with pytest.raises(RuntimeError) as when_fitted:
        choose(device, "triton")
    assert str(when_made.value) == str(when_fitted.value)
    model(engine="native", device="cpu")
    model(engine="torch")


def fake_torch(monkeypatch, *, cuda="12.8", count=1, capability=(9, 0), error=None, free=0):
    def init():
        if error:
            raise RuntimeError(error)

    module = types.SimpleNamespace(
        __version__="2.99",
        version=types.SimpleNamespace(cuda=cuda),
        cuda=types.SimpleNamespace(
            is_available=lambda: count > 0,
            device_count=lambda: count,
            init=init,
            get_device_capability=lambda index: capability,
            get_device_name=lambda index: "Card",
            mem_get_info=lambda device: (free, free),
        ),
    )
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setattr(devices, "_missing_module", lambda name: "")
    monkeypatch.setattr(devices, "_missing_driver", lambda: "")


@pytest.mark.parametrize(
    ("machine", "device", "message"),
    [
        ({"cuda": None, "count": 0}, "cuda", "expected a build of torch with CUDA, got 2.99"),
        (
            {"count": 0, "error": "The NVIDIA driver on your system is too old (found 11040).\nMore."},
            "cuda",
            r"expected a CUDA device, got: The NVIDIA driver on your system is too old \(found 11040\).; dev",
        ),
        ({"count": 0}, "cuda", "expected a CUDA device, found none"),
        ({"count": 2}, "cuda:2", "expected cuda:0 to cuda:1, got cuda:2"),
        ({"capability": (7, 5)}, "cuda", "compute capability 8.0 or newer, got Card of 7.5"),
    ],
)
def test_why_there_is_no_device_is_told_apart(monkeypatch, machine, device, message):
    fake_torch(monkeypatch, **machine)
    with pytest.raises(RuntimeError, match=message):
        choose(device, None)


def test_a_gpu_is_taken_where_it_is_asked_for(monkeypatch):
    fake_torch(monkeypatch)
    assert choose("auto", None)[:2] == ("native", "cpu")
    assert choose("auto", "torch")[:2] == ("torch", "cuda")
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    assert choose("auto", "triton")[:2] == ("triton", "cuda")
    assert choose("cuda:0", None)[:2] == ("triton", "cuda:0")
    assert choose("cuda", None, unfit="trees") == ("torch", "cuda", "the kernels do not train trees")
    with pytest.raises(ValueError, match="engine: expected 'native' or 'torch' for trees, got 'triton'"):
        choose("cuda", "triton", unfit="trees")


def test_auto_does_not_wait_for_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert choose("auto", None)[:2] == ("native", "cpu")


def test_memory_that_does_not_suffice_is_told_in_numbers(monkeypatch):
    fake_torch(monkeypatch, free=2_000_000_000)
    card = types.SimpleNamespace(type="cuda")
    check_memory(card, tables=10**9)
    with pytest.raises(
        MemoryError, match=r"expected 3.00 GB free on .* \(tables 1.00 GB, corpus 2.00 GB\), got 2.00"
    ):
        check_memory(card, tables=10**9, corpus=2 * 10**9)


def test_the_log_says_what_was_taken(caplog):
    caplog.set_level(logging.INFO, "fastnlp")
    Word2Vec(dim=4, subsample=0, threads=2).fit(CORPUS)
    assert "device='auto': training on the CPU by the native engine with 2 threads: " in caplog.text


def test_the_cpu_is_trained_on_without_torch():
    script = (
        "import sys; sys.modules['torch'] = sys.modules['triton'] = None\n"
        "import fastnlp as fn\n"
        "corpus = fn.Corpus.from_text(['the cat sat', 'the dog ran'] * 999, min_count=1)\n"
        "for model in (fn.Word2Vec, fn.FastText, fn.GloVe):\n"
        "    model(dim=4, epochs=2).fit(corpus)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_command_line_takes_both(tmp_path, capsys):
    pytest.importorskip("torch")
    from fastnlp.cli.main import main

    text = tmp_path / "text"
    text.write_text("the cat sat\nthe dog ran\n" * 9)
    out = str(tmp_path / "out.vec")
    common = ["train", "word2vec", str(text), "-o", out, "--min-count", "1", "--dim", "4", "--subsample", "0"]
    assert main([*common, "--engine", "torch", "--device", "cpu", "--quiet"]) == 0
    assert main([*common, "--device", "gpu"]) == 1
    assert "device: expected 'auto', 'cpu', 'cuda' or 'cuda:N', got 'gpu'" in capsys.readouterr().err
