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


def test_a_table_of_categories_may_have_rows_without_a_word():
    lines = [",category,word", *(f"{i},{b},{a}" for i, (a, b) in enumerate(map(str.split, CATEGORIES)))]
    expected = fn.evaluate.categories(VECTORS, CATEGORIES)
    assert fn.evaluate.categories(VECTORS, [*lines, "4,plant,", "5,,"]) == expected
    with pytest.raises(ValueError, match="lines: line 6: expected a word and its category, got '4,,tree'"):
        fn.evaluate.categories(VECTORS, [*lines, "4,,tree"])
    with pytest.raises(ValueError, match="lines: line 6: expected a word and its category, got '4,plant'"):
        fn.evaluate.categories(VECTORS, [*lines, "4,plant"])


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


@pytest.mark.parametrize(
    "lines",
    [
        [",word1,word2,similarity", "0,man,woman,9", "1,man,tree,1", "1,,,", "2,king,queen,8.5"],
        [",similarity,word1,word2,relation", "0,9,man,woman,none", "1,1,man,tree,x", "2,8.5,king,queen,x"],
        ["word1\tword2\tnotes\tscore", "man\twoman\t1\t9", "man\ttree\t2\t1", "king\tqueen\t3\t8.5"],
        ["Score,Word 2,Word 1", '9,"woman","man"', '"1",tree,man', "8.5,queen,king", '1,"no, word",man'],
    ],
)
def test_columns_of_judgements_are_found_by_their_titles(lines):
    expected = fn.evaluate.similarity(VECTORS, ["man woman 9", "man tree 1", "king queen 8.5"])
    found = fn.evaluate.similarity(VECTORS, lines)
    assert (found.spearman, found.pearson, found.pairs) == (expected.spearman, expected.pearson, 3)
    assert found.unknown == ("no, word" in lines[-1])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1,man,tree,high", "expected a number after"),
        ("1,man", "expected"),
        (",man,tree,nan", "expected a finite"),
    ],
)
def test_a_bad_row_of_judgements_is_named(line, reason):
    with pytest.raises(ValueError, match=f"lines: line 3: {reason}"):
        fn.evaluate.similarity(VECTORS, [",word1,word2,similarity", "0,man,woman,9", line])


def test_analogies_come_as_a_table():
    lines = [
        ",type,word1,word2,word3,target",
        "0,female,man,woman,king,queen",
        "1,male,woman,man,queen,king",
        "2,female,king,queen,man,  woman  ",
        '3,kind,king,"polar bear",tree,no such word',
    ]
    result = fn.evaluate.analogies(VECTORS, lines)
    expected = fn.evaluate.analogies(
        VECTORS,
        [": female", "man woman king queen", "king queen man woman", ": male", "woman man queen king"],
    )
    assert result.sections[:2] == expected.sections and expected.correct > 0
    assert (result.sections[2].name, result.sections[2].unknown) == ("kind", 1)
    for bad in ("4,female,man,woman,king,", "4,female,man,woman,king"):
        with pytest.raises(ValueError, match="lines: line 6: expected four words and a section"):
            fn.evaluate.analogies(VECTORS, [*lines, bad])


def test_msr_has_its_answers_in_another_file(tmp_path):
    questions = tmp_path / "word_relationship.questions"
    questions.write_text("man woman king\nwoman man queen\nking queen man\nman city's king\n")
    (tmp_path / "word_relationship.answers").write_text(
        "JJ_JJR queen\nJJR_JJ king\nJJ_JJR woman\nNN_NNPOS king's\n"
    )
    result = fn.evaluate.analogies(VECTORS, questions)
    assert [(section.name, section.total, section.unknown) for section in result.sections] == [
        ("JJ_JJR", 2, 0),
        ("JJR_JJ", 1, 0),
        ("NN_NNPOS", 0, 1),
    ]
    assert result.correct == 3


def test_answers_of_bats_may_have_commas_between_them(tmp_path):
    (tmp_path / "L01 [hypernyms].txt").write_text("man\tqueen, woman\nking\tqueen\n\npolar bear\ttree/bush\n")
    result = fn.evaluate.analogies(VECTORS, tmp_path)
    assert (result.total, result.unknown) == (6, 0)


def test_outliers_come_as_tables(tmp_path):
    path = tmp_path / "outliers.csv"
    expected = fn.evaluate.outliers(
        VECTORS, [(["man", "woman", "polar bear"], ["tree", "nothing"]), (["tree", "bush"], ["king"])]
    )
    for lines in (
        [
            ",category,outliers,words",
            """0,people,"['tree', 'nothing', '']","['man', 'woman', 'polar_bear']\"""",
            """1,plants,"['king']","[""tree"", 'bush']\"""",
        ],
        [
            "category\tword\tis_outlier",
            *(f"a\t{word}\tFalse" for word in ("man", "woman", "polar bear")),
            *(f"b\t{word}\t0" for word in ("tree", "bush")),
            "a\ttree\ttrue",
            "b\tking\t1",
            "a\tnothing\tTrue",
        ],
    ):
        path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
        assert fn.evaluate.outliers(VECTORS, path) == expected


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["words,outliers", "\"['man'\",\"['tree']\""], r"line 2: expected a list such as \['a', 'b'\]"),
        (["words,outliers", '"[1]","[2]"'], "line 2: expected a list"),
        (["words,outliers", '"' + "[" * 5000 + '","[]"'], "line 2: expected a list"),
        (["words,outliers", "\"['man']\""], "line 2: expected words and outliers, got 1 fields"),
        (
            ["category,word,is_outlier", "a,man,false", "a,tree,perhaps"],
            "line 3: is_outlier: expected true or",
        ),
        (["category,word,is_outlier", "a,man"], "line 2: expected a category, a word and a mark, got 2"),
    ],
)
def test_a_bad_table_of_outliers_is_refused(tmp_path, lines, reason):
    path = tmp_path / "outliers.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=f"outliers.csv: {reason}"):
        fn.evaluate.outliers(VECTORS, path)


def test_sets_of_8_8_8_have_words_of_several_parts(tmp_path):
    (tmp_path / "Kinds.txt").write_bytes(
        b"\xef\xbb\xbfman\r\nwoman\r\nPolar_Bear\r\n\r\ntree\r\nnothing_known\r\n"
    )
    (tmp_path / "README.txt").write_text("no set\n")
    result = fn.evaluate.outliers(VECTORS, tmp_path)
    assert (result.accuracy, result.sets, result.unknown) == (1.0, 1, 1)
