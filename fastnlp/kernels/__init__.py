"""Differentiable operations on torch tensors, fused by Triton where there is a GPU; one operation a file."""

from fastnlp.kernels.masked_bce import masked_bce
from fastnlp.kernels.masked_lm_loss import masked_lm_loss

__all__ = ["masked_bce", "masked_lm_loss"]
