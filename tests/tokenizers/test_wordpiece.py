"""Word pieces: against the tokenizer that BERT's users have, and against the obvious way."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnlp.tokenizers.wordpiece import WordPiece

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCAB += ["a", "b", "ab", "un", "aff", "able", "cafe", "e", "中", "!", ",", "-", "1", "ü", "\u1112"]
VOCAB += ["##a", "##b", "##aff", "##able", "##ffe", "##é", "##1", "##\u1161", "##\u11ab", "##\u0301"]
LETTERS = "aAbBéÉüŪ中!,-1 \t\n\u0000\u00a0\u0301\u0327\u0345\u0f71\u1ab0\u0898\u08ca한İǅﬁ\u200b\ufffd"


@pytest.fixture(scope="module")
def small():
    return WordPiece(VOCAB)


@pytest.fixture(scope="module")
def bert(data):
    return WordPiece.load(data / "bert" / "bert-base-uncased-vocab.txt")


def theirs_of(ours, tmp_path):
    tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
    ours.save(tmp_path / "tokenizer.json")
    return tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))


def test_a_word_becomes_the_longest_pieces(small):
    assert small.tokenize("Unaffable, ABA!") == ["un", "##aff", "##able", ",", "ab", "##a", "!"]
    assert small.tokenize("Café 中ab\u0000 x") == ["cafe", "中", "ab", "[UNK]"]
    assert small.encode("a" * 100).tolist() == [5] + [VOCAB.index("##a")] * 99
    assert small.tokenize("a" * 101) == ["[UNK]"]


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("strip", [None, True, False])
def test_tokenizers_gives_the_same(tmp_path, lowercase, strip):
    ours = WordPiece(VOCAB, lowercase=lowercase, strip_accents=strip)
    theirs = theirs_of(ours, tmp_path)

    @given(
        st.text(
            st.sampled_from(
                "aAbBéÉüŪ中!,-1 \t\n\u0000\u00a0\u0301\u0327\u0345\u0f71\u1ab0\u0898\u08ca한İǅﬁ\u200b\ufffd"
            )
        )
    )
    def check(text):
        assert ours.encode(text).tolist() == theirs.encode(text, add_special_tokens=False).ids

    check()
    again = WordPiece.load(tmp_path / "tokenizer.json")
    assert again.tokens == VOCAB and (again.lowercase, again.strip_accents) == (lowercase, strip)


class TestBert:
    def test_its_ids_are_those_of_tokenizers(self, bert, stress, tmp_path):
        theirs = theirs_of(bert, tmp_path)
        for name, text in stress.items():
            right = theirs.encode(text, add_special_tokens=False).ids
            assert np.array_equal(bert.encode(text, allowed_special=True), right), name

    def test_its_ids_are_those_of_tokenizers_without_lower_case(self, data, stress, tmp_path):
        ours = WordPiece.load(data / "bert" / "bert-base-uncased-vocab.txt", lowercase=False)
        theirs = theirs_of(ours, tmp_path)
        for name, text in stress.items():
            right = theirs.encode(text, add_special_tokens=False).ids
            assert np.array_equal(ours.encode(text, allowed_special=True), right), name

    def test_every_code_point_by_itself_is_the_same(self, bert, tmp_path):
        theirs = theirs_of(bert, tmp_path)
        texts = [f"a{chr(c)}b " for c in range(0x30000) if not 0xD800 <= c < 0xE000]
        rights = theirs.encode_batch(texts, add_special_tokens=False)
        for ids, right, text in zip(bert.encode_batch(texts), rights, texts, strict=True):
            assert ids.tolist() == right.ids, hex(ord(text[1]))

    def test_pairs_are_those_of_transformers(self, bert, tmp_path):
        transformers = pytest.importorskip("transformers")
        bert.save(tmp_path / "tokenizer.json")
        theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
        for second in (None, "And another, longer one follows it."):
            for longest in (5, 6, 9, 10, 50):
                right = theirs(
                    "A first sentence.",
                    second,
                    truncation="longest_first",
                    max_length=longest,
                    return_token_type_ids=True,
                )
                ids, types = bert.encode_pair("A first sentence.", second, max_length=longest)
                assert ids.tolist() == right["input_ids"] and types.tolist() == right["token_type_ids"]

    def test_threads_and_a_warm_cache_change_nothing(self, bert, stress):
        text = stress["source_code_mix.txt"] * 3
        one = bert.encode(text)
        assert np.array_equal(one, bert.encode(text, threads=3))
        lines = text.split("\n")
        assert np.array_equal(one, bert.encode_batch(lines, threads=2).ids)
        packed = [line.encode() for line in lines]
        offsets = np.cumsum([0, *map(len, packed)], dtype=np.int64)
        ids, bounds = bert.encode_pieces(b"".join(packed), offsets)
        assert np.array_equal(ids, one) and len(bounds) == len(offsets)


def test_special_tokens_are_text_unless_allowed(small):
    assert small.encode("[MASK]", allowed_special=True).tolist() == [4]
    assert 4 not in small.encode("[MASK]")


@pytest.mark.parametrize("allowed", ["all", ["[MASK]"], 1])
def test_special_tokens_are_allowed_all_or_none(small, allowed):
    with pytest.raises(TypeError, match="allowed_special: expected True or False, got"):
        small.encode("a", allowed_special=allowed)


def test_words_come_back_with_a_space_between(small):
    ids = small.encode_pair("unaffable ab", "a")[0]
    assert small.decode(ids) == "[CLS] unaffable ab [SEP] a [SEP]"
    assert small.decode(ids, skip_special_tokens=True) == "unaffable ab a"
    with pytest.raises(IndexError, match=r"ids\[1\].*99"):
        small.decode([1, 99])


def test_a_vocabulary_comes_back(small, tmp_path):
    small.save(tmp_path / "vocab.txt")
    assert WordPiece.load(tmp_path).tokens == VOCAB
    assert (
        pickle.loads(pickle.dumps(small)).encode("unaffable").tolist() == small.encode("unaffable").tolist()
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WordPiece(["a"]), "unknown: expected a token of the vocabulary"),
        (lambda: WordPiece(["[UNK]", "a", "a"]), r"tokens\[2\]: expected distinct tokens"),
        (lambda: WordPiece(["[UNK]", ""]), r"tokens\[1\]: expected at least one character"),
        (lambda: WordPiece(["[UNK]"], longest_word=0), "longest_word: expected"),
        (lambda: WordPiece(["[UNK]"]).encode(b"a\xff"), "text: expected UTF-8"),
        (lambda: WordPiece(["[UNK]"]).encode("\ud800"), "half a surrogate pair"),
        (lambda: WordPiece(["[UNK]"]).encode_pair("a"), r"expected the tokens \[CLS\]"),
        (lambda: WordPiece(VOCAB).encode_pair("a", "b", max_length=2), "max_length: expected at least 3"),
        (lambda: WordPiece(VOCAB).save("x.bin"), r"path: expected a name that ends with \.txt"),
    ],
)
def test_what_is_wrong_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["model"].update(type="BPE"), "model of type WordPiece"),
        (lambda c: c["normalizer"].update(type="NFC"), "expected BertNormalizer"),
        (lambda c: c["normalizer"].update(clean_text=False), "clean_text"),
        (lambda c: c["model"].update(vocab=[]), "model.vocab: expected an object"),
        (lambda c: c["model"]["vocab"].update(x=900), "expected a token for each id"),
    ],
)
def test_a_damaged_file_is_an_error(small, tmp_path, change, message):
    small.save(tmp_path / "tokenizer.json")
    content = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    change(content)
    (tmp_path / "bad.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        WordPiece.load(tmp_path / "bad.json")
    (tmp_path / "cut.json").write_text(json.dumps(content)[:-50], encoding="utf-8")
    with pytest.raises(ValueError, match=r"cut\.json"):
        WordPiece.load(tmp_path / "cut.json")
