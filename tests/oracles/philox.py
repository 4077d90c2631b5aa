"""Philox4x32-10 and the library's streams, in Python integers; the layout is csrc/support/philox.h's."""

TOKEN, NEGATIVES, TABLES, SHUFFLE, PAIRS, TRUNCATION, MASKING, REPLACEMENT = range(8)
ORDER = 10
MASK = 0xFFFFFFFF


def block(seed, stream, epoch, position, index):
    c = [position & MASK, position >> 32, epoch, stream << 24 | index & 0xFFFFFF]
    k0, k1 = seed & MASK, seed >> 32
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [p1 >> 32 ^ c[1] ^ k0, p1 & MASK, p0 >> 32 ^ c[3] ^ k1, p0 & MASK]
        k0, k1 = k0 + 0x9E3779B9 & MASK, k1 + 0xBB67AE85 & MASK
    return c


def word(seed, stream, epoch, position, index):
    """Word `index` of a stream at a position."""
    return block(seed, stream, epoch, position, index // 4)[index % 4]


def below(random_word, n):
    return random_word * n >> 32


def below_wide(high, low, n):
    """The same from two words."""
    return (high << 32 | low) * n >> 64


def threshold(probability):
    if probability <= 0:
        return 0
    if probability >= 1:
        return MASK
    return min(int(probability * 2**32), MASK - 1)


def accepts(limit, random_word):
    return random_word < limit or limit == MASK
