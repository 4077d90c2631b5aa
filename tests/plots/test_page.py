import base64
import html
import json
import re
import sys

import numpy as np
import pytest

from fastnlp import WordVectors
from fastnlp.plots import page_html, write_page
from fastnlp.plots.page import _places, _quantised


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])


def test_the_page_holds_words_points_and_vectors(vectors):
    data = data_of(page_html(vectors, 100))
    assert data["words"] == vectors.index_to_key[:100] and data["dim"] == 24
    rows = np.frombuffer(base64.b64decode(data["vectors"]), np.int8).reshape(100, 24).astype(float)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    units = vectors.unit_vectors(np.arange(100))
    assert np.abs(rows @ rows.T - units @ units.T).max() < 0.01
    points = np.frombuffer(base64.b64decode(data["points"]), "<u2").reshape(100, 2)
    assert points.min() == 0 and points.max() == 65535


def test_quantised_cosines_are_off_by_little():
    draw = np.random.default_rng(1)
    units = draw.normal(size=(300, 100))
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    rows = _quantised(units).astype(float)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    off = np.abs(rows @ rows.T - units @ units.T)
    assert off.max() < 0.005


def test_places_keep_the_shape_of_the_map():
    places = _places(np.array([[0.0, 0.0], [10.0, 5.0], [5.0, 0.0]])).astype(float)
    assert places == pytest.approx(np.array([[0, 16384], [65535, 49151], [32768, 16384]]), abs=1)


def test_a_page_asks_for_nothing_and_lets_only_its_own_script_run(vectors):
    page = page_html(vectors, 10)
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)|https?:|@import|url\(""", page)
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1])
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy


def test_words_cannot_end_the_data_nor_the_title_the_heading():
    words = ["</script><script>alert(1)</script>", "<!--", "{{title}}", "&amp;", '"', "\\", "\u2028"]
    table = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    page = page_html(WordVectors(words, table), title="</h1><b>{{data}}</b>")
    assert data_of(page)["words"] == words
    assert page.count("<script") == 2 and "<b>" not in page
    assert "&lt;/h1&gt;&lt;b&gt;{{data}}&lt;/b&gt;" in page


def test_words_may_be_named_and_rows_without_direction_are_left_out(odd, vectors):
    assert data_of(page_html(vectors, ["w1", "w7", "w2"]))["words"] == ["w1", "w7", "w2"]
    assert data_of(page_html(odd))["words"] == ["one", "same", "other"]


def test_a_file_appears_whole_with_the_number_of_its_words(vectors, tmp_path):
    assert write_page(vectors, tmp_path / "words.html", 50, title="维基") == 50
    text = (tmp_path / "words.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "<h1>维基</h1>" in text
    assert [path.name for path in tmp_path.iterdir()] == ["words.html"]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("words: expected 2 to 50,000, got 1", 1),
        ("words: expected 2 to 50,000, got 60,000", 60_000),
        ("words: expected 2 to 50,000 different words, got 1", ["one"]),
        ("got zeros for 'zero'", ["one", "zero"]),
        ("not finite for 'nan'", ["one", "nan"]),
        ("at least 2 with different vectors", ["one", "same"]),
    ],
)
def test_bad_input_is_an_error_that_says_what_is_wrong(odd, message, words):
    with pytest.raises(ValueError, match=message):
        page_html(odd, words)


def test_vectors_without_any_direction_and_unknown_words_are_errors(odd):
    with pytest.raises(ValueError, match="at least two words with a direction, got 0"):
        page_html(WordVectors(["a", "b"], np.zeros((2, 3), np.float32)))
    with pytest.raises(KeyError, match="'nowhere' is not among"):
        page_html(odd, ["one", "nowhere"])


def test_a_page_needs_numpy_alone(monkeypatch, vectors):
    for name in ("matplotlib", "matplotlib.figure", "sklearn", "sklearn.manifold", "scipy"):
        monkeypatch.setitem(sys.modules, name, None)
    assert page_html(vectors, 20)
    with pytest.raises(ImportError, match=r"fastnlp\[plot\]"):
        page_html(vectors, 20, method="tsne")
