"""Categories that are found again and outliers that are told from their sets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastnlp as fn
from tests.oracles import nearest as oracle

TABLE = np.array([[1, 0, 1], [1, 1, 1], [1, 0, -1], [1, 1, -1], [-1, 0, 0.1]], np.float32)
VECTORS = fn.WordVectors(["man", "woman", "king", "queen", "tree"], TABLE)


def planted(seed=0, noise=0.3):
    """Three categories of twenty words around three directions."""
    generator = np.random.default_rng(seed)
    centers = generator.standard_normal((3, 10))
    table = np.repeat(centers, 20, axis=0) + noise * generator.standard_normal((60, 10))
    words = [f"{name}{i}" for name in "abc" for i in range(20)]
    return fn.WordVectors(words, table.astype(np.float32)), [f"{word} {word[0]}" for word in words]


def test_categories_that_lie_apart_are_found():
    vectors, lines = planted()
    result = fn.evaluate.categories(vectors, ["# comment", *lines, "nowhere a"])
    assert (result.purity, result.categories, result.words, result.unknown) == (1.0, 3, 60, 1)
    assert fn.evaluate.categories(vectors, [line.upper() for line in lines]).purity == 1.0
    assert fn.evaluate.categories(vectors, [line.upper() for line in lines[:-1]] + ["c19 C"]).words == 60
    assert fn.evaluate.categories(vectors, lines, restrict_vocab=20).categories == 1


def test_purity_is_the_share_of_each_clusters_largest_category():
    vectors, lines = planted()
    # Five words of category a named b, three of b named c: clusters stay, names are mixed.
    renamed = [
        line[:-1] + "b" if i < 5 else line[:-1] + "c" if 20 <= i < 23 else line
        for i, line in enumerate(lines)
    ]
    assert fn.evaluate.categories(vectors, renamed).purity == pytest.approx((15 + 17 + 20) / 60)
    assert fn.evaluate.categories(vectors, renamed, seed=9).purity == pytest.approx((15 + 17 + 20) / 60)


def test_clusters_do_not_fail_on_equal_words_and_words_without_a_direction():
    vectors = fn.WordVectors(
        [f"w{i}" for i in range(6)], np.vstack([np.zeros((2, 3)), np.ones((4, 3))]).astype(np.float32)
    )
    result = fn.evaluate.categories(vectors, [f"w{i} {'abc'[i // 2]}" for i in range(6)])
    assert 1 / 3 <= result.purity <= 1


@given(st.integers(0, 2**32), st.integers(2, 7), st.integers(1, 4))
def test_outliers_are_placed_as_the_paper_says(seed, size, outside):
    table = np.random.default_rng(seed).standard_normal((size + outside, 3)).astype(np.float32)
    words = [f"w{i}" for i in range(size + outside)]
    result = fn.evaluate.outliers(fn.WordVectors(words, table), [(words[:size], words[size:])])
    places = [
        oracle.outlier_place([*table[:size].tolist(), table[i].tolist()]) for i in range(size, size + outside)
    ]
    assert result.sets == outside
    assert result.position == pytest.approx(np.mean(places))
    assert result.accuracy == pytest.approx(np.mean([place == 1 for place in places]))


def test_sets_with_outliers_are_read_from_a_folder(tmp_path):
    (tmp_path / "one.txt").write_text("man\nKing\nqueen\nnowhere\n\ntree\nmissing\n")
    (tmp_path / "two.txt").write_text("\n man\nking queen\nwoman\n\n\ntree\n")
    result = fn.evaluate.outliers(VECTORS, tmp_path)
    assert (result.sets, result.unknown, result.accuracy) == (2, 2, 1.0)
    assert str(result) == "accuracy 100.0%, position 100.0% (2 outliers; 2 words unknown)"
    assert fn.evaluate.outliers(VECTORS, tmp_path / "one.txt", case_insensitive=False).unknown == 3


@pytest.mark.parametrize(
    ("message", "call"),
    [
        (
            "line 2: expected a word and its category",
            lambda: fn.evaluate.categories(VECTORS, ["man a", "king"]),
        ),
        ("words: expected at least one known word", lambda: fn.evaluate.categories(VECTORS, ["sea a"])),
        (
            "restarts: expected at least 1, got 0",
            lambda: fn.evaluate.categories(VECTORS, ["man a"], restarts=0),
        ),
        ("sets: expected at least one of two", lambda: fn.evaluate.outliers(VECTORS, [(["man"], ["tree"])])),
    ],
)
def test_bad_categories_and_outliers_are_refused(message, call):
    with pytest.raises(ValueError, match=message):
        call()


def test_bad_files_of_sets_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"found no \.txt in it"):
        fn.evaluate.outliers(VECTORS, tmp_path)
    path = tmp_path / "set.txt"
    path.write_text("man\nking\n")
    with pytest.raises(ValueError, match="found no blank line"):
        fn.evaluate.outliers(VECTORS, path)
    path.write_bytes(b"caf\xe9\n\nman\n")
    with pytest.raises(ValueError, match="byte 3: not valid UTF-8"):
        fn.evaluate.outliers(VECTORS, path)
