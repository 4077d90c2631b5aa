"""Fonts that have a glyph for every character of the words drawn, chosen from those installed."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from fastnlp.plots.libraries import load_library

__all__ = ["MissingGlyphWarning", "bold_weight", "font_families"]

_LATIN = "DejaVu Sans"  # comes with Matplotlib
# Sans-serif fonts of many scripts in order of preference; after them any other installed font is tried.
_PREFERRED = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Noto Sans SC",
    "Noto Sans CJK JP",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
    "Yu Gothic",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "Noto Sans",
    "Arial Unicode MS",
)
_NO_TEXT = ("Last Resort", "cm", "STIXSize", "STIXNonUnicode", "DejaVu Sans Display")
_PACKAGES = (
    ("CJK", "fonts-noto-cjk (Debian, Ubuntu), google-noto-sans-cjk-fonts (Fedora), font-noto-cjk (Alpine)"),
    ("HIRAGANA", "fonts-noto-cjk (Debian, Ubuntu) or another Japanese font"),
    ("KATAKANA", "fonts-noto-cjk (Debian, Ubuntu) or another Japanese font"),
    ("HANGUL", "fonts-noto-cjk (Debian, Ubuntu) or another Korean font"),
)


class MissingGlyphWarning(UserWarning):
    """No installed font has a glyph for some characters; they show as boxes."""


def font_families(texts: Iterable[str]) -> list[str]:
    """Installed font families that together have a glyph for each character of some texts.

    The first is Matplotlib's own; Matplotlib looks glyphs up in the order of the list. Fonts that were
    installed after Matplotlib last made its list of fonts are found as well.

    Args:
        texts: what will be drawn.

    Returns:
        One family or more.

    Raises:
        ImportError: Matplotlib is not installed.

    Warns:
        MissingGlyphWarning: no installed font has some of the characters; it names them and what to install.

    Example:
        >>> font_families(["king", "queen"])
        ['DejaVu Sans']
    """
    missing = {character for text in texts for character in text if _needs_glyph(character)}
    chosen = [_LATIN]
    missing -= _characters_of(_LATIN)
    for look_further in (False, True):
        if missing and look_further:
            _add_new_fonts()
        for name in _candidates() if missing else ():
            found = missing & _characters_of(name)
            if found:
                chosen.append(name)
                missing -= found
            if not missing:
                break
    if missing:
        warnings.warn(MissingGlyphWarning(_missing_message(missing)), stacklevel=3)
    return chosen


def bold_weight(families: list[str]) -> str:
    """The weight of words that stand out: bold where each of some families has a bold font, else normal."""
    heavy = {font.name for font in _fonts() if _weight(font.weight) >= 600}
    return "bold" if heavy.issuperset(families) else "normal"


def _needs_glyph(character: str) -> bool:
    return unicodedata.category(character)[0] not in "CZ"


def _fonts() -> list[Any]:
    manager: Any = load_library("matplotlib.font_manager", "a picture").fontManager
    return [font for font in manager.ttflist if not font.name.startswith(_NO_TEXT)]


def _candidates() -> list[str]:
    """Names of the installed families, preferred ones first, otherwise by name."""
    order = {name: rank for rank, name in enumerate(_PREFERRED)}
    names = {font.name for font in _fonts()}
    return sorted(names, key=lambda name: (order.get(name, len(order)), name))


def _characters_of(family: str) -> frozenset[str]:
    """What the upright regular font of a family has glyphs for."""
    fonts = [font for font in _fonts() if font.name == family]
    if not fonts:
        return frozenset()
    regular = min(fonts, key=lambda font: (font.style != "normal", abs(_weight(font.weight) - 400)))
    return _characters_in(regular.fname, getattr(regular, "index", 0))


def _weight(weight: str | int) -> int:
    return weight if isinstance(weight, int) else {"bold": 700, "light": 300}.get(weight, 400)


@lru_cache(maxsize=256)
def _characters_in(path: str, index: int) -> frozenset[str]:
    ft2font: Any = load_library("matplotlib.ft2font", "a picture")
    try:
        font = ft2font.FT2Font(path, face_index=index) if index else ft2font.FT2Font(path)
    except (OSError, RuntimeError):  # listed once, but removed or damaged since
        return frozenset()
    return frozenset(map(chr, font.get_charmap()))


def _add_new_fonts() -> None:
    """Makes known to Matplotlib what was installed since it made its list."""
    manager: Any = load_library("matplotlib.font_manager", "a picture")
    known = {font.fname for font in manager.fontManager.ttflist}
    for path in manager.findSystemFonts():
        if path not in known:
            try:
                manager.fontManager.addfont(path)
            except (OSError, RuntimeError, ValueError):  # not a font that can be scaled
                continue


def _missing_message(missing: set[str]) -> str:
    shown = "".join(sorted(missing)[:20]) + ("..." if len(missing) > 20 else "")
    names = " ".join(unicodedata.name(character, "") for character in missing)
    packages = [package for script, package in _PACKAGES if script in names]
    install = packages[0] if packages else "a font of their script, for example one of fonts-noto"
    return f"no installed font has a glyph for {shown}, drawn as boxes; install {install}"
