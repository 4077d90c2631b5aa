"""Each operation in plain torch: what the Triton kernels are tested against, and what runs without them."""

from fastnlp.kernels.reference.masked_bce import masked_bce
from fastnlp.kernels.reference.masked_lm_loss import masked_lm_loss

__all__ = ["masked_bce", "masked_lm_loss"]
