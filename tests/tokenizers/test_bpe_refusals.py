"""What is no text, no option and no byte-pair encoding is named."""

import numpy as np
import pytest
from oracles.bpe_parts import BYTES, byte_definition

from fastnlp.tokenizers.bpe import BPE


class TestRefusals:
    def test_text_is_str_or_bytes(self, english):
        with pytest.raises(TypeError, match="text: expected str or bytes, got int"):
            english.encode(5)
        with pytest.raises(TypeError, match="texts: expected several, got one str"):
            english.encode_batch("abc")

    def test_half_a_surrogate_pair_is_no_text(self, english):
        with pytest.raises(ValueError, match="half a surrogate pair at character 2"):
            english.encode("ab\ud800")

    @pytest.mark.parametrize(
        ("settings", "message"),
        [({"method": "best"}, "method: expected"), ({"threads": 0}, "threads: expected"),
         ({"epoch": -1}, "epoch: expected")],
    )  # fmt: skip
    def test_options_are_checked(self, english, settings, message):
        with pytest.raises(ValueError, match=message):
            english.encode("x", **settings)

    def make(self, tokens=(), merges=(), merged=(), special=(), **settings):
        from fastnlp.tokenizers.definition import Definition

        return BPE(
            Definition(
                tokens=[*BYTES, *tokens],
                merges=np.array(merges, np.int32).reshape(-1, 2),
                merged=np.array(merged, np.int32),
                special_tokens=special,
                **settings,
            )
        )

    def test_a_merge_makes_its_parts_put_together(self):
        with pytest.raises(ValueError, match=r"merges\[0\]: expected 'a' and 'b' to make .*'ba'"):
            self.make([b"ba"], [(97, 98)], [256])

    def test_a_merge_of_itself_makes_nothing(self):
        with pytest.raises(ValueError, match=r"merges\[0\]"):
            self.make([b"ab"], [(256, 98)], [256])

    def test_a_merge_names_tokens(self):
        with pytest.raises(IndexError, match=r"merges.*257"):
            self.make([b"ab"], [(97, 257)], [256])

    def test_no_merge_stands_twice(self):
        with pytest.raises(ValueError, match=r"merges\[1\]: expected distinct merges, got 'a' and 'b' again"):
            self.make([b"ab"], [(97, 98)] * 2, [256] * 2)

    def test_no_token_stands_twice(self):
        with pytest.raises(ValueError, match=r"tokens\[257\]: expected distinct tokens, got 'ab' again"):
            self.make([b"ab", b"ab"])

    def test_no_token_is_empty(self):
        with pytest.raises(ValueError, match=r"tokens\[256\]: expected at least one byte"):
            self.make([b""])

    def test_every_byte_has_a_token(self):
        from dataclasses import replace

        definition = byte_definition([])
        with pytest.raises(ValueError, match=r"one for each of the 256 bytes, got none for '\\x07'"):
            BPE(replace(definition, tokens=[b"xx" if t == b"\x07" else t for t in definition.tokens]))

    def test_special_tokens_are_tokens(self):
        from fastnlp.tokenizers.definition import SpecialToken

        with pytest.raises(ValueError, match="special_tokens: expected '<x>' to be token 97"):
            self.make(special=(SpecialToken("<x>", 97),))
        with pytest.raises(ValueError, match="distinct tokens, got '<x>' again"):
            self.make([b"<x>", b"<x>"], special=(SpecialToken("<x>", 256), SpecialToken("<x>", 257)))

    def test_a_pretokenizer_is_one_that_is_known_or_a_pattern(self):
        with pytest.raises(ValueError, match="pretokenizer: expected a regular expression, got '\\('"):
            self.make(pretokenizer="(").encode("x")

    def test_a_number_that_is_not_given_out_cannot_be_decoded(self):
        tokenizer = self.make([None, b"ab"], [(97, 98)], [257])
        assert tokenizer.encode("ab").tolist() == [257]
        with pytest.raises(IndexError, match=r"ids\[1\].*256, which is not given out"):
            tokenizer.decode([257, 256])
