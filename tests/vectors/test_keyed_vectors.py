import json

import numpy as np
import pytest

from fastnlp import KeyedVectors, WordVectors

TABLE = np.array([[1, 0, 1], [1, 1, 1], [1, 0, -1], [1, 1, -1], [-1, 0, 0.1]], np.float32)
WORDS = ["man", "woman", "king", "queen", "tree"]


def filled():
    return KeyedVectors.of(WordVectors(WORDS, TABLE.copy()))


def test_prepared_rows_are_filled_first():
    vectors = KeyedVectors(2, count=2)
    assert len(vectors) == 2 and vectors.index_to_key == [None, None]
    assert [vectors.add_vector(word, [i, 1]) for i, word in enumerate("abc")] == [0, 1, 2]
    assert vectors.index_to_key == ["a", "b", "c"] and vectors.vectors.tolist() == [[0, 1], [1, 1], [2, 1]]
    assert vectors.add_vector("b", [9, 9]) == 1 and vectors["b"].tolist() == [1, 1]
    assert str(vectors) == "KeyedVectors<vector_size=2, 3 keys>"


def test_prepared_rows_refuse_what_does_not_fit():
    vectors = KeyedVectors(2, count=1)
    with pytest.raises(ValueError, match=r"vector: expected shape \(2,\), got \(3,\)"):
        vectors.add_vector("a", [1, 2, 3])
    with pytest.raises(TypeError, match="keys: expected str, got 3"):
        vectors.add_vector(3, [1, 2])
    assert vectors.index_to_key == [None]


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ValueError, "vector_size: expected at least 1, got 0", lambda: KeyedVectors(0)),
        (TypeError, "vector_size: expected a whole number", lambda: KeyedVectors("wiki.vec")),
        (ValueError, "count: expected at least 0, got -1", lambda: KeyedVectors(2, -1)),
        (TypeError, "dtype: expected float32, got float64", lambda: KeyedVectors(2, dtype=np.float64)),
        (ValueError, "append: expected False", lambda: filled().save_word2vec_format("x", append=True)),
        (ValueError, "total_vec: expected 5", lambda: filled().save_word2vec_format("x", total_vec=6)),
        (
            ValueError,
            "fvocab: expected words with the attribute 'rank'",
            lambda: filled().save_word2vec_format("x", fvocab="y", sort_attr="rank"),
        ),
        (
            ValueError,
            "encoding: expected 'utf8'",
            lambda: KeyedVectors.load_word2vec_format("x", encoding="cp1252"),
        ),
        (
            TypeError,
            "datatype: expected float32",
            lambda: KeyedVectors.load_word2vec_format("x", datatype=np.float16),
        ),
        (
            ValueError,
            "similarity_function: expected one of",
            lambda: filled().evaluate_word_analogies("x", similarity_function="closer_than"),
        ),
    ],
)
def test_bad_arguments_are_refused(error, message, call):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("binary", [False, True])
def test_files_keep_words_counts_and_vectors(tmp_path, binary):
    vectors = filled()
    for word, count in zip(WORDS, [3, 9, 1, 9, 4], strict=True):
        vectors.set_vecattr(word, "count", count)
    path, vocab = tmp_path / "v", tmp_path / "counts"
    vectors.save_word2vec_format(path, fvocab=vocab, binary=binary, prefix="x_")
    assert vocab.read_text() == "x_woman 9\nx_queen 9\nx_tree 4\nx_man 3\nx_king 1\n"
    again = KeyedVectors.load_word2vec_format(path, fvocab=vocab, binary=binary)
    assert again.index_to_key == ["x_woman", "x_queen", "x_tree", "x_man", "x_king"]
    assert [again[f"x_{word}"].tolist() for word in WORDS] == TABLE.tolist()
    assert again.get_vecattr("x_man", "count") == 3
    made_up = KeyedVectors.load_word2vec_format(path, binary=binary, limit=3)
    assert [made_up.get_vecattr(word, "count") for word in made_up.index_to_key] == [3, 2, 1]


def test_a_damaged_file_of_counts_is_named(tmp_path):
    (tmp_path / "v").write_text("1 2\na 1 2\n")
    (tmp_path / "counts").write_text("a 3\nb many\n")
    with pytest.raises(ValueError, match="counts: line 2: expected a word and its count"):
        KeyedVectors.load_word2vec_format(tmp_path / "v", fvocab=tmp_path / "counts")


def test_any_file_of_vectors_is_loaded(tmp_path):
    WordVectors(WORDS, TABLE).save(tmp_path / "v.bin")
    vectors = KeyedVectors.load(tmp_path / "v.bin")
    assert isinstance(vectors, KeyedVectors) and vectors.vectors.tolist() == TABLE.tolist()
    assert vectors.most_similar(["woman", "king"], ["man"], topn=1)[0][0] == "queen"


@pytest.mark.parametrize("name", ["v.kv", "v", "v.vec", "v.bin"])
def test_any_name_is_saved_and_loaded(tmp_path, name):
    filled().save(tmp_path / name, sep_limit=10, pickle_protocol=4)
    again = KeyedVectors.load(tmp_path / name, mmap="r")
    assert again.index_to_key == WORDS and again.vectors.tolist() == TABLE.tolist()


def test_a_copy_has_words_of_its_own():
    vectors = WordVectors(WORDS, TABLE.copy())
    keyed = KeyedVectors.of(vectors)
    assert np.shares_memory(keyed.vectors, vectors.vectors)
    keyed.add_vector("bush", [1, 2, 3])
    assert len(vectors) == 5 and "bush" not in vectors and len(keyed) == 6


@pytest.mark.parametrize(
    ("old", "new", "arguments"),
    [
        ("word_vec", "get_vector", ("king",)),
        ("words_closer_than", "closer_than", ("king", "tree")),
        ("init_sims", "fill_norms", ()),
    ],
)
def test_older_names_work_and_say_so(old, new, arguments):
    vectors = filled()
    with pytest.warns(DeprecationWarning, match=f"{old} is deprecated; use {new}"):
        found = getattr(vectors, old)(*arguments)
    np.testing.assert_array_equal(found, getattr(vectors, new)(*arguments))


def test_normalising_for_good_by_the_older_name():
    vectors = filled()
    with pytest.warns(DeprecationWarning, match="init_sims"):
        vectors.init_sims(replace=True)
    np.testing.assert_allclose(np.linalg.norm(vectors.vectors, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("name", ["vocab", "index2word", "index2entity", "vectors_norm"])
def test_what_gensim_4_has_no_more_says_what_to_use(name):
    with pytest.raises(AttributeError, match=f"{name} is not in gensim 4 any more; use"):
        getattr(filled(), name)


def test_documents_are_another_models():
    with pytest.raises(NotImplementedError, match="expected a model of documents"):
        filled().similarity_unseen_docs(["a"], ["b"])


def test_cosines_with_several_vectors():
    found = KeyedVectors.cosine_similarities(
        np.array([1.0, 0]), np.array([[2.0, 0], [0, 3], [0, 0], [-1, 0]])
    )
    assert found.tolist() == [1, 0, 0, -1]


def test_analogies_by_gensims_name(tmp_path):
    path = tmp_path / "q.txt"
    path.write_text(": a\nman woman king queen\nMan woman uncle aunt\nodd line\n: b\nman woman king tree\n")
    score, sections = filled().evaluate_word_analogies(path)
    assert score == 0.5 and json.loads(json.dumps(sections))
    assert sections[0] == {"section": "a", "correct": [("MAN", "WOMAN", "KING", "QUEEN")], "incorrect": []}
    assert [section["section"] for section in sections] == ["a", "b", "Total accuracy"]
    assert filled().evaluate_word_analogies(path, dummy4unknown=True)[0] == 1 / 3
    assert filled().evaluate_word_analogies(path, case_insensitive=False)[1][0]["correct"] == [
        ("man", "woman", "king", "queen")
    ]
    path.write_text("man woman king queen\n")
    with pytest.raises(ValueError, match="line 1: expected the name of a section"):
        filled().evaluate_word_analogies(path)
    path.write_text(": a\n")
    with pytest.raises(ValueError, match="expected at least one question"):
        filled().evaluate_word_analogies(path)


def test_pairs_by_gensims_name(tmp_path):
    path = tmp_path / "p.tsv"
    path.write_text("nothing\nman\tnowhere\t2\n")
    with pytest.raises(ValueError, match="expected pairs of known words"):
        filled().evaluate_word_pairs(path)


def test_relative_similarity_is_by_the_neighbours():
    vectors = filled()
    near = vectors.most_similar("man", topn=2)
    expected = vectors.similarity("man", "queen") / sum(score for _, score in near)
    assert vectors.relative_cosine_similarity("man", "queen", topn=2) == expected
    with pytest.raises(ValueError, match="topn: expected at least one neighbour"):
        vectors.relative_cosine_similarity("man", "queen", topn=0)


def test_texts_are_moved_word_by_word(monkeypatch):
    for backend in ("PYTORCH", "JAX", "CUPY", "TENSORFLOW"):  # which POT would import, taking its time
        monkeypatch.setenv(f"POT_BACKEND_DISABLE_{backend}", "1")
    pytest.importorskip("ot")
    vectors = filled()
    same = vectors.wmdistance(["man", "king"], ["king", "man"])
    assert same == pytest.approx(0, abs=1e-9)
    apart = float(
        np.linalg.norm(vectors.get_vector("man", norm=True) - vectors.get_vector("tree", norm=True))
    )
    assert vectors.wmdistance(["man"], ["tree", "tree", "nowhere"]) == pytest.approx(apart)
    half = vectors.wmdistance(["man", "man"], ["tree", "man"])
    assert half == pytest.approx(apart / 2)
    plain = float(np.linalg.norm(TABLE[0] - TABLE[4]))
    assert vectors.wmdistance(["man"], ["tree"], norm=False) == pytest.approx(plain)
    assert vectors.wmdistance(["man"], ["man"]) == 0
    assert vectors.wmdistance(["nowhere"], ["man"]) == float("inf")


def test_without_its_library_the_distance_of_texts_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ot", None)
    with pytest.raises(ImportError, match=r"pip install 'fastnlp\[wmd\]'"):
        filled().wmdistance(["man"], ["king"])
