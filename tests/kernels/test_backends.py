import pytest
import torch

from fastnlp.kernels import backends, masked_bce
from fastnlp.kernels.backends import choose_backend

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


def test_the_device_chooses_where_nothing_is_asked_for():
    assert choose_backend(None, CPU) == "torch"
    assert choose_backend(None, CUDA) == "triton"
    assert choose_backend("torch", CUDA) == "torch"


def test_triton_on_the_cpu_is_its_interpreter_or_an_error(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert choose_backend("triton", CPU) == "triton"
    monkeypatch.delenv("TRITON_INTERPRET")
    bools = torch.ones(1, 2, dtype=torch.bool)
    with pytest.raises(RuntimeError, match="expected a CUDA device for 'triton', got tensors on cpu; pass"):
        masked_bce(torch.zeros(1, 2), bools, bools, backend="triton")


def test_without_triton_nothing_stands_in_for_it(monkeypatch):
    monkeypatch.setattr(backends, "_HAS_TRITON", False)
    for backend, device in ((None, CUDA), ("triton", CUDA), ("triton", CPU)):
        with pytest.raises(RuntimeError, match=f"expected triton for tensors on {device}, got no install"):
            choose_backend(backend, device)
    assert choose_backend("torch", CUDA) == choose_backend(None, CPU) == "torch"


def test_other_backends_are_refused():
    with pytest.raises(ValueError, match="backend: expected 'triton', 'torch' or None, got 'cuda'"):
        choose_backend("cuda", CPU)
