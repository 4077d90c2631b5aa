"""Each operation in plain torch: what the Triton kernels are tested against, and what runs without them."""
