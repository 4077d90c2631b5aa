"""Cutting running text into sentences by rules, as it streams."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal

from fastnlp.text.tokenized import line_blocks

_END = re.compile(
    r"""(?<![.!?…])[.!?…]++ ["'”’»)\]]*+ (?=\s|$)  # a Latin end counts before white space
      | [。！？｡]++ [」』”’）)】》]*+                # a Chinese or Japanese one anywhere""",
    re.VERBOSE,
)
_OPENING = "\"'“‘«([{"
_CLOSING = "」』”’）)】》"

# What stands before a full stop that ends no sentence.
_NEVER = {
    "mr", "mrs", "ms", "mx", "dr", "prof", "rev", "hon", "gen", "col", "maj", "capt", "lt", "sgt",
    "cmdr", "adm", "gov", "sen", "rep", "pres", "st", "mt", "ft", "ste", "messrs", "mmes", "e.g", "i.e",
    "cf", "vs", "viz", "al", "ca", "approx", "resp",
}  # fmt: skip
# The same before a number: "No. 5", "Jan. 7".
_BEFORE_NUMBER = {
    "no", "nos", "vol", "vols", "p", "pp", "fig", "figs", "art", "arts", "sec", "ch", "chap", "eq",
    "nr", "op", "ver", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov",
    "dec",
}  # fmt: skip
# Ends a sentence or not: "Inc." and all with dots inside; a sentence ends if the next word is one of these.
_PERHAPS = {
    "etc", "inc", "ltd", "co", "corp", "bros", "jr", "sr", "dept", "univ", "assn", "esq", "ph.d", "u.s",
    "u.k", "a.m", "p.m",
}  # fmt: skip
_STARTERS = {
    "A", "After", "All", "Although", "An", "And", "As", "At", "Because", "Before", "But", "By",
    "During", "Each", "Even", "For", "From", "He", "Her", "Here", "His", "How", "However", "I", "If",
    "In", "It", "Its", "Many", "Most", "My", "No", "On", "One", "Other", "Our", "She", "Since", "So",
    "Some", "Such", "That", "The", "Their", "Then", "There", "These", "They", "This", "Those", "Though",
    "Thus", "To", "Today", "Two", "Under", "Until", "We", "What", "When", "Where", "While", "Who",
    "Why", "With", "Yet", "You", "Your",
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
_LONGEST = 1 << 20  # characters of a sentence of which no end is in sight


def split_sentences(text: str) -> list[str]:
    """The sentences of a paragraph of English-like, Chinese or Japanese text.

    A sentence ends behind `.`, `!`, `?` or `…`, several of them, and closing quotes or brackets, where white
    space follows and then anything but a lower-case letter. A single full stop does not end it behind

    - a title or an abbreviation that goes on (`Dr.`, `e.g.`, `vs.`), or `No.`, `vol.`, `Jan.` and the like
      before a digit;
    - an initial (`J. Smith`), letters with dots (`U.S.`), or `Inc.`, `etc.` and the like, unless a word
      follows that often begins a sentence (`The`, `However`, ...);
    - a number with which the sentence would begin and end (`1. Introduction`).

    A full stop that stands by itself, as in text that is cut into words already, is no abbreviation's.
    `。`, `！`, `？` and `｡` end a sentence without white space, with the closing quotes and brackets behind
    them; behind such a quote `と` goes on.

    Args:
        text: of one paragraph; line ends count as white space.

    Returns:
        The sentences without white space around them; joined they are the text, but for white space between.

    Example:
        >>> split_sentences("Dr. No met J. R. R. Tolkien in the U.S. in 1950. He said: “Why not?” Fine.")
        ['Dr. No met J. R. R. Tolkien in the U.S. in 1950.', 'He said: “Why not?”', 'Fine.']
        >>> split_sentences("今日は晴れです。「本当？」と彼は言った。")
        ['今日は晴れです。', '「本当？」と彼は言った。']
    """
    sentences, begin = [], 0
    for match in _END.finditer(text):
        end = match.end()
        if _is_end(text, begin, match.start(), end):
            sentences.append(text[begin:end].strip())
            begin = end
    if rest := text[begin:].strip():
        sentences.append(rest)
    return sentences


def _is_end(text: str, begin: int, mark: int, end: int) -> bool:
    if text[mark] in "。！？｡":
        return not (text[end - 1] in _CLOSING and text[end : end + 1] == "と")
    following = _next_place(text, end)
    if following == len(text):
        return True
    opened = following
    while opened < len(text) and text[opened] in _OPENING:
        opened += 1
    if text[opened : opened + 1].islower():
        return False
    if text[mark] != "." or (end - mark > 1 and text[mark + 1] in ".!?…"):
        return True
    word = _word_before(text, begin, mark)
    low = word.lower()
    if not word:
        return True
    if low in _NEVER or (low in _BEFORE_NUMBER and text[opened : opened + 1].isdigit()):
        return False
    if word.isdigit():
        return bool(text[begin:mark].strip() != word)
    if (len(word) == 1 and word.isupper()) or "." in word or low in _PERHAPS:
        found = _WORD.match(text, opened)
        return found is not None and found[0] in _STARTERS
    return True


def _next_place(text: str, place: int) -> int:
    """The next character that is no white space."""
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def _word_before(text: str, begin: int, mark: int) -> str:
    """What stands before a full stop, up to white space or an opening sign; 32 characters at most."""
    place = mark
    least = max(begin, mark - 32)
    while place > least and not text[place - 1].isspace() and text[place - 1] not in _OPENING:
        place -= 1
    return text[place:mark]


def sentence_lines(
    source: Any,
    *,
    errors: Literal["strict", "replace"] = "strict",
    progress: Callable[[int, int | None], object] | None = None,
) -> Iterator[str]:
    """Streams a text of paragraphs as lines of one sentence each, for `Corpus.from_text`.

    A line of the source is a paragraph, or part of one: sentences end with lines. A blank line stays one and
    a file ends with one, so documents end where they did.

    Args:
        source: a file name, several in a list, "-" for the standard input, an open file, or an iterable of
            lines (str).
        errors: "strict" refuses bytes that are not UTF-8, "replace" reads them as U+FFFD.
        progress: called after each block with the bytes read and the size of the files, None if unknown.

    Yields:
        Sentences and empty lines. A sentence of more than 2^20 characters may come in parts.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a byte is not UTF-8.
        TypeError: the source is of no kind listed above.

    Example:
        >>> list(sentence_lines(["It is. Is it?", "", "It was."]))
        ['It is.', 'Is it?', '', 'It was.', '']
    """
    held = ""
    for data, more, _ in line_blocks(source, errors, progress):
        *lines, last = (held + data.decode()).split("\n")
        held = ""
        for line in lines:
            yield from split_sentences(line) or [""]
        sentences = split_sentences(last)
        if more and sentences and len(sentences[-1]) <= _LONGEST:
            held = sentences.pop()
        yield from sentences
        if more is None:
            yield ""
