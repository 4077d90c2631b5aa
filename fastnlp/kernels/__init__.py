"""Differentiable operations on torch tensors, fused by Triton where there is a GPU; one operation a file."""
