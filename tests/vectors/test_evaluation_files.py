"""Tests of word vectors in the forms that they are published in."""

import numpy as np
import pytest

import fastnlp as fn

TABLE = np.array(
    [[1, 0, 1], [1, 1, 1], [1, 0, -1], [1, 1, -1], [-1, 0, 0.1], [-1, 0.2, 0.1], [1, 0.1, -1]], np.float32
)
VECTORS = fn.WordVectors(["man", "woman", "king", "queen", "tree", "bush", "polar bear"], TABLE)
CATEGORIES = ["man person", "woman person", "tree plant", "bush plant"]


@pytest.mark.parametrize(
    "lines",
    [
        ["word,category", "man,person", "woman,person", '"tree","plant"', "bush,plant", "nowhere,plant"],
        # Battig's norms as a table: more columns, in another order.
        ["cluster\tword\tfreq", *(f"{b}\t{a}\t{9}" for a, b in map(str.split, CATEGORIES)), "plant\tx\t1"],
        # BLESS: concept, class, relation, relatum; each concept on many lines.
        [
            f"{a}-n\t{b}\t{r}\tx-j"
            for a, b in map(str.split, [*CATEGORIES, "x plant"])
            for r in ("attri", "mero")
        ],
        [f"{a.upper()}-n {b}" for a, b in map(str.split, [*CATEGORIES, "nowhere plant"])],
    ],
)
def test_categories_come_as_tables_with_and_without_titles(tmp_path, lines):
    path = tmp_path / "categories.csv"
    path.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    result = fn.evaluate.categories(VECTORS, path)
    assert (result.purity, result.categories, result.words, result.unknown) == (1.0, 2, 4, 1)


def test_categories_come_as_a_folder_of_files(tmp_path):
    for name, words in (
        ("person", "man\nwoman\nnobody\n"),
        ("plant", "tree\r\nbush\r\n"),
        ("README", "a b c\n"),
    ):
        (tmp_path / f"{name}.txt").write_text(words)
    result = fn.evaluate.categories(VECTORS, tmp_path)
    assert (result.purity, result.categories, result.words, result.unknown) == (1.0, 2, 4, 1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty: expected a \.txt for each category, found none"):
        fn.evaluate.categories(VECTORS, tmp_path / "empty")


@pytest.mark.parametrize("line", ["man,person,5", "man,", "man"])
def test_lines_of_another_form_are_refused(line):
    with pytest.raises(ValueError, match="lines: line 2: expected a word and its category"):
        fn.evaluate.categories(VECTORS, ["man,person", line])


def test_bats_has_folders_and_several_answers(tmp_path):
    folder = tmp_path / "BATS_3.0" / "1_Inflectional_morphology"
    folder.mkdir(parents=True)
    (folder / "I01 [noun - plural_reg].txt").write_text("man\tQueen/woman\nking\tnothing/queen / tree\n")
    (tmp_path / "BATS_3.0" / "E01 [animal - kind].txt").write_bytes(
        b"king\tpolar bear\r\nman\ttree/bush/\r\n"
    )
    (tmp_path / "BATS_3.0" / "readme.txt").write_text("one two three four five\n")
    result = fn.evaluate.analogies(VECTORS, tmp_path / "BATS_3.0")
    sections = {section.name: section for section in result.sections}
    assert list(sections) == ["I01 [noun - plural_reg]", "E01 [animal - kind]"]
    # b is the first answer: Queen for man, an unknown word for king.
    assert [section.total for section in result.sections] == [1, 2]
    assert sections["I01 [noun - plural_reg]"].unknown == 1
    (folder / "I01 [noun - plural_reg].txt").write_text("man\twoman\nking\t/\n")
    with pytest.raises(ValueError, match=r"plural_reg\]\.txt: line 2: expected a word and its answers"):
        fn.evaluate.analogies(VECTORS, tmp_path / "BATS_3.0")


@pytest.mark.parametrize(
    "lines",
    [
        # SimLex-999, SimVerb-3500, MEN, RareWords, WordSim-353
        [
            "word1\tword2\tPOS\tSimLex999\tconc(w1)",
            "man\twoman\tN\t9\t2",
            "man\ttree\tN\t1\t2",
            "king\tqueen\tN\t8.5\t1",
        ],
        ["man\twoman\tV\t9\tSYNONYMS", "man\ttree\tV\t1\tNONE", "king\tqueen\tV\t8.5\tNONE"],
        ["man-n woman-n 9", "man-n tree-v 1", "king-n queen-n 8.5"],
        ["man\twoman\t9\t8\t10", "man\ttree\t1\t0\t2", "king\tqueen\t8.5\t8\t9"],
        ["Word 1,Word 2,Human (mean)", "man,woman,9", "man,tree,1", "king,queen,8.5"],
    ],
)
def test_judgements_are_read_as_they_are_published(tmp_path, lines):
    path = tmp_path / "pairs.txt"
    path.write_text("\n".join(lines) + "\n")
    expected = fn.evaluate.similarity(VECTORS, ["man woman 9", "man tree 1", "king queen 8.5"])
    assert fn.evaluate.similarity(VECTORS, path) == expected


def test_sets_of_8_8_8_have_words_of_several_parts(tmp_path):
    (tmp_path / "Kinds.txt").write_bytes(
        b"\xef\xbb\xbfman\r\nwoman\r\nPolar_Bear\r\n\r\ntree\r\nnothing_known\r\n"
    )
    (tmp_path / "README.txt").write_text("no set\n")
    result = fn.evaluate.outliers(VECTORS, tmp_path)
    assert (result.accuracy, result.sets, result.unknown) == (1.0, 1, 1)
