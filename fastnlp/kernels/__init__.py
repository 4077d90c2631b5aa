"""Differentiable operations on torch tensors, fused by Triton where there is a GPU; one operation a file."""

from fastnlp.kernels.masked_bce import masked_bce

__all__ = ["masked_bce"]
