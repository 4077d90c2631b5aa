"""Numbers of text are the nearest float32, ties to even, as rounding the exact fraction gives."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnlp import _core


def nearest_float32(text):
    """The float32 nearest to a decimal, by its exact value."""
    exact = Fraction(text)
    # float() is the nearest double; the nearest float32 is one of those around it.
    near = np.float32(max(-3.4028235e38, min(3.4028235e38, float(text))))
    with np.errstate(over="ignore"):
        candidates = {
            float(near),
            *(float(np.nextafter(near, np.float32(side))) for side in (-np.inf, np.inf)),
        }
    finite = [c for c in candidates if math.isfinite(c)]
    best = min(abs(Fraction(c) - exact) for c in finite)
    tied = [c for c in finite if abs(Fraction(c) - exact) == best]
    chosen = tied[0] if len(tied) == 1 else next(c for c in tied if np.float32(c).view(np.uint32) % 2 == 0)
    return np.float32(math.copysign(chosen, -1 if text.startswith("-") else 1))


def parsed(texts):
    """Numbers as the reader sees them, in the midst of a block and at its end."""
    block = ("w " + " ".join(texts) + "\n").encode()
    out = np.empty((1, len(texts)), np.float32)
    _core.parse_text_rows(block, True, len(texts), out, 1, "strict")
    return out[0]


def assert_nearest(texts):
    expected = np.array([nearest_float32(text) for text in texts])
    assert (parsed(texts).view(np.uint32) == expected.view(np.uint32)).all(), texts


digits = st.text("0123456789", min_size=1, max_size=24)
decimals = st.builds(
    lambda sign, whole, part, exponent: f"{sign}{whole}{part}{exponent}",
    st.sampled_from(["", "-"]),
    digits,
    st.one_of(st.just(""), digits.map(lambda d: "." + d)),
    st.one_of(st.just(""), st.integers(-60, 12).map(lambda e: f"e{e}")),
)


@settings(max_examples=300)
@given(st.lists(decimals.filter(lambda text: abs(float(text)) < 3.4e38), min_size=1, max_size=30))
def test_any_decimal_is_rounded_to_the_nearest(texts):
    assert_nearest(texts)


@settings(max_examples=200)
@given(st.integers(0, 2**31 - 1), st.integers(-2, 2), st.integers(8, 60))
def test_numbers_at_and_beside_midpoints_go_to_the_right_side(bits, nudge, places):
    """Halfway between two float32, exactly and a digit to each side."""
    low = np.uint32(bits).view(np.float32)
    high = np.uint32(bits + 1).view(np.float32)
    if not (np.isfinite(low) and np.isfinite(high)):
        return
    middle = (Fraction(float(low)) + Fraction(float(high))) / 2
    scale = 10**places
    text = str(round(middle * scale) + nudge)
    text = text.rjust(places + 1, "0") if not text.startswith("-") else "-" + text[1:].rjust(places + 1, "0")
    assert_nearest([f"{text[:-places]}.{text[-places:]}"])
    assert_nearest([f"{int(text)}e-{places}"])


@settings(max_examples=200)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_the_usual_spellings_of_a_float32_give_it_back(values):
    for form in ("%.9g", "%.17g", "%.12e", "%r"):
        texts = [form % value for value in values]
        assert (parsed(texts).view(np.uint32) == np.array(values, np.float32).view(np.uint32)).all()


@pytest.mark.parametrize(
    "texts",
    [
        [
            "0",
            "-0",
            "0.0",
            "-0.000000000000000000001",
            "1.",
            "00000.5",
            "123456789",
            "1234567890123456789012",
        ],
        ["1e-400", "7.0064923216240853e-46", "7.0064923216240862e-46", "1.17549431e-38", "3.4028235e38"],
        [
            "9007199254740993",
            "9007199254740993.0",
            "0.12345678",
            "0.123456789",
            "0.1234567890123456",
            "16777217",
        ],
        ["1e22", "1e23", "123e-22", "999e22", "1E5", "1e+5", "1e05", "8.5899346e9"],
    ],
)
def test_awkward_decimals(texts):
    assert_nearest(texts)


@pytest.mark.parametrize(
    "text", ["1e", "e5", ".", "-", "--1", "1.5.2", "1e5.0", "0x1", "1_000", "1e--5", "1,5", "٣"]
)
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match=r"line 1: expected a word and 3 numbers, got .* as number 2"):
        parsed(["1", text, "0.5"])


@pytest.mark.parametrize(
    "text", ["3.4028236e38", "1e39", "9" * 40, "1e400", "nan", "inf", "-inf", "1e99999999999"]
)
def test_what_no_float32_is_near_to_is_refused(text):
    with pytest.raises(ValueError, match="line 1: expected finite numbers"):
        parsed(["1", text])
