import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import subword_vectors

from fastnlp import WordVectors
from fastnlp.io.fasttext import FastTextSettings, write_fasttext
from fastnlp.text import WordList
from fastnlp.vectors import NgramRows, SubwordVectors

BUCKETS = 97
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=9)


def tables(words, dim=5, seed=0):
    random = np.random.default_rng(seed)
    return (
        random.normal(size=(len(words), dim)).astype(np.float32),
        random.normal(size=(BUCKETS, dim)).astype(np.float32),
    )


def ngram_rows(table, row_bucket=(), **settings):
    return NgramRows(table.view(np.uint8), np.array(row_bucket, np.int32), BUCKETS, **settings)


@pytest.fixture
def vectors():
    words = ["where", "there", "naïve"]
    own, ngrams = tables(words)
    rows = ngram_rows(ngrams)
    composed = rows.compose(WordList.from_words("words", words), np.arange(3), own.view(np.uint8))
    return SubwordVectors(words, composed, rows, counts=[5, 4, 3])


@given(
    st.lists(texts, max_size=6),
    st.tuples(st.integers(1, 4), st.integers(0, 4)),
    st.booleans(),
    st.sets(st.integers(0, BUCKETS - 1)),
    st.integers(1, 3),
)
def test_composition_is_that_of_the_oracle(words, lengths, mean, left_out, threads):
    low, high = lengths[0], sum(lengths)
    own, ngrams = tables(words)
    ngrams[list(left_out)] = 0
    kept = [bucket for bucket in range(BUCKETS) if bucket not in left_out]
    composition = "mean" if mean else "sum"
    packed = WordList.from_words("words", words)
    rows = np.array([-1 if i % 3 == 2 else i for i in range(len(words))], np.int64)
    found = [
        ngram_rows(ngrams, min_n=low, max_n=high, composition=composition),
        ngram_rows(ngrams[kept], kept, min_n=low, max_n=high, composition=composition),
    ]
    if not kept:
        found.pop()  # without a row, and without buckets of rows, any bucket would have to have one
    expected = [
        subword_vectors.compose(word, own[row] if row >= 0 else None, ngrams, low, high, mean)
        for word, row in zip(words, rows, strict=True)
    ]
    for each in found:
        ours = each.compose(packed, rows, own.view(np.uint8), threads)
        np.testing.assert_allclose(ours, np.reshape(expected, ours.shape), atol=1e-5)


def test_rows_may_lie_at_any_byte_and_apart():
    own, ngrams = tables(["where"])
    packed = WordList.from_words("words", ["where"])
    plain = ngram_rows(ngrams).compose(packed, np.array([0]), own.view(np.uint8))
    shifted = np.zeros(BUCKETS * 31 + 3, np.uint8)[3:].reshape(BUCKETS, 31)
    shifted[:, :20] = ngrams.view(np.uint8)
    apart = NgramRows(shifted[:, :20], np.empty(0, np.int32), BUCKETS)
    assert apart.compose(packed, np.array([0]), own.view(np.uint8)).tobytes() == plain.tobytes()


def test_unseen_words_have_vectors_and_known_ones_have_rows(vectors):
    assert "where" in vectors and "here" in vectors and "here" not in vectors.key_to_index
    assert vectors["here"].shape == (5,)
    assert not vectors["here"].flags.writeable
    assert np.linalg.norm(vectors.get_vector("here", norm=True)) == pytest.approx(1)
    assert vectors.similarity("here", "here") == pytest.approx(1)
    assert vectors[["here", "where"]].tolist() == [vectors["here"].tolist(), vectors["where"].tolist()]
    assert vectors[["where"]].tolist() == [vectors["where"].tolist()]
    assert vectors[[]].shape == (0, 5)


def test_queries_take_unseen_words_and_answer_with_known_ones(vectors):
    found = vectors.most_similar("here", topn=3)
    assert sorted(word for word, _ in found) == ["naïve", "there", "where"]
    assert found[0][1] == pytest.approx(vectors.similarity("here", found[0][0]))
    assert len(vectors.most_similar("where", topn=3)) == 2
    assert len(vectors.most_similar_cosmul(["here", "where"], topn=3)) == 2
    assert vectors.distances("here", ["wherever", "where"])[1] == pytest.approx(
        vectors.distance("here", "where")
    )
    assert vectors.rank("here", found[1][0]) == 2
    assert vectors.doesnt_match(["where", "here", "there"]) in ("where", "here", "there")


@pytest.mark.parametrize("word", ["", "</s>"])
def test_words_without_an_ngram_are_unknown(vectors, word):
    assert word not in vectors
    with pytest.raises(KeyError, match="is not among the 3 words"):
        vectors[word]
    with pytest.raises(KeyError, match="is not among the 3 words"):
        vectors[["where", word]]


def test_short_words_are_unknown_to_long_ngrams():
    _, ngrams = tables([])
    vectors = SubwordVectors(["a"], np.ones((1, 5), np.float32), ngram_rows(ngrams, min_n=5, max_n=6))
    assert "abc" in vectors and "ab" not in vectors


def test_a_row_that_does_not_exist_is_refused(vectors):
    with pytest.raises(KeyError, match="row 3"):
        vectors[3]
    with pytest.raises(KeyError, match="row 3"):
        vectors[["here", 3]]
    with pytest.raises(IndexError, match=r"rows\[0\]: expected less than 0, got 7"):
        vectors.ngrams.compose(WordList.from_words("words", ["a"]), np.array([7]))


def test_ngrams_that_do_not_fit_are_refused(vectors):
    with pytest.raises(ValueError, match="ngrams: expected rows of 4 float32"):
        SubwordVectors(["a"], np.ones((1, 4), np.float32), vectors.ngrams)
    broken = ngram_rows(tables([])[1], [1, 2])
    with pytest.raises(ValueError, match="ngrams: expected 2 rows, got 97"):
        broken.compose(WordList.from_words("words", ["a"]))


def saved(path, words=("where", "naïve", "</s>"), max_n=6, buckets=BUCKETS, encoded=None):
    encoded = [word.encode() for word in words] if encoded is None else encoded
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    own, ngrams = tables(encoded)
    settings = FastTextSettings(dim=5, buckets=buckets, max_n=max_n)
    used = np.arange(buckets, dtype=np.int32)
    counts = np.arange(len(encoded), 0, -1)
    write_fasttext(path, settings, b"".join(encoded), offsets, counts, own, ngrams[:buckets], used, own)
    return own, ngrams


@pytest.mark.parametrize("load", [WordVectors.load, SubwordVectors.load])
def test_a_fasttext_model_is_known_by_its_first_bytes(tmp_path, load):
    own, ngrams = saved(tmp_path / "m.bin")
    vectors = load(tmp_path / "m.bin")
    assert isinstance(vectors, SubwordVectors)
    assert vectors.index_to_key == ["where", "naïve", "</s>"]
    assert vectors.get_vecattr("where", "count") == 3
    for i, word in enumerate(vectors.index_to_key):
        expected = subword_vectors.compose(word, own[i], ngrams, 3, 6)
        np.testing.assert_allclose(vectors[word], expected, atol=1e-6)
    np.testing.assert_allclose(
        vectors["unseen"], subword_vectors.compose("unseen", None, ngrams, 3, 6), atol=1e-6
    )
    assert vectors["</s>"].tolist() == own[2].tolist()


def test_a_limit_leaves_the_rest_to_their_ngrams(tmp_path):
    _, ngrams = saved(tmp_path / "m.bin")
    vectors = WordVectors.load(tmp_path / "m.bin", limit=1)
    assert vectors.index_to_key == ["where"]
    np.testing.assert_allclose(
        vectors["naïve"], subword_vectors.compose("naïve", None, ngrams, 3, 6), atol=1e-6
    )
    with pytest.raises(ValueError, match="limit: expected at least 1"):
        SubwordVectors.load(tmp_path / "m.bin", limit=0)


def test_a_model_without_ngrams_knows_its_words_alone(tmp_path):
    own, _ = saved(tmp_path / "m.bin", max_n=0, buckets=0)
    vectors = WordVectors.load(tmp_path / "m.bin")
    assert vectors["where"].tolist() == own[0].tolist()
    assert "there" not in vectors
    with pytest.raises(KeyError):
        vectors["there"]


def test_words_that_are_no_utf8_are_refused_or_replaced(tmp_path):
    saved(tmp_path / "m.bin", encoded=[b"a\xff", b"a\xfe", b"b"])
    with pytest.raises(ValueError, match="word 0 is not valid UTF-8"):
        WordVectors.load(tmp_path / "m.bin")
    vectors = WordVectors.load(tmp_path / "m.bin", unicode_errors="replace")
    assert vectors.index_to_key == ["a�", "b"]
    assert vectors.get_vecattr("b", "count") == 1


def test_numbers_that_are_none_are_refused(tmp_path):
    saved(tmp_path / "m.bin")
    content = bytearray((tmp_path / "m.bin").read_bytes())
    own, _ = tables(["where", "naïve", "</s>"])
    place = content.index(own[1].tobytes())
    content[place : place + 4] = np.array([np.nan], np.float32).tobytes()
    (tmp_path / "m.bin").write_bytes(content)
    with pytest.raises(ValueError, match="the vector of word 1 holds NaN or infinity"):
        WordVectors.load(tmp_path / "m.bin")


def test_repeated_words_are_refused(tmp_path):
    saved(tmp_path / "m.bin", words=["a", "b", "a"])
    with pytest.raises(ValueError, match="word 2 is 'a', as is word 0"):
        WordVectors.load(tmp_path / "m.bin")


def test_vectors_alone_are_saved_as_vectors(tmp_path, vectors):
    vectors.save(tmp_path / "m.vec")
    again = WordVectors.load(tmp_path / "m.vec")
    assert not isinstance(again, SubwordVectors)
    assert again["where"].tolist() == vectors["where"].tolist()
    vectors.save(tmp_path / "m.bin", format="word2vec-binary")
    assert not isinstance(WordVectors.load(tmp_path / "m.bin"), SubwordVectors)
    with pytest.raises(ValueError, match="format: expected 'fasttext'"):
        SubwordVectors.load(tmp_path / "m.vec", format="glove")


ASKED = ["where", "naïve", "</s>", "unseen", "日本"]


def test_a_model_is_written_as_it_was_read(tmp_path):
    saved(tmp_path / "m.bin")
    seen = []
    WordVectors.load(tmp_path / "m.bin").save(tmp_path / "again.bin", progress=lambda *at: seen.append(at))
    assert (tmp_path / "again.bin").read_bytes() == (tmp_path / "m.bin").read_bytes()
    assert seen[-1][0] == seen[-1][1] > 0
    model = WordVectors.load(tmp_path / "m.bin")
    model.save(tmp_path / "m.bin")  # over the file that is mapped
    assert WordVectors.load(tmp_path / "m.bin")["unseen"].tolist() == model["unseen"].tolist()
    WordVectors.load(tmp_path / "m.bin", limit=2).save(tmp_path / "two.bin")
    two = WordVectors.load(tmp_path / "two.bin")
    assert two.index_to_key == model.index_to_key[:2]
    assert all(two[word].tolist() == model[word].tolist() for word in [*two.index_to_key, "unseen"])


@pytest.mark.parametrize("row_bucket", [(), (0, 3, 50, 96)])
def test_vectors_that_were_changed_or_made_here_come_back_to_rounding(tmp_path, row_bucket):
    words = ["where", "there", "naïve", "</s>"]
    own, table = tables(words)
    if row_bucket:
        table = table[: len(row_bucket)]
    rows = ngram_rows(table, row_bucket)
    composed = rows.compose(WordList.from_words("words", words), np.arange(4), own.view(np.uint8))
    vectors = SubwordVectors(words, composed, rows, counts=[5, 4, 3, 2])
    vectors.save(tmp_path / "m.bin")
    loaded = WordVectors.load(tmp_path / "m.bin")
    np.testing.assert_allclose(loaded.vectors, composed, atol=1e-6)
    assert loaded["unseen"].tolist() == vectors["unseen"].tolist()
    assert loaded.get_vecattr("there", "count") == 4
    loaded["there"] = np.full(5, 7.0)
    loaded["brandnew"] = np.arange(5)
    loaded.save(tmp_path / "changed.bin")
    again = WordVectors.load(tmp_path / "changed.bin")
    np.testing.assert_allclose(again["there"], 7, atol=1e-5)
    np.testing.assert_allclose(again["brandnew"], np.arange(5), atol=1e-5)
    assert again["where"].tolist() == loaded["where"].tolist()
    loaded.vectors[0, 0] = np.nan
    with pytest.raises(ValueError, match="row 0: expected finite numbers, got NaN or infinity"):
        loaded.save(tmp_path / "nan.bin")
    assert not (tmp_path / "nan.bin").exists()


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_words_alone_are_a_model_without_ngrams(tmp_path, dtype):
    words, table = ["where", "new york", "日本"], np.random.default_rng(2).normal(size=(3, 4))
    vectors = WordVectors(words, table.astype(np.float32)).astype(dtype)
    vectors.save(tmp_path / "m.bin", format="fasttext")
    again = WordVectors.load(tmp_path / "m.bin")
    assert isinstance(again, SubwordVectors) and again.index_to_key == words
    assert (again.vectors == vectors.vectors).all()
    assert [again.get_vecattr(word, "count") for word in words] == [3, 2, 1]
    assert "unseen" not in again
    with pytest.raises(KeyError, match="'unseen' is not among"):
        again["unseen"]
    again.save(tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == (tmp_path / "m.bin").read_bytes()


def test_what_fasttext_cannot_hold_is_refused(tmp_path, vectors):
    table = np.ones((1, 2), np.float32)
    for word in ("", "a\0b"):
        with pytest.raises(ValueError, match=r"words\[0\]: expected a word without NUL bytes"):
            WordVectors([word], table).save(tmp_path / "m.bin", format="fasttext")
    with pytest.raises(ValueError, match="row 0: expected finite numbers, got NaN or infinity"):
        WordVectors(["a"], table * np.inf).save(tmp_path / "m.bin", format="fasttext")
    with pytest.raises(ValueError, match=r"m\.bin\.gz: expected a name without \.gz"):
        WordVectors(["a"], table).save(tmp_path / "m.bin.gz", format="fasttext")
    with pytest.raises(ValueError, match="dtype: expected None or 'float32' for fasttext, got 'int8'"):
        WordVectors(["a"], table).save(tmp_path / "m.bin", format="fasttext", dtype="int8")
    sums = ngram_rows(tables([])[1], composition="sum")
    with pytest.raises(ValueError, match="composition: expected 'mean', as fastText composes"):
        SubwordVectors(["where"], vectors.vectors[:1], sums).save(tmp_path / "m.bin")
    assert not list(tmp_path.iterdir())


@pytest.mark.interop
def test_fasttext_reads_what_word_vectors_write(tmp_path):
    fasttext = pytest.importorskip("fasttext")
    saved(tmp_path / "m.bin")
    ours = WordVectors.load(tmp_path / "m.bin")
    ours.save(tmp_path / "with-ngrams.bin")
    theirs = fasttext.load_model(str(tmp_path / "with-ngrams.bin"))
    for word in [*ASKED, *ours.index_to_key]:
        assert ours[word].tobytes() == theirs.get_word_vector(word).tobytes()
    alone = WordVectors(ours.index_to_key, ours.vectors)
    alone.save(tmp_path / "alone.bin", format="fasttext")
    theirs = fasttext.load_model(str(tmp_path / "alone.bin"))
    assert theirs.get_words() == alone.index_to_key
    for word in alone.index_to_key:
        assert alone[word].tobytes() == theirs.get_word_vector(word).tobytes()
    assert not theirs.get_word_vector("unseen").any()


@pytest.mark.interop
def test_fasttext_composes_the_same_bits(tmp_path):
    fasttext = pytest.importorskip("fasttext")
    saved(tmp_path / "m.bin")
    theirs = fasttext.load_model(str(tmp_path / "m.bin"))
    ours = WordVectors.load(tmp_path / "m.bin")
    for word in ["where", "naïve", "</s>", "unseen", "日本", "a"]:
        assert ours[word].tobytes() == theirs.get_word_vector(word).astype(np.float32).tobytes()


@pytest.mark.interop
@pytest.mark.parametrize("kind", ["skipgram", "cbow"])
def test_models_of_fasttext_are_read(tmp_path, kind):
    fasttext = pytest.importorskip("fasttext")
    (tmp_path / "text.txt").write_text("the cat sat on the mat\nthe naïve dog sat too\n" * 20)
    theirs = fasttext.train_unsupervised(
        str(tmp_path / "text.txt"), kind, minCount=1, dim=8, bucket=500, epoch=2, thread=1, verbose=0
    )
    theirs.save_model(str(tmp_path / "m.bin"))
    ours = WordVectors.load(tmp_path / "m.bin")
    assert ours.index_to_key == theirs.get_words()
    for word in [*theirs.get_words(), "unseen", "cats", "naïvely"]:
        assert ours[word].tobytes() == theirs.get_word_vector(word).tobytes()


@pytest.mark.interop
def test_a_supervised_model_of_fasttext_is_refused(tmp_path):
    fasttext = pytest.importorskip("fasttext")
    (tmp_path / "text.txt").write_text("__label__a the cat\n__label__b the dog\n" * 20)
    theirs = fasttext.train_supervised(str(tmp_path / "text.txt"), dim=4, epoch=1, thread=1, verbose=0)
    theirs.save_model(str(tmp_path / "m.bin"))
    with pytest.raises(ValueError, match="found a supervised model"):
        WordVectors.load(tmp_path / "m.bin")


@pytest.mark.interop
def test_gensim_reads_and_writes_the_same(tmp_path):
    models = pytest.importorskip("gensim.models.fasttext")
    saved(tmp_path / "m.bin", words=["where", "naïve", "there"])
    ours = WordVectors.load(tmp_path / "m.bin")
    theirs = models.load_facebook_vectors(str(tmp_path / "m.bin"))
    for word in ["where", "naïve", "unseen", "日本"]:
        np.testing.assert_allclose(ours[word], theirs[word], atol=1e-6)
    trained = models.FastText(
        [["the", "cat", "sat"], ["the", "naïve", "dog"]] * 20,
        min_count=1,
        vector_size=8,
        bucket=500,
        epochs=1,
    )
    models.save_facebook_model(trained, str(tmp_path / "g.bin"))
    again = WordVectors.load(tmp_path / "g.bin")
    for word in ["cat", "naïve", "unseen"]:
        np.testing.assert_allclose(again[word], trained.wv[word], atol=1e-6)
