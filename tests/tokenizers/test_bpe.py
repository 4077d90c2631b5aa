"""Encoding and decoding against the obvious way, and what every user is promised."""

import pickle
import random
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import bpe_encode as oracle
from oracles.bpe_parts import byte_definition, char_definition

from fastnlp.tokenizers.bpe import BPE

SMALL = st.lists(st.sampled_from([b"a", b"b", b"ab", b"ba", b"c", b"\xff"]), max_size=40).map(b"".join)


@st.composite
def merge_lists(draw, first=("a", "b", "c")):
    """Merges of random pairs of what is there already, in an order that may be none that training gives."""
    tokens = list(first)
    pairs = []
    for _ in range(draw(st.integers(0, 12))):
        pair = draw(st.sampled_from(tokens)), draw(st.sampled_from(tokens))
        if pair not in pairs and len(pair[0] + pair[1]) <= 40:
            pairs.append(pair)
            if pair[0] + pair[1] not in tokens:
                tokens.append(pair[0] + pair[1])
    return draw(st.permutations(pairs))


def expected(definition, words):
    """The ids of words, merged the obvious way."""
    tokens = definition.tokens
    ranks = {(tokens[a], tokens[b]): k for k, (a, b) in enumerate(definition.merges.tolist())}
    ids = {token: i for i, token in enumerate(tokens)}
    return [
        ids[t] for word in words for t in oracle.merge([word[i : i + 1] for i in range(len(word))], ranks)
    ]


@given(merge_lists(first=(b"a", b"b", b"c")), SMALL)
def test_a_word_is_merged_in_the_order_of_the_merges(merges, word):
    definition = byte_definition(merges, pretokenizer="none")
    assert BPE(definition).encode(word).tolist() == expected(definition, [word])


@settings(max_examples=25)
@given(merge_lists(first=(b"a", b"b", b"c")), st.integers(190, 700), st.integers(0, 99), st.integers(0, 2))
def test_a_long_word_is_merged_in_the_same_order(merges, length, seed, kind):
    letters = random.Random(seed).choices(b"aaabc", k=length)
    word = (b"a" * length, bytes(letters), bytes(letters[:7]) * (length // 7))[kind]
    definition = byte_definition(merges, pretokenizer="none")
    assert BPE(definition).encode(word).tolist() == expected(definition, [word])


@given(st.binary(max_size=80))
def test_every_byte_string_comes_back(english, text):
    assert english.decode_bytes(english.encode(text)) == text


@given(st.text(max_size=60))
def test_every_text_comes_back(english, text):
    ids = english.encode(text, disallowed_special=())
    assert english.decode(ids) == text
    assert ids.dtype == np.int32


@given(st.text(alphabet="the quickdogs 'tvé中\n", max_size=60))
def test_a_batch_an_array_and_a_warm_cache_give_the_same(english, text):
    alone = BPE(english.definition).encode(text)
    batch = english.encode_batch([text, text.encode(), "", text], threads=3)
    assert batch.tolist() == [alone.tolist(), alone.tolist(), [], alone.tolist()]
    assert np.array_equal(english.encode(text), alone)


def test_a_long_text_is_the_same_on_any_number_of_threads(english):
    draw = random.Random(3)
    words = ["the", "foxes", "don't", "中文", "  ", "\n\n", "é!", "1234", "x" * 300, "_", "\t", "lowest."]
    text = "".join(draw.choice(words) + draw.choice(["", " ", " "]) for _ in range(300_000))
    one = english.encode(text, threads=1)
    assert len(text) > 1 << 20
    assert np.array_equal(one, english.encode(text, threads=4))
    lines = text.split("\n")
    assert np.concatenate([english.encode(line) for line in lines[:2000]]).tolist() == (
        english.encode_batch(lines[:2000], threads=4).ids.tolist()
    )
    assert english.decode(one) == text


@pytest.mark.parametrize("pattern", ["gpt2", "gpt4", "llama3", "o200k", "whitespace"])
def test_cutting_a_text_for_threads_changes_nothing(english, pattern):
    from dataclasses import replace

    tokenizer = BPE(replace(english.definition, pretokenizer=pattern))
    draw = random.Random(5)
    for piece in ("中文。\n", "ab \n x", "don't,\n\n the", "é́x 12a", "x  \u3000 y", "\n a\r\n", "word, "):
        text = "".join(draw.choice([piece, "the ", "a"]) for _ in range(150_000))
        # Texts below the size at which one is cut, put together by hand at a place that is safe.
        whole = tokenizer.encode(text)
        assert tokenizer.decode(whole) == text
        reference = []
        start = 0
        while start < len(text):
            stop = text.find("the the", start + 30_000)
            stop = len(text) if stop < 0 else stop + 3
            reference.append(tokenizer.encode(text[start:stop]))
            start = stop
        assert np.array_equal(whole, np.concatenate(reference))


def test_many_callers_at_once_get_their_own_ids(english):
    texts = [("the lazy dog " * n + "é") * 50 for n in range(1, 9)]
    right = [english.encode(text).tolist() for text in texts]
    wrong = []

    def work(k):
        wrong.extend(k for _ in range(30) if english.encode(texts[k], threads=2).tolist() != right[k])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_more_words_than_the_cache_holds_are_right(english):
    draw = random.Random(7)
    words = ["".join(draw.choices("thequickbrownéfx", k=draw.randint(1, 40))) for _ in range(60_000)]
    tokenizer = BPE(english.definition)
    text = " ".join(words)
    first = tokenizer.encode(text)
    assert np.array_equal(first, tokenizer.encode(text))
    sample = range(0, len(words), 601)
    for i in sample:
        assert tokenizer.encode(" " + words[i]).tolist() == expected(
            english.definition, [(" " + words[i]).encode()]
        )


class TestCharacters:
    # The book's words and merges.
    MERGES = (("t", "a"), ("ta", "l"), ("tal", "l"), ("f", "a"), ("fa", "s"), ("fas", "t"), ("e", "r"),
              ("er", "_"), ("tall", "_"), ("fast", "_"))  # fmt: skip
    LETTERS = "abcdefghijklmnopqrstuvwxyz_"

    def book(self, **settings):
        return BPE(
            char_definition(self.MERGES, self.LETTERS, end_of_word="_", mark_is_symbol=True, **settings)
        )

    def test_the_books_words_are_segmented_as_in_the_book(self):
        words = self.book().tokenize("fast faster tall taller")
        assert words == ["fast_", "fast", "er_", "tall_", "tall", "er_"]

    def test_the_longest_token_first_gives_the_books_segments(self):
        tokenizer = self.book()
        assert " ".join(tokenizer.tokenize("tallest", method="longest")) == "tall e s t _"
        assert " ".join(tokenizer.tokenize("fatter", method="longest")) == "fa t t er_"
        assert tokenizer.tokenize("faAtAter", method="longest") == ["fa", "<unk>", "t", "<unk>", "t", "er_"]

    @given(st.lists(st.text("tallfastergéZ", min_size=1, max_size=12), max_size=5))
    def test_the_longest_token_first_is_the_books_function(self, words):
        tokenizer = self.book()
        symbols = set(tokenizer.tokens) - {"<unk>"}
        wanted = [s for word in words for s in oracle.segment(word + "_", symbols, "<unk>")]
        assert tokenizer.tokenize(" ".join(words), method="longest") == wanted

    @given(merge_lists(), st.lists(st.text("abcé", min_size=1, max_size=12), max_size=5), st.booleans())
    def test_characters_are_merged_in_the_same_order(self, merges, words, attached):
        ends = "</w>"
        definition = char_definition(
            merges, ["a", "b", "c", *(["a</w>", "b</w>", "c</w>"] if attached else [ends])],
            end_of_word=ends, mark_is_symbol=not attached,
        )  # fmt: skip
        ranks = {pair: k for k, pair in enumerate(merges)}
        wanted = []
        for word in words:
            symbols = [*word[:-1], word[-1] + ends] if attached else [*word, ends]
            known = [s if s in definition.strings() else "<unk>" for s in symbols]
            wanted += oracle.merge(known, ranks)
        assert BPE(definition).tokenize(" ".join(words)) == wanted

    def test_a_mark_becomes_a_space_when_decoded(self):
        tokenizer = self.book()
        assert tokenizer.decode(tokenizer.encode("fast  faster\ntall")) == "fast faster tall"

    def test_bytes_stand_for_unknown_characters(self):
        letters = [*self.LETTERS, *(f"<0x{byte:02X}>" for byte in range(256))]
        tokenizer = BPE(
            char_definition(self.MERGES, letters, pretokenizer="none", byte_fallback=True, unknown=-1)
        )
        text = "tall é 中\U0001f600"
        assert tokenizer.tokenize("é") == ["<0xC3>", "<0xA9>"]
        assert tokenizer.decode(tokenizer.encode(text)) == text
        decoder = tokenizer.decoder()
        assert "".join(decoder.push(i) for i in tokenizer.encode(text).tolist()) + decoder.finish() == text

    def test_unknown_characters_fuse_if_asked_to(self):
        assert self.book().tokenize("taXXl") == ["ta", "<unk>", "<unk>", "l", "_"]
        assert self.book(fuse_unknown=True).tokenize("taXXl") == ["ta", "<unk>", "l", "_"]

    def test_without_an_unknown_token_an_unknown_character_is_an_error(self):
        with pytest.raises(ValueError, match="no unknown token, got 'X'"):
            self.book(unknown=-1).encode("taX")

    def test_bytes_that_are_no_text_are_an_error(self):
        with pytest.raises(ValueError, match="text: expected UTF-8"):
            self.book().encode(b"ta\xff")

    @pytest.mark.parametrize("method", ["merges", "longest"])
    def test_offsets_are_those_of_the_characters(self, method):
        ids, offsets = self.book(fuse_unknown=True).encode_with_offsets("fast éétallX", method=method)
        tokens = [self.book().tokens[i] for i in ids]
        assert tokens == ["fast_", "<unk>", "tall", "<unk>", "_"]
        assert offsets.tolist() == [[0, 4], [5, 7], [7, 11], [11, 12], [12, 12]]


class TestOffsets:
    @given(st.text(max_size=40))
    def test_bytes_are_those_of_the_tokens(self, english, text):
        ids, spans = english.encode_with_offsets(text, unit="bytes", disallowed_special=())
        packed = text.encode()
        assert [packed[a:b] for a, b in spans.tolist()] == [english.token_bytes(i) for i in ids.tolist()]
        assert spans.dtype == np.int64 and spans.shape == (len(ids), 2)

    @given(st.text(max_size=40))
    def test_characters_are_all_that_a_token_holds_a_part_of(self, english, text):
        places = [k for k, c in enumerate(text) for _ in c.encode()]
        _, in_bytes = english.encode_with_offsets(text, unit="bytes", disallowed_special=())
        _, spans = english.encode_with_offsets(text, disallowed_special=())
        assert spans.tolist() == [[places[a], places[b - 1] + 1] for a, b in in_bytes.tolist()]

    def test_special_tokens_have_offsets_too(self, english):
        ids, spans = english.encode_with_offsets("é<|end|>x", allowed_special="all")
        assert spans.tolist()[-2:] == [[1, 8], [8, 9]] and ids[-2] == 0


class TestDropout:
    def test_no_merge_is_left_with_certainty(self, english):
        ids = english.encode("the lazy dog", dropout=1.0)
        assert ids.tolist() == [2 + byte for byte in b"the lazy dog"]

    def test_the_same_seed_and_epoch_give_the_same(self, english):
        text = "the quick brown fox jumps over the lazy dog " * 20
        one = english.encode(text, dropout=0.3, seed=5, epoch=2)
        assert np.array_equal(one, english.encode(text, dropout=0.3, seed=5, epoch=2))
        assert not np.array_equal(one, english.encode(text, dropout=0.3, seed=6, epoch=2))
        assert not np.array_equal(one, english.encode(text, dropout=0.3, seed=5, epoch=3))
        assert english.decode(one) == text

    def test_threads_change_no_draw(self, english):
        texts = ["the lazy dog jumps over " * 500 for _ in range(40)]
        one = english.encode_batch(texts, dropout=0.2, threads=1)
        assert np.array_equal(one.ids, english.encode_batch(texts, dropout=0.2, threads=4).ids)
        assert one[0].tolist() != one[1].tolist()

    def test_each_merge_is_left_out_with_the_probability(self):
        # One merge in each word of two letters: it is done unless it is dropped in the only step there is.
        tokenizer = BPE(byte_definition([(b"a", b"b")], pretokenizer="whitespace"))
        ids = tokenizer.encode("ab " * 40_000, dropout=0.25)
        merged = np.count_nonzero(ids == 256) / 40_000
        assert abs(merged - 0.75) < 6 * np.sqrt(0.25 * 0.75 / 40_000)  # fails once in 5e8

    @pytest.mark.parametrize("dropout", [-0.1, 1.1, float("nan")])
    def test_it_is_a_probability(self, english, dropout):
        with pytest.raises(ValueError, match="dropout: expected a probability"):
            english.encode("x", dropout=dropout)

    def test_there_are_no_merges_to_leave_out_of_the_longest_match(self, english):
        with pytest.raises(ValueError, match="dropout: expected 0 for method='longest'"):
            english.encode("x", dropout=0.1, method="longest")


class TestDecoding:
    @given(st.text(max_size=30), st.integers(1, 3))
    def test_a_stream_gives_the_text_in_whole_characters(self, english, text, step):
        ids = english.encode(text, disallowed_special=()).tolist()
        decoder = english.decoder()
        parts = [decoder.push(ids[i : i + step]) for i in range(0, len(ids), step)]
        assert "".join(parts) == text and decoder.finish() == ""
        assert "\ufffd" in text or not any("\ufffd" in part for part in parts)

    @given(st.binary(max_size=30))
    def test_a_stream_of_any_bytes_is_what_decode_gives(self, english, text):
        ids = english.encode(text)
        decoder = english.decoder()
        assert "".join(decoder.push(i) for i in ids.tolist()) + decoder.finish() == english.decode(ids)

    def test_a_stream_with_marks_has_spaces_between_words(self):
        tokenizer = TestCharacters().book()
        decoder = tokenizer.decoder()
        ids = tokenizer.encode("fast faster tall").tolist()
        assert [decoder.push(i) for i in ids] == ["fast", " fast", "er", " tall"]
        assert decoder.finish() == ""

    def test_an_incomplete_character_is_replaced_or_an_error(self, english):
        decoder = english.decoder()
        assert decoder.push(2 + 0xC3) == "" and decoder.finish() == "\ufffd" and decoder.push(2 + 97) == "a"
        with pytest.raises(UnicodeDecodeError):
            english.decode([2 + 0xC3], errors="strict")

    @pytest.mark.parametrize("bad", [-1, 10_000, 1 << 31, 1 << 40])
    def test_an_id_that_is_none_is_an_error_with_its_place(self, english, bad):
        with pytest.raises(IndexError, match=rf"ids\[2\].*{bad}"):
            english.decode([5, 6, bad])
        with pytest.raises(IndexError):
            english.decoder().push(bad)
        with pytest.raises(IndexError):
            english.decode([bad], skip_special_tokens=True)

    def test_other_things_than_ids_are_an_error(self, english):
        with pytest.raises(TypeError, match="ids: expected integers, got float64"):
            english.decode([0.5])
        with pytest.raises(ValueError, match="one dimension"):
            english.decode([[1]])
        assert english.decode([]) == ""

    def test_a_batch_is_decoded_row_by_row(self, english):
        assert english.decode_batch(english.encode_batch(["a", "é", ""])) == ["a", "é", ""]


def test_a_pattern_of_ones_own_cuts_the_text():
    pytest.importorskip("regex")
    merges = [(b"a", b"b"), (b"ab", b"-"), (b"-", b"c")]
    tokenizer = BPE(byte_definition(merges, special=["<s>"], pretokenizer=r"\p{L}+|-"))
    assert [tokenizer.token_bytes(i) for i in tokenizer.encode("ab-c é")] == [
        b"ab",
        b"-",
        b"c",
        b" ",
        b"\xc3",
        b"\xa9",
    ]
    batch = tokenizer.encode_batch(["ab-c", "", "ab<s>ab"], allowed_special="all")
    assert [[tokenizer.tokens[i] for i in ids] for ids in batch] == [
        ["ab", "-", "c"],
        [],
        ["ab", "<s>", "ab"],
    ]
    assert tokenizer.encode_with_offsets("éab-")[1].tolist() == [[0, 1], [0, 1], [1, 3], [3, 4]]
    with pytest.raises(ValueError, match="no special token"):
        tokenizer.encode("a<s>")


def test_it_can_be_pickled(english):
    copy = pickle.loads(pickle.dumps(english))
    assert copy.encode("the lazy dog").tolist() == english.encode("the lazy dog").tolist()


def test_tokens_and_ids_name_each_other(english):
    assert english.token_id("Ġthe") == english.encode(" the")[0]
    assert english.token_id("nothing like it") is None
    assert len(english) == english.vocab_size == len(english.tokens)
    assert english.special_tokens == {"<|end|>": 0, "<|endoftext|>": 1}
    with pytest.raises(IndexError):
        english.token_bytes(len(english))


@pytest.mark.parametrize("argument", ["threads", "seed", "epoch", "dropout"])
def test_numbers_of_the_wrong_type_are_named(english, argument):
    with pytest.raises(TypeError, match=f"{argument}: expected a.* got '1'"):
        english.encode("a rose", **{argument: "1"})
