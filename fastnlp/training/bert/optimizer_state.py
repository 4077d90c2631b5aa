"""The state of AdamW by the names of parameters, whole whatever the number of processes."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

__all__ = ["full_parameters", "load_optimizer", "optimizer_tensors"]

_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def _whole(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor in one piece; a collective call where it is sharded."""
    gathered: Any = getattr(tensor, "full_tensor", None)
    whole: torch.Tensor = tensor if gathered is None else gathered()
    return whole.detach()


def full_parameters(model: nn.Module) -> dict[str, torch.Tensor]:
    """Every parameter in one piece, on the host; a collective call where they are sharded."""
    return {name: _whole(tensor).cpu() for name, tensor in model.state_dict().items()}


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Both moments and the number of updates of each parameter, as "name/exp_avg" and so on.

    Args:
        model: whose parameters the optimizer changes.
        optimizer: AdamW.
    """
    return {
        f"{name}/{moment}": _whole(optimizer.state[parameter][moment]).cpu()
        for name, parameter in model.named_parameters()
        if parameter in optimizer.state
        for moment in _MOMENTS
    }


def load_optimizer(
    model: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]
) -> None:
    """Gives the optimizer what `optimizer_tensors` took from it.

    Raises:
        ValueError: a tensor is missing or has another shape.
    """
    for name, parameter in model.named_parameters():
        state: dict[str, torch.Tensor] = {}
        for moment in _MOMENTS:
            tensor = tensors.get(f"{name}/{moment}")
            shape = () if moment == "step" else tuple(parameter.shape)
            if tensor is None or tuple(tensor.shape) != shape:
                got = "none" if tensor is None else str(tuple(tensor.shape))
                raise ValueError(f"checkpoint: expected {shape} for {moment} of {name}, got {got}")
            mesh: Any = getattr(parameter, "device_mesh", None)
            if moment == "step":
                state[moment] = tensor.clone().to(parameter.device if optimizer.defaults["fused"] else "cpu")
            elif mesh is not None:
                from torch.distributed.tensor import distribute_tensor

                state[moment] = distribute_tensor(tensor.to(parameter.device), mesh, parameter.placements)  # type: ignore[attr-defined]
            else:
                state[moment] = tensor.to(parameter.device, copy=True)
        optimizer.state[parameter] = state
