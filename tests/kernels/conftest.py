import os

import pytest
import torch


@pytest.fixture
def unwritten_is_nan(monkeypatch):
    """Fills what launchers allocate with NaN, or with large numbers, so that a forgotten store shows."""
    empty = torch.empty

    def filled(*arguments, **named):
        tensor = empty(*arguments, **named)
        return tensor.fill_(float("nan") if tensor.is_floating_point() else 99)

    monkeypatch.setattr(torch, "empty", filled)


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request, unwritten_is_nan):
    """Where kernels run: on the GPU, or where there is none in Triton's interpreter, from one source."""
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if request.param == "cuda" and (interpreted or not torch.cuda.is_available()):
        pytest.skip("needs a CUDA device")
    if request.param == "cpu" and not interpreted:
        pytest.skip("the kernels are compiled for the CUDA device")
    return torch.device(request.param)
