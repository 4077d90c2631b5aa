import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import ngrams

from fastnlp import Vocab, _core
from fastnlp.sampling import fasttext_hash, hashed_ngrams, ngram_vocabulary, subwords

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
lengths = st.tuples(st.integers(1, 8), st.integers(0, 8)).map(lambda pair: (pair[0], sum(pair)))


def test_where_has_the_subwords_of_the_book():
    assert subwords("where", 3, 3) == ["<wh", "whe", "her", "ere", "re>", "<where>"]


def test_three_to_six_is_the_default():
    found = subwords("where")
    assert len(found) == 5 + 4 + 3 + 2 + 1
    assert {len(ngram) for ngram in found[:-1]} == {3, 4, 5, 6}
    assert found[-1] == "<where>"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_hash_is_fnv_over_signed_bytes(text):
    assert fasttext_hash(text) == ngrams.fnv(text)


@given(st.lists(words, max_size=5), lengths, st.integers(1, 2**31 - 1), st.integers(1, 3))
def test_buckets_are_those_of_the_oracle(chosen, limits, buckets, threads):
    found = hashed_ngrams(chosen, *limits, buckets, threads=threads)
    expected = [ngrams.buckets_of(word, *limits, buckets) for word in chosen]
    assert found.offsets.tolist() == np.cumsum([0, *map(len, expected)]).tolist()
    assert found.ids.tolist() == [bucket for each in expected for bucket in each]


@given(st.lists(words, max_size=6), lengths)
def test_the_vocabulary_of_ngrams_is_that_of_the_oracle(chosen, limits):
    found = ngram_vocabulary(chosen, *limits)
    everything, per_word = ngrams.vocabulary(chosen, *limits)
    assert found.ngrams == everything
    for i, parts in enumerate(per_word):
        ids = found.ids[found.offsets[i] : found.offsets[i + 1]]
        assert [found.ngrams[n] for n in ids] == parts


def test_repeated_ngrams_count_twice_in_buckets_and_once_in_the_vocabulary():
    assert len(hashed_ngrams(["banana"], 3, 3).ids) == 6
    assert subwords("banana", 3, 3) == ["<ba", "ban", "ana", "nan", "na>", "<banana>"]


def test_a_word_as_short_as_an_ngram_is_hashed_whole():
    assert hashed_ngrams(["a"], 3, 6).ids.tolist() == [ngrams.fnv("<a>") % 2_000_000]
    assert subwords("a", 3, 6) == ["<a>"]


def test_the_end_of_a_line_has_no_ngrams():
    assert hashed_ngrams(["</s>", "s"]).offsets.tolist() == [0, 0, 1]


def test_a_vocab_goes_in_as_it_is():
    vocab = Vocab(["to", "be"])
    assert hashed_ngrams(vocab).ids.tolist() == hashed_ngrams(["to", "be"]).ids.tolist()


def test_broken_utf8_is_cut_as_fasttext_cuts_it():
    """Continuation bytes belong to what stands before them, whatever that is."""
    ids, _ = _core.hashed_ngrams(b"\x80a\xff", np.array([0, 3]), 1, 2, 1000, 1)
    expected = [b"<\x80a", b"a", b"a\xff", b"\xff", b"\xff>"]  # "<" takes the byte after it along
    assert ids.tolist() == [ngrams.fnv(part) % 1000 for part in expected]


@pytest.fixture(scope="module", params=[(1, 3), (3, 6), (2, 9)])
def fasttext_model(request, tmp_path_factory):
    """Lengths, and a model of the fastText program that has them, trained on next to nothing."""
    fasttext = pytest.importorskip("fasttext")
    text = tmp_path_factory.mktemp("fasttext") / "text.txt"
    text.write_text("where there here\n" * 5)
    low, high = request.param
    model = fasttext.train_unsupervised(
        str(text), minCount=1, dim=2, bucket=1009, minn=low, maxn=high, thread=1, verbose=0
    )
    return low, high, model


@pytest.mark.interop
@given(words.filter(lambda word: not set(word) & set(" \t\n\v\f\r\0")))
def test_fasttext_numbers_the_same_subwords(fasttext_model, word):
    low, high, model = fasttext_model
    _, ids = model.get_subwords(word)
    known = [model.get_word_id(word)] if model.get_word_id(word) >= 0 else []
    ours = hashed_ngrams([word], low, high, 1009).ids + len(model.get_words())
    assert ids.tolist() == known + ours.tolist()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("where",), TypeError, "words: expected the words one by one, got the str 'where'"),
        (([""],), ValueError, r"words\[0\]: expected at least one character"),
        (([3],), TypeError, r"words\[0\]: expected str, got int"),
        ((["a"], 0), ValueError, "1 <= min_n <= max_n <= 64, got 0 and 6"),
        ((["a"], 4, 3), ValueError, "got 4 and 3"),
        ((["a"], 3, 65), ValueError, "got 3 and 65"),
        ((["a"], 3, 6, 0), ValueError, r"buckets: expected 1 to 2\^31 - 1, got 0"),
        ((["a"], 3, 6, 2**31), ValueError, r"buckets: expected 1 to 2\^31 - 1"),
        ((["a"], 2.5), TypeError, "float"),
    ],
)
def test_bad_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        hashed_ngrams(*arguments)


def test_offsets_outside_of_the_words_are_refused():
    with pytest.raises(ValueError, match=r"offsets\[-1\]: expected 3"):
        _core.hashed_ngrams(b"abc", np.array([0, 9]), 3, 6, 10, 1)
    with pytest.raises(ValueError, match=r"offsets\[1\]: expected at least 0"):
        _core.ngram_vocabulary(b"abc", np.array([0, -1, 3]), 3, 6)
    with pytest.raises(ValueError, match="min_n: expected 1 or more, got 0"):
        _core.ngram_vocabulary(b"abc", np.array([0, 3]), 0, 6)
    with pytest.raises(ValueError, match="max_n: expected a length from min_n to 64, got 65"):
        _core.hashed_ngrams(b"abc", np.array([0, 3]), 3, 65, 10, 1)
