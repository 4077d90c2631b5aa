import itertools
import sys
import warnings

import numpy as np
import pytest
from oracles.boxes import overlapping

from fastnlp import WordVectors
from fastnlp.plots import plot_analogies, plot_heatmap, plot_map, save_figure
from fastnlp.plots.style import new_figure

pytest.importorskip("matplotlib")


def labels(figure):
    """The texts on the first axes that are labels of points."""
    return [text for text in figure.axes[0].texts if text.get_text()]


def boxes(figure, texts):
    renderer = figure.canvas.get_renderer()
    return [text.get_window_extent(renderer).extents.tolist() for text in texts]


@pytest.mark.parametrize("dpi", [72, 150, 300])
def test_no_label_of_a_map_overlaps_another_and_all_are_inside(vectors, dpi):
    figure = plot_map(vectors, vectors.index_to_key[:120], title="Clusters")
    figure.set_dpi(dpi)
    texts = labels(figure)
    drawn = boxes(figure, texts)
    assert {text.get_text() for text in texts} == set(vectors.index_to_key[:120])
    # Sizes of text are whole pixels: allow the rounding of one at a low resolution.
    assert not overlapping([[a + 0.5, b + 0.5, c - 0.5, d - 0.5] for a, b, c, d in drawn])
    frame = figure.axes[0].get_window_extent().extents
    assert all(a >= frame[0] and b >= frame[1] and c <= frame[2] and d <= frame[3] for a, b, c, d in drawn)


def test_labels_without_room_are_left_out_with_a_warning(vectors):
    with pytest.warns(UserWarning, match=r"\d+ of 200 labels found no room and are left out; draw fewer"):
        figure = plot_map(vectors, vectors.index_to_key[:200], size=(3, 2))
    assert 5 < len(labels(figure)) < 200
    assert not overlapping(boxes(figure, labels(figure)))


def test_neighbourhoods_are_the_nearest_words_with_their_query(vectors):
    figure = plot_map(vectors, near=["w1", "w2"], topn=6)
    expected = {"w1", "w2"} | {
        word for query in ("w1", "w2") for word, _ in vectors.most_similar(query, topn=6)
    }
    assert {text.get_text() for text in labels(figure)} == expected
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["near w1", "near w2"]
    assert sum(len(points.get_offsets()) for points in figure.axes[0].collections) == len(expected)
    few = plot_map(vectors, near="w1", topn=6, restrict_vocab=50)
    assert {text.get_text() for text in labels(few)} <= set(vectors.index_to_key[:50])


def test_points_lie_where_the_projection_says(vectors):
    words = vectors.index_to_key[:12]
    figure = plot_map(vectors, [*words, words[0]])
    units = vectors.unit_vectors(np.arange(12)).astype(np.float64)
    left, lengths, _ = np.linalg.svd(units - units.mean(axis=0))
    drawn = np.concatenate([points.get_offsets() for points in figure.axes[0].collections])
    assert np.abs(np.asarray(drawn)) == pytest.approx(np.abs(left[:, :2] * lengths[:2]), abs=1e-6)
    assert f"12 words, PCA, {(lengths[:2] ** 2).sum() / (lengths**2).sum():.0%}" in figure.texts[0].get_text()


def test_a_number_draws_the_first_words_that_have_a_direction(odd, vectors):
    assert {text.get_text() for text in labels(plot_map(odd, 5))} == {"one", "same", "other"}
    assert len(labels(plot_map(vectors, 20))) == 20


def test_many_groups_have_names_that_stay_in_the_picture(vectors):
    groups = {f"group number {i}": [vectors.index_to_key[i], vectors.index_to_key[i + 20]] for i in range(12)}
    figure = plot_map(vectors, groups, title="Twelve groups")
    axes = figure.axes[0]
    legend = axes.get_legend().get_window_extent(figure.canvas.get_renderer())
    heading = boxes(figure, figure.texts)
    assert not overlapping([legend.extents.tolist(), *heading])
    assert legend.x1 <= figure.bbox.x1 and legend.y0 >= axes.get_window_extent().y1 - 2
    looks = {
        (tuple(part.get_facecolor()[0]), part.get_paths()[0].vertices.tobytes()) for part in axes.collections
    }
    assert len(looks) == 12


def test_groups_have_different_colours_and_markers(vectors):
    figure = plot_map(vectors, {"first": ["w1", "w2"], "second": ["w4", "w5", "w1"]}, near="w7", topn=2)
    points = figure.axes[0].collections
    assert len({tuple(group.get_facecolor()[0]) for group in points}) == 3
    assert len({len(group.get_paths()[0].vertices) for group in points}) > 1
    assert [len(group.get_offsets()) for group in points][:2] == [2, 2]


def test_figures_belong_to_no_window_and_leave_pyplot_alone(vectors):
    before = set(sys.modules)
    figure = plot_map(vectors, ["w1", "w2", "w4"])
    assert type(figure.canvas).__name__ == "FigureCanvasAgg"
    assert "matplotlib.pyplot" not in set(sys.modules) - before


HOSTILE = ["$x^2$", "a$b", "50%", "back\\slash", "{brace}", "_", "<b>&amp;", "tab\there", "two words"]


def test_any_word_is_drawn_as_it_is_spelled(tmp_path):
    table = np.random.default_rng(1).normal(size=(len(HOSTILE), 4)).astype(np.float32)
    vectors = WordVectors(HOSTILE, table)
    for number, figure in enumerate(
        (
            plot_map(vectors, {"$_": HOSTILE[:4], "rest": HOSTILE[4:]}, title="$\\frac{1}$"),
            plot_heatmap(vectors, HOSTILE, title="$"),
            plot_analogies(vectors, list(zip(HOSTILE[:4], HOSTILE[4:8], strict=True)), title="$"),
        )
    ):
        for suffix in ("png", "svg", "pdf"):
            save_figure(figure, tmp_path / f"{number}.{suffix}")
    assert {text.get_text() for text in labels(plot_map(vectors, HOSTILE))} == set(HOSTILE)


def test_arrows_lead_from_word_to_word(family):
    figure = plot_analogies(family, [("man", "woman"), ("king", "queen")])
    ends = [arrow.xy - np.array(arrow.xyann) for arrow in figure.axes[0].texts if not arrow.get_text()]
    assert len(ends) == 2
    assert ends[0] == pytest.approx(ends[1], abs=1e-6)  # parallel, as the vectors are
    assert not overlapping(boxes(figure, labels(figure)))
    upright = plot_analogies(family, [("man", "woman"), ("king", "queen")], plane="difference")
    ends = [arrow.xy - np.array(arrow.xyann) for arrow in upright.axes[0].texts if not arrow.get_text()]
    assert all(end[1] > 0 and abs(end[0]) < end[1] for end in ends)


def test_a_missing_end_is_the_answer_of_the_analogy(family):
    figure = plot_analogies(family, [("man", "woman"), ("king", None)])
    assert {text.get_text() for text in labels(figure)} == {"man", "woman", "king", "queen"}
    assert "dashed" in figure.texts[0].get_text()


def test_a_heat_map_shows_cosines_with_similar_words_together(vectors):
    words = [vectors.index_to_key[row] for row in range(30)]
    figure = plot_heatmap(vectors, words)
    axes = figure.axes[0]
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert sorted(shown) == sorted(words) and shown == [label.get_text() for label in axes.get_xticklabels()]
    # Ten clusters of three: each cluster stands together.
    clusters = [words.index(word) % 10 for word in shown]
    assert sum(a != b for a, b in itertools.pairwise(clusters)) == 9
    cosines = axes.images[0].get_array()
    assert cosines[0, 1] == pytest.approx(vectors.similarity(shown[0], shown[1]), abs=1e-6)
    assert cosines.mask.diagonal().all() and cosines.mask.sum() == 30
    assert not overlapping(boxes(figure, axes.get_xticklabels()))
    assert not overlapping(boxes(figure, axes.get_yticklabels()))
    inside = figure.bbox.extents
    assert all(box[0] >= 0 and box[3] <= inside[3] for box in boxes(figure, axes.get_yticklabels()))


def test_a_heat_map_of_few_words_has_numbers_and_may_keep_the_order(family):
    figure = plot_heatmap(family, ["king", "tree", "man"], ["woman", "queen"], order="given")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["king", "tree", "man"]
    assert [text.get_text() for text in axes.texts] == [
        f"{round(family.similarity(a, b), 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")
        for a in ("king", "tree", "man")
        for b in ("woman", "queen")
    ]


def test_unknown_words_are_named(vectors):
    with pytest.raises(KeyError, match="2 words are not among the 400: 'nowhere', 'nothing'"):
        plot_map(vectors, ["w1", "nowhere", "w2", "nothing"])
    with pytest.raises(KeyError, match="the word 'nowhere' is not among the 400 words"):
        plot_heatmap(vectors, ["w1", "nowhere"])
    with pytest.raises(KeyError, match="nowhere"):
        plot_analogies(vectors, [("w1", "w2"), ("nowhere", None)])
    with pytest.raises(KeyError, match="nowhere"):
        plot_map(vectors, near="nowhere")


@pytest.mark.parametrize(
    ("message", "draw"),
    [
        ("words or near|got neither", lambda odd: plot_map(odd)),
        ("words: expected a list of words, got the string 'one'", lambda odd: plot_map(odd, "one")),
        ("words: expected str, got 1", lambda odd: plot_map(odd, [1, 2])),
        ("at least 2 with different vectors .* got 1 with 1", lambda odd: plot_map(odd, ["one"])),
        ("got 2 with 1", lambda odd: plot_map(odd, ["one", "same"])),
        ("got 0 with 0", lambda odd: plot_map(odd, [])),
        ("got zeros for 'zero'", lambda odd: plot_map(odd, ["one", "zero"])),
        ("got numbers that are not finite for 'nan'", lambda odd: plot_map(odd, ["one", "nan"])),
        ("got zeros for 'zero'", lambda odd: plot_map(odd, near="zero")),
        ("topn: expected at least 1, got 0", lambda odd: plot_map(odd, near="one", topn=0)),
        ("size: expected width and height", lambda odd: plot_map(odd, ["one", "other"], size=(0, 4))),
        ("pairs: expected a first pair", lambda odd: plot_analogies(odd, [])),
        ("pairs: expected a first pair", lambda odd: plot_analogies(odd, [("one", None)])),
        ("pairs: expected pairs of words, got 'ab'", lambda odd: plot_analogies(odd, ["ab"])),
        ("two different words", lambda odd: plot_analogies(odd, [("one", "one")])),
        (
            "got the same for 'one' and 'same'",
            lambda odd: plot_analogies(odd, [("one", "same"), ("other", "one")]),
        ),
        ("not finite for 'nan'", lambda odd: plot_analogies(odd, [("one", "nan")])),
        ("plane: expected one of", lambda odd: plot_analogies(odd, [("one", "other")], plane="up")),
        (
            "pairs that cancel out",
            lambda odd: plot_analogies(odd, [("one", "other"), ("other", "one")], plane="difference"),
        ),
        ("words: expected at least two to compare, got 1", lambda odd: plot_heatmap(odd, ["one"])),
        ("words: expected 1 to 150 different words, got 0", lambda odd: plot_heatmap(odd, [])),
        ("columns: expected a word besides 'one'", lambda odd: plot_heatmap(odd, ["one"], ["one"])),
        ("got zeros for 'zero'", lambda odd: plot_heatmap(odd, ["one", "zero"])),
        ("order: expected one of", lambda odd: plot_heatmap(odd, ["one", "other"], order="name")),
    ],
)
def test_bad_input_is_an_error_that_says_what_is_wrong(odd, message, draw):
    with pytest.raises((ValueError, TypeError), match=message):
        draw(odd)


def test_two_equal_vectors_share_a_point_and_have_two_labels(odd):
    figure = plot_map(odd, ["one", "same", "other"])
    assert {text.get_text() for text in labels(figure)} == {"one", "same", "other"}
    assert not overlapping(boxes(figure, labels(figure)))
    heat = plot_heatmap(odd, ["one", "same"])
    assert heat.axes[0].images[0].get_array()[0, 1] == pytest.approx(1)


def test_too_many_words_for_a_heat_map(vectors):
    with pytest.raises(ValueError, match="words: expected 1 to 150 different words, got 151"):
        plot_heatmap(vectors, vectors.index_to_key[:151])


def test_the_same_figure_is_the_same_file_and_a_wrong_name_is_refused(family, tmp_path):
    for suffix, head in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        for name in ("a", "b"):
            save_figure(plot_map(family, family.index_to_key), tmp_path / f"{name}.{suffix}")
        first = (tmp_path / f"a.{suffix}").read_bytes()
        assert first.startswith(head) and first == (tmp_path / f"b.{suffix}").read_bytes()
    with pytest.raises(ValueError, match=r"path: expected a name in .png, .svg, .pdf, got picture.jpg"):
        save_figure(new_figure((2, 2)), "picture.jpg")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"{name}.{suffix}" for name in "ab" for suffix in ("png", "svg", "pdf")
    )


def test_without_matplotlib_the_error_names_the_extra(monkeypatch, family):
    monkeypatch.setitem(sys.modules, "matplotlib.font_manager", None)
    with pytest.raises(ImportError, match=r"a picture needs Matplotlib.*pip install 'fastnlp\[plot\]'"):
        plot_map(family, family.index_to_key)


def test_unseen_words_of_subword_vectors_have_a_place():
    from fastnlp import Corpus, FastText

    corpus = Corpus.from_text(["reading writing running jumping"] * 30, min_count=1)
    model = FastText(dim=8, buckets=500, epochs=1, subsample=0).fit(corpus)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plot_map(model.vectors, ["reading", "readings", "jumping"])
    assert "readings" in {text.get_text() for text in labels(figure)}
