import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnlp import _core
from fastnlp.tokenizers import pretokenize
from fastnlp.tokenizers.pretokenizers import BUILT_IN, compile_pattern, split_by

# Characters of every class that the patterns tell apart, and the contractions.
ALPHABET = "a Zéʰ/ \n\r\t'sStTlLrReEvVmMdDſK1２٣中.!~\u00a0\u3000\u2028\u0301ǅ😀"
NAMES = list(BUILT_IN)
texts = st.text(st.sampled_from(ALPHABET), max_size=60)


@pytest.mark.parametrize("name", NAMES)
@given(text=texts)
def test_pieces_are_the_matches_of_the_pattern(name, text):
    pytest.importorskip("regex")
    assert pretokenize(text, name) == list(split_by(compile_pattern(BUILT_IN[name]), text))


@pytest.mark.parametrize("name", NAMES)
@given(text=st.text(st.sampled_from("aaazzzAZZ' é\u0301."), max_size=100))
def test_letters_are_told_apart_by_case_wherever_they_stand(name, text):
    pytest.importorskip("regex")
    assert pretokenize(text, name) == list(split_by(compile_pattern(BUILT_IN[name]), text))


@pytest.mark.parametrize("name", NAMES)
@given(data=st.binary(max_size=80))
def test_any_bytes_are_cut_without_loss(name, data):
    ends = _core.piece_ends(name, data).tolist()
    assert ends == sorted(set(ends)) and (ends[-1:] == [len(data)] or not data) and 0 not in ends


def test_a_byte_that_is_no_character_is_a_sign():
    assert _core.piece_ends("gpt2", b" a\xff\xfe b\xe4\xb8").tolist() == [2, 4, 6, 8]


def test_contractions_and_spaces_are_gpt2s():
    assert pretokenize("I'm  we'LL it'll\n\n x") == [
        "I",
        "'m",
        " ",
        " we",
        "'",
        "LL",
        " it",
        "'ll",
        "\n\n",
        " x",
    ]
    assert pretokenize("x12345 y'LL  \n z", "gpt4") == ["x", "123", "45", " y", "'LL", "  \n", " z"]


def test_contractions_and_capitals_are_gpt4os():
    assert pretokenize("HTTPServer's ABC\u0301d 中A!/\n/", "o200k") == [
        "HTTPServer's", " ABC\u0301d", " 中", "A", "!/\n/"
    ]  # fmt: skip


def test_gpt4os_pattern_is_that_of_tiktoken(monkeypatch):
    public = pytest.importorskip("tiktoken_ext.openai_public")
    monkeypatch.setattr(public, "load_tiktoken_bpe", lambda *_, **__: {})  # the vocabulary is not at hand
    assert public.o200k_base()["pat_str"] == BUILT_IN["o200k"]


def _texts():
    folder = Path(os.environ.get("FASTNLP_DATA", "/nowhere"), "text")
    if not folder.is_dir():
        pytest.skip("text is not in the folder that FASTNLP_DATA names")
    yield "".join(chr(code) + "a 1'"[code % 4] for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    for name in ("blns.txt", "source_code_mix.txt", "utf8_assigned_printable_separated.txt"):
        yield (folder / name).read_bytes().decode()[:2_000_000]
    yield (folder / "wagahaiwa_nekodearu.txt").read_bytes().decode()[:300_000]


@pytest.mark.slow
@pytest.mark.interop
@pytest.mark.parametrize("name", ["gpt2", "gpt4", "llama3", "o200k"])
def test_every_code_point_and_real_texts_are_cut_as_tokenizers_does(name):
    tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(BUILT_IN[name]), "isolated")
    for text in _texts():
        assert pretokenize(text, name) == [piece for piece, _ in split.pre_tokenize_str(text)]


@pytest.mark.slow
@pytest.mark.interop
@pytest.mark.parametrize(
    ("name", "own"), [("gpt2", "r50k_pat_str"), ("gpt4", "cl100k_base"), ("o200k", "o200k_base")]
)
def test_every_code_point_and_real_texts_are_cut_as_tiktoken_does(name, own):
    tiktoken = pytest.importorskip("tiktoken")
    public = pytest.importorskip("tiktoken_ext.openai_public")
    if own == "r50k_pat_str":
        pattern = public.r50k_pat_str
    elif own == "o200k_base":
        pattern = BUILT_IN["o200k"]
    else:
        pattern = (
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$"
            r"|\s*[\r\n]|\s+(?!\S)|\s"
        )
    # A vocabulary in which every piece of the text is a token shows where tiktoken cuts.
    for text in _texts():
        pieces = pretokenize(text, name)
        ranks = {bytes([b]): b for b in range(256)}
        for piece in pieces:
            ranks.setdefault(piece.encode(), len(ranks))
        encoding = tiktoken.Encoding("pieces", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
        assert [encoding.decode_single_token_bytes(i) for i in encoding.encode_ordinary(text)] == [
            piece.encode() for piece in pieces
        ]


def test_a_pattern_of_the_user_keeps_what_it_does_not_match():
    pytest.importorskip("regex")
    assert pretokenize("ab--cd", r"\w+") == ["ab", "--", "cd"]
    assert pretokenize("ab", r"x*") == ["ab"]


@pytest.mark.parametrize(
    ("pretokenizer", "error", "message"),
    [
        ("gpt3", ValueError, "pretokenizer: expected 'gpt2', 'gpt4', 'llama3', 'o200k', .* got 'gpt3'"),
        ("", ValueError, "pretokenizer: expected"),
        (r"(\w+", ValueError, r"pretokenizer: expected a regular expression, got '\(\\\\w\+'"),
        (3, TypeError, "pretokenizer: expected a name or a pattern"),
    ],
)
def test_what_is_no_pretokenizer_is_refused(pretokenizer, error, message):
    pytest.importorskip("regex")
    with pytest.raises(error, match=message):
        pretokenize("a", pretokenizer)


QUICK = "".join(chr(code) for code in range(0x2100))


@pytest.mark.interop
@pytest.mark.parametrize("name", ["gpt2", "gpt4", "llama3", "o200k"])
def test_the_first_blocks_of_unicode_are_cut_as_tokenizers_does(name):
    tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(BUILT_IN[name]), "isolated")
    assert pretokenize(QUICK, name) == [piece for piece, _ in split.pre_tokenize_str(QUICK)]


def test_the_core_names_its_pretokenizers():
    with pytest.raises(ValueError, match="pretokenizer: expected 'gpt2'"):
        _core.piece_ends("x", b"a")
