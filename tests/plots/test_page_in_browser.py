"""The page in a real browser: what a person does, by keys, mouse and wheel, and what is then to be seen."""

import io

import headless_browser
import numpy as np
import pytest

from fastnlp import WordVectors
from fastnlp.plots import write_page

pytestmark = pytest.mark.skipif(
    headless_browser.find() is None, reason="no browser: apt-get install chromium-headless-shell"
)

BY_ID = "globalThis.byId = name => document.getElementById(name); null"
READY = "document.body && document.body.dataset.ready"
WORDS = ["king", "queen", "man", "woman", "</b><i>", "王", "水", "New York", "x + y"]


@pytest.fixture(scope="module")
def named():
    """300 words, the first of them with a sum that comes out: king - man + woman is queen."""
    draw = np.random.default_rng(4)
    table = draw.normal(size=(300, 20))
    table[2] = table[0] + draw.normal(size=20)
    table[1], table[3] = table[0] + (change := draw.normal(size=20)), table[2] + change
    return WordVectors([*WORDS, *(f"word{i}" for i in range(291))], table.astype(np.float32))


@pytest.fixture(scope="module")
def address(named, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "words.html"
    write_page(named, path, 300, title="Three hundred <words>")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    running = headless_browser.Browser(tmp_path_factory.mktemp("browser"))
    yield running
    running.close()


@pytest.fixture
def page(browser, address):
    browser.open("about:blank")
    browser.open(address, READY)
    browser.value(BY_ID)
    yield browser
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith("data:")] == [address]


def neighbours(page):
    return page.value("[...document.querySelectorAll('#neighbours .word')].map(word => word.textContent)")


def chosen(page):
    return page.value("byId('answer').hidden ? null : byId('chosen').textContent")


def status(page):
    page.settle()
    return page.value("byId('status').textContent")


def zoom(text):
    return float(text.rpartition("\N{MULTIPLICATION SIGN}")[2])


def search(page, text):
    page.value("byId('query').value = ''; byId('query').focus()")
    page.type(text)
    page.press("Enter", 13, "\r")
    page.settle()


def middle(page):
    return page.value(
        "(box => [box.left + box.width / 2, box.top + box.height / 2])(byId('map').getBoundingClientRect())"
    )


def test_a_search_lists_the_words_that_our_own_search_finds(page, named):
    search(page, "king")
    assert chosen(page) == "king"
    exact = named.most_similar("king", topn=15)
    assert neighbours(page)[:3] == [word for word, _ in exact[:3]]
    assert len(set(neighbours(page)) & {word for word, _ in exact}) >= 14
    shown = page.value(
        "[...document.querySelectorAll('#neighbours .cosine')].map(number => number.textContent)"
    )
    assert [float(number) for number in shown] == pytest.approx([score for _, score in exact], abs=0.012)


def test_a_sum_of_words_is_an_analogy(page):
    search(page, "king - man + woman")
    assert chosen(page) == "king \N{MINUS SIGN} man + woman"
    assert neighbours(page)[0] == "queen"
    assert not set(neighbours(page)) & {"king", "man", "woman"}


@pytest.mark.parametrize("word", ["</b><i>", "王", "New York", "x + y"])
def test_any_word_is_found_as_it_is_spelled(page, word):
    search(page, word)
    assert chosen(page) == word


def test_capitals_do_not_matter_where_they_make_no_difference(page):
    search(page, "QUEEN")
    assert chosen(page) == "queen"


def test_an_unknown_word_is_named(page):
    search(page, "nowhere")
    assert chosen(page) is None
    message = page.value("byId('message').textContent")
    assert (
        message
        == "\N{LEFT DOUBLE QUOTATION MARK}nowhere\N{RIGHT DOUBLE QUOTATION MARK} is not among these words."
    )


def test_suggestions_are_taken_with_the_arrow_keys(page):
    page.value("byId('query').focus()")
    page.type("wor")
    offered = page.value("[...document.querySelectorAll('#suggestions li')].map(item => item.textContent)")
    assert offered == [f"word{i}" for i in range(8)]
    for _ in range(2):
        page.press("ArrowDown", 40)
    page.press("Enter", 13, "\r")
    assert chosen(page) == "word1"
    assert page.value("byId('suggestions').hidden")


def test_a_click_on_a_point_shows_its_neighbours(page, named):
    search(page, "queen")  # flies there: the point is in the middle now
    page.value("byId('clear').click()")
    page.settle()
    assert chosen(page) is None
    page.click(*middle(page))
    page.settle()
    assert chosen(page) == "queen"
    assert neighbours(page)[0] == named.most_similar("queen", topn=1)[0][0]


def test_a_click_on_a_neighbour_goes_there_and_back_returns(page):
    search(page, "queen")
    first = neighbours(page)[0]
    page.value("document.querySelector('#neighbours button').click()")
    page.settle()
    assert chosen(page) == first
    page.value("history.back()")
    page.wait("byId('chosen').textContent == 'queen'")


def test_the_wheel_zooms_where_the_pointer_is(page):
    assert status(page) == "300 of 300 words in view, \N{MULTIPLICATION SIGN}1.0"
    search(page, "queen")
    page.value("byId('clear').click()")
    x, y = middle(page)
    before = status(page)
    for _ in range(4):
        page.mouse("mouseWheel", x, y, deltaX=0, deltaY=-300)
    zoomed = status(page)
    assert zoom(zoomed) == pytest.approx(zoom(before) * np.exp(1.8), rel=0.03)
    assert int(zoomed.split()[0]) < int(before.split()[0]) / 5
    page.click(x, y)  # what was under the pointer still is
    assert chosen(page) == "queen"
    page.value("byId('all').click()")
    assert status(page).startswith("300 of 300")


def test_dragging_moves_the_map_and_chooses_nothing(page):
    search(page, "queen")
    page.value("byId('clear').click()")
    x, y = middle(page)
    page.mouse("mousePressed", x, y, button="left", clickCount=1)
    for step in range(1, 6):
        page.mouse("mouseMoved", x + 30 * step, y - 20 * step, button="left", buttons=1)
    page.mouse("mouseReleased", x + 150, y - 100, button="left", clickCount=1)
    page.settle()
    assert chosen(page) is None
    page.click(x + 150, y - 100)
    assert chosen(page) == "queen"


def test_keys_zoom_move_and_clear(page):
    search(page, "king")
    page.value("byId('map').focus()")
    before = status(page)
    page.press("+", 187, "+")
    assert zoom(status(page)) == pytest.approx(zoom(before) * 1.6, rel=0.05)
    page.press("Escape", 27)
    assert chosen(page) is None
    page.press("0", 48, "0")
    assert status(page).endswith("1.0")
    page.press("ArrowLeft", 37)
    page.press("/", 191, "/")
    assert page.value("document.activeElement.id") == "query"


def test_an_address_with_a_word_opens_there(browser, address):
    browser.open("about:blank")
    browser.open(address + "#%E7%8E%8B", READY)
    browser.value(BY_ID)
    browser.settle()
    assert chosen(browser) == "王"
    assert browser.complaints() == []


def test_what_is_drawn_differs_by_word_also_in_chinese(page):
    """The canvas shows different signs for different characters, not the same box."""
    image = pytest.importorskip("PIL.Image")
    drawn = []
    for word in ("王", "水"):
        search(page, word)
        x, y = middle(page)
        picture = image.open(io.BytesIO(page.screenshot())).convert("L")
        drawn.append(np.asarray(picture.crop((int(x) + 9, int(y) - 10, int(x) + 27, int(y) + 10))))
    dark = [part < 110 for part in drawn]
    fonts = page.value("document.fonts.check('15px sans-serif', '王')")
    assert fonts and all(part.sum() > 15 for part in dark)
    assert (dark[0] != dark[1]).sum() > 15


def test_a_narrow_window_shows_map_and_search(page):
    page.resize(390, 760)
    try:
        search(page, "king")
        boxes = page.value(
            "['map', 'query', 'answer'].map(name => byId(name).getBoundingClientRect().toJSON())"
        )
        assert all(box["width"] > 250 and box["right"] <= 390 for box in boxes)
        assert boxes[0]["bottom"] <= boxes[1]["top"] < boxes[2]["top"] < 760
    finally:
        page.resize(1200, 800)


def test_twenty_thousand_words_still_move(browser, tmp_path):
    draw = np.random.default_rng(5)
    vectors = WordVectors(
        [f"word{i}" for i in range(20_000)], draw.normal(size=(20_000, 100)).astype(np.float32)
    )
    write_page(vectors, tmp_path / "many.html", 20_000)
    assert (tmp_path / "many.html").stat().st_size < 4e6
    browser.open((tmp_path / "many.html").as_uri(), READY)
    browser.value(BY_ID)
    search(browser, "word77")
    assert neighbours(browser)[0] == vectors.most_similar("word77", topn=1)[0][0]
    milliseconds = browser.value(
        """(async () => {
          const map = byId("map"), times = [];
          for (let i = 0; i < 20; i++) {
            const before = performance.now();
            map.dispatchEvent(new WheelEvent("wheel", {deltaY: 30, cancelable: true}));
            await new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));
            times.push(performance.now() - before);
          }
          return times.sort((a, b) => a - b)[10];
        })()"""
    )
    assert milliseconds < 250  # some 20 on a machine of its own
