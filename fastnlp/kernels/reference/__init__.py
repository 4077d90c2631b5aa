"""Each operation in plain torch: what the Triton kernels are tested against, and what runs without them."""

from fastnlp.kernels.reference.masked_bce import masked_bce

__all__ = ["masked_bce"]
