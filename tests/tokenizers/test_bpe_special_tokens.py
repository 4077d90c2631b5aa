"""Special tokens: found in a text where they are allowed, and an error elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.bpe_parts import byte_definition

from fastnlp.tokenizers.bpe import BPE


class TestSpecialTokens:
    def test_they_are_an_error_unless_allowed(self, english):
        with pytest.raises(ValueError, match=r"no special token, got '<\|end\|>' at byte 2.*allowed_special"):
            english.encode("é<|end|>")
        with pytest.raises(ValueError, match="of text 1"):
            english.encode_batch(["a", "<|end|>"])

    def test_allowed_ones_become_their_ids(self, english):
        ids = english.encode("<|endoftext|>a<|end|>", allowed_special="all")
        assert ids.tolist() == [1, 2 + ord("a"), 0]
        assert english.encode("<|end|>", allowed_special={"<|end|>"}).tolist() == [0]
        with pytest.raises(ValueError, match="endoftext"):
            english.encode("<|end|><|endoftext|>", allowed_special={"<|end|>"})

    def test_others_are_text(self, english):
        ids = english.encode("<|end|>", disallowed_special=())
        assert 0 not in ids and english.decode(ids) == "<|end|>"

    def test_they_are_left_out_of_a_text_if_asked_to(self, english):
        ids = english.encode("a<|end|>b", allowed_special="all")
        assert english.decode(ids) == "a<|end|>b"
        assert english.decode(ids, skip_special_tokens=True) == "ab"

    @pytest.mark.parametrize("name", ["allowed_special", "disallowed_special"])
    def test_only_special_tokens_can_be_named(self, english, name):
        with pytest.raises(ValueError, match=f"{name}: expected special tokens .*got 'the'"):
            english.encode("x", **{name: ["the"]})
        with pytest.raises(TypeError, match=f"{name}: expected 'all' or several"):
            english.encode("x", **{name: "<|end|>"})

    @given(
        st.lists(st.text("abx<", min_size=1, max_size=4), min_size=1, max_size=6, unique=True),
        st.text("abx<", max_size=30),
    )
    def test_the_first_and_of_these_the_longest_is_found(self, special, text):
        tokenizer = BPE(byte_definition([], special=special))
        wanted, at, n = [], 0, len(special)
        while at < len(text):
            here = max((t for t in special if text.startswith(t, at)), key=len, default=None)
            wanted.append(n + ord(text[at]) if here is None else special.index(here))
            at += len(here or "x")
        assert tokenizer.encode(text, allowed_special="all").tolist() == wanted

    def test_thousands_of_them_are_found(self):
        special = [f"<extra_{i}>" for i in range(5000)]
        tokenizer = BPE(byte_definition([], special=special))
        text = "".join(special) + "<extra_5000>"
        ids = tokenizer.encode(text, allowed_special="all")
        assert ids[:5000].tolist() == list(range(5000)) and tokenizer.decode(ids) == text
