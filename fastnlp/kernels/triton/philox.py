"""The numbers of csrc/support/philox.h, the one generator, drawn in kernels."""

import triton
import triton.language as tl

TOKEN = tl.constexpr(0)  # streams
NEGATIVES = tl.constexpr(1)


@triton.jit
def block(seed, STREAM: tl.constexpr, epoch, position, index):
    """Philox4x32-10: the four uint32 words of a block, in the shape of `position` and `index` together.

    The counter is {position low, position high, epoch, stream << 24 | index}, the key the seed.
    """
    position, index = tl.broadcast(tl.cast(position, tl.int64), index)
    none = tl.zeros_like(index)
    low = (position & 0xFFFFFFFF).to(tl.uint32)
    high = (position >> 32).to(tl.uint32)
    last = (index & 0xFFFFFF | STREAM << 24).to(tl.uint32)
    return tl.philox(seed, low, high, (none + epoch).to(tl.uint32), last)


@triton.jit
def below(word, n):
    """A whole number in [0, n) from a word."""
    return (word.to(tl.uint64) * n >> 32).to(tl.int32)


@triton.jit
def accepts(limit, word):
    """Whether a word passes a threshold; the highest threshold always passes."""
    return (word < limit) | (limit == 0xFFFFFFFF)


@triton.jit
def noise_word(thresholds, aliases, size, seed, epoch, position, d):
    """Draw d of a position's stream of negatives, by an alias table: words 2d and 2d + 1."""
    a, b, c, e = block(seed, NEGATIVES, epoch, position, d // 2)
    odd = d % 2 == 1
    column = below(tl.where(odd, c, a), size)
    kept = accepts(tl.load(thresholds + column), tl.where(odd, e, b))
    return tl.where(kept, column, tl.load(aliases + column))
