"""Writes unicode_classes_data.h, the classes of characters that pre-tokenizers ask for.

    python csrc/tokenizers/unicode_classes.py > csrc/tokenizers/unicode_classes_data.h

Unicode 16.0, which is what tiktoken 0.14 and tokenizers 0.23 know. Python has it from 3.14 on; for an older
one `pip install unicodedata2==16.0.0`.
"""

import importlib

VERSION = "16.0.0"
LETTER, NUMBER, SPACE, UPPER, LOWER, MARK = (1 << bit for bit in range(6))
BLOCK = 128
LAST = 0x110000


def database():
    """The module whose tables are of this version."""
    for name in ("unicodedata", "unicodedata2"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        if module.unidata_version == VERSION:
            return module
    raise SystemExit(f"expected Unicode {VERSION}; use Python 3.14 or `pip install unicodedata2=={VERSION}`")


def classes(category, code):
    """The bits of one character."""
    bits = {"L": LETTER, "N": NUMBER, "M": MARK}.get(category[0], 0)
    if category in ("Lu", "Lt"):
        bits |= UPPER
    if category == "Ll":
        bits |= LOWER
    if category in ("Zs", "Zl", "Zp") or code in (*range(9, 14), 0x85):
        bits |= SPACE
    return bits


def rows(values, per_line=24):
    """Lines of numbers."""
    lines = (values[i : i + per_line] for i in range(0, len(values), per_line))
    return ",\n".join("    " + ", ".join(map(str, line)) for line in lines)


def main():
    """Prints the header."""
    category = database().category
    flat = [classes(category(chr(code)), code) for code in range(LAST)]
    blocks, numbers = [], {}
    index = []
    for start in range(0, LAST, BLOCK):
        block = tuple(flat[start : start + BLOCK])
        if block not in numbers:
            numbers[block] = len(blocks)
            blocks.append(block)
        index.append(numbers[block])
    if len(blocks) > 256:
        raise SystemExit("the index needs more than a byte; enlarge BLOCK")
    print(f"""// Written by unicode_classes.py from Unicode {VERSION}; do not edit.
// clang-format off
#pragma once

#include <cstdint>

namespace fastnlp::unicode {{

inline constexpr std::uint8_t kBlockOf[{len(index)}] = {{
{rows(index)}}};

inline constexpr std::uint8_t kClasses[{len(blocks)}][{BLOCK}] = {{""")
    for block in blocks:
        print("{\n" + rows(block, 32) + "},")
    print("};\n\n}  // namespace fastnlp::unicode")


if __name__ == "__main__":
    main()
