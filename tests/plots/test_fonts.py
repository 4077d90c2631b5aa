import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib import font_manager

from fastnlp import WordVectors
from fastnlp.plots import MissingGlyphWarning, fonts, plot_heatmap, plot_map, save_figure
from fastnlp.plots.style import new_figure


def families_or_skip(text):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MissingGlyphWarning)
        families = fonts.font_families([text])
    known = set().union(*(fonts._characters_of(name) for name in families))
    if not set(text) <= known:
        pytest.skip(f"no installed font has all of {text}; fonts-wqy-microhei or fonts-noto-cjk has")
    return families


def ink(text, families):
    """The pixels of a text, cut out of a picture."""
    figure = new_figure((2, 2))
    figure.text(0.3, 0.3, text, fontsize=40, family=families)
    figure.canvas.draw()
    grey = np.asarray(figure.canvas.buffer_rgba())[:, :, 0]
    dark = grey < 128
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    return dark[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@pytest.mark.parametrize("text", ["王水火山", "ねこである", "한국어말"])
def test_characters_of_east_asia_are_drawn_and_not_as_boxes(text):
    families = families_or_skip(text)
    drawn = [ink(character, families) for character in text]
    # A missing glyph is the same box for every character; these all differ, and none is an empty frame.
    for i, a in enumerate(drawn):
        assert a[2:-2, 2:-2].any()
        assert all(a.shape != b.shape or (a != b).any() for b in drawn[:i])


@pytest.mark.filterwarnings("ignore:Glyph")
def test_the_test_itself_knows_boxes():
    a, b = (ink(character, ["DejaVu Sans"]) for character in "王水")
    assert a.shape == b.shape and (a == b).all()


def test_pictures_of_chinese_words_warn_of_nothing(tmp_path):
    words = list("王后水火土金")
    families_or_skip("".join(words))
    vectors = WordVectors(words, np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32))
    for name, figure in (
        ("map", plot_map(vectors, words, title="汉字")),
        ("heat", plot_heatmap(vectors, words)),
    ):
        figure.canvas.draw()  # Matplotlib warns of each missing glyph, and warnings are errors here
        for suffix in ("png", "svg", "pdf"):
            save_figure(figure, tmp_path / f"{name}.{suffix}")


def test_latin_needs_no_further_font():
    assert fonts.font_families(["king", "Größe", "слово", "λόγος", ""]) == ["DejaVu Sans"]


def test_characters_without_a_glyph_are_named_with_what_to_install(monkeypatch, family):
    monkeypatch.setattr(fonts, "_candidates", list)
    with pytest.warns(MissingGlyphWarning, match="a glyph for 水王, drawn as boxes; install fonts-noto-cjk"):
        fonts.font_families(["王水 king"])
    with pytest.warns(MissingGlyphWarning, match="install a font of their script"):
        fonts.font_families(["\U00016800"])
    vectors = WordVectors(["王", "水"], np.eye(2, dtype=np.float32))
    with pytest.warns(MissingGlyphWarning, match="no installed font has a glyph for 水王"):
        figure = plot_map(vectors, ["王", "水"])
    assert len(figure.axes[0].collections) == 1


def test_fonts_installed_since_matplotlib_made_its_list_are_found(monkeypatch):
    families_or_skip("王")
    found = [
        font for font in font_manager.fontManager.ttflist if font.name in fonts.font_families(["王"])[1:]
    ]
    files = {font.fname for font in found}
    rest = [font for font in font_manager.fontManager.ttflist if "王" not in fonts._characters_of(font.name)]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", rest)
    assert len(fonts.font_families(["王"])) == 2
    assert files & {font.fname for font in font_manager.fontManager.ttflist}


def test_a_font_file_that_has_gone_is_passed_over():
    assert fonts._characters_in("/nowhere/gone.ttf", 0) == frozenset()
