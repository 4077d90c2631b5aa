"""Writes bert_characters_data.h, what BERT's text normalization does to each character.

    python csrc/tokenizers/bert_characters.py > csrc/tokenizers/bert_characters_data.h

BERT's vocabularies are used with the tables that `tokenizers` has, which are of several versions of Unicode:
so each character is given to its BertNormalizer and BertPreTokenizer, and what comes out is written down.
Canonical combining classes, which the order of marks depends on, are those of Unicode 16: Python 3.14, or
`pip install unicodedata2==16.0.0`. Needs tokenizers 0.23.
"""

import importlib

LAST = 0x110000
REMOVED, SPACE, IDEOGRAPH, PUNCTUATION, PLAIN_MARK = 1, 2, 4, 8, 16
BLOCK = 128
HANGUL = range(0xAC00, 0xD7A4)  # decomposed by arithmetic


def database():
    """The module with combining classes of this version."""
    for name in ("unicodedata", "unicodedata2"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        if module.unidata_version == "16.0.0":
            return module
    raise SystemExit("expected Unicode 16.0.0; use Python 3.14 or `pip install unicodedata2==16.0.0`")


def rows(values, per_line=16):
    """Lines of numbers."""
    lines = (values[i : i + per_line] for i in range(0, len(values), per_line))
    return ",\n".join("    " + ", ".join(map(str, line)) for line in lines)


def main():
    """Prints the header."""
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    def normalizer(clean=False, ideographs=False, strip=False, lower=False):
        return BertNormalizer(
            clean_text=clean, handle_chinese_chars=ideographs, strip_accents=strip, lowercase=lower
        )

    cleaned, spaced = normalizer(clean=True), normalizer(ideographs=True)
    stripped, lowered = normalizer(strip=True), normalizer(lower=True)
    cut = BertPreTokenizer()
    combining = database().combining
    flags = [0] * LAST
    classes, base, lower = {}, {}, {}
    for code in range(LAST):
        if 0xD800 <= code < 0xE000:
            continue
        character = chr(code)
        if not cleaned.normalize_str(character):
            flags[code] |= REMOVED
        elif cleaned.normalize_str(character) == " ":
            flags[code] |= SPACE
        if spaced.normalize_str(character) != character:
            flags[code] |= IDEOGRAPH
        if len(cut.pre_tokenize_str(f"a{character}b")) == 3:
            flags[code] |= PUNCTUATION
        without = stripped.normalize_str(character)
        if without != character and code not in HANGUL:
            base[code] = without
        if not without and not combining(character):
            flags[code] |= PLAIN_MARK
        elif without and combining(character):
            classes[code] = combining(character)
        if lowered.normalize_str(character) != character:
            lower[code] = lowered.normalize_str(character)

    blocks, numbers, index = [], {}, []
    for start in range(0, LAST, BLOCK):
        block = tuple(flags[start : start + BLOCK])
        if block not in numbers:
            numbers[block] = len(blocks)
            blocks.append(block)
        index.append(numbers[block])
    if len(blocks) > 256:
        raise SystemExit("the index needs more than a byte; enlarge BLOCK")
    print(f"""// Written by bert_characters.py; do not edit.
// clang-format off
#pragma once

#include <cstdint>

namespace fastnlp::bert {{

inline constexpr std::uint8_t kBlockOf[{len(index)}] = {{
{rows(index, 32)}}};

inline constexpr std::uint8_t kFlags[{len(blocks)}][{BLOCK}] = {{""")
    for block in blocks:
        print("{\n" + rows(block, 32) + "},")
    print("};")
    for name, table in (("Base", base), ("Lower", lower)):
        if any(len(text) > 3 for text in table.values()):
            raise SystemExit(f"a character becomes more than three: {name}")
        print(f"""
// What characters become: the first three after each, 0 for none.
inline constexpr std::uint32_t k{name}[{len(table)}][4] = {{""")
        entries = [
            "{" + ", ".join(map(str, [code, *map(ord, text), *[0] * (3 - len(text))])) + "}"
            for code, text in sorted(table.items())
        ]
        print(rows(entries, 6) + "};")
    entries = [f"{{{code}, {number}}}" for code, number in sorted(classes.items())]
    print(f"""
// Combining classes of marks that are not taken away.
inline constexpr std::uint32_t kCombining[{len(entries)}][2] = {{
{rows(entries, 10)}}};

}}  // namespace fastnlp::bert""")


if __name__ == "__main__":
    main()
