"""How a Triton kernel is compared with the plain torch that says what it computes."""

import torch

# Relative and absolute; of half precision, a unit in the last place of what is stored.
TOLERANCES = {torch.float32: (1e-5, 1e-6), torch.float16: (2e-3, 1e-4), torch.bfloat16: (1e-2, 1e-3)}
DTYPES = tuple(TOLERANCES)


def values_and_gradients(function, leaves, upstream_seed=5):
    """What `function()` gives, and the gradients of `leaves` under an upstream gradient that is not 1."""
    for leaf in leaves:
        leaf.grad = None
    value = function()
    generator = torch.Generator().manual_seed(upstream_seed)
    upstream = torch.randn(value.shape, generator=generator).to(value.device, value.dtype)
    value.backward(upstream)
    return value.detach(), [leaf.grad for leaf in leaves]


def assert_agree(triton, reference, leaves, dtype=None):
    """Calls both and compares values and gradients, and the dtypes of both."""
    rtol, atol = TOLERANCES[dtype or leaves[0].dtype]
    value, gradients = values_and_gradients(triton, leaves)
    expected, expected_gradients = values_and_gradients(reference, leaves)
    torch.testing.assert_close(value, expected, rtol=rtol, atol=atol)
    for got, wanted in zip(gradients, expected_gradients, strict=True):
        assert got.layout == wanted.layout
        # Of a sum whose terms cancel, the error is that of the terms.
        size = max(1.0, dense(wanted).abs().max().item()) if wanted.numel() else 1.0
        torch.testing.assert_close(dense(got), dense(wanted), rtol=rtol, atol=atol * size)


def dense(tensor):
    return tensor.to_dense() if tensor.layout == torch.sparse_coo else tensor
