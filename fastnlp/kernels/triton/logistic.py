"""The logistic function and its logarithm, as every loss by binary decisions needs them."""

import triton
import triton.language as tl


@triton.jit
def decision(x):
    """(softplus(x), sigmoid(x)): -log P of a decision whose log-odds are -x, and its derivative in x.

    log(1 + e) with e = exp(-|x|) is 2 atanh(s), s = e / (2 + e) <= 1/3, a series of which seven terms are
    exact to float32. The logarithm of the hardware is bounded in its absolute error only, and confident
    decisions would lose all digits.
    """
    e = tl.exp(-tl.abs(x))
    s = e / (2.0 + e)
    q = s * s
    series = 1.0 + q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * (1 / 13))))))
    softplus = tl.maximum(x, 0.0) + 2.0 * s * series
    sigmoid = tl.where(x >= 0.0, 1.0, e) / (1.0 + e)
    return softplus, sigmoid
