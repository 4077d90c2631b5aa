"""Files of tokenizers: what others wrote, and what others read."""

import base64
import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from oracles.bpe_parts import byte_definition, char_definition

from fastnlp.tokenizers.bpe import BPE

TEXTS = [
    "the quick brown fox",
    "don't  stop,\n\n now\t!",
    "é ü 中文 日本語 \U0001f600",
    "  leading",
    "a1b22c333 1234567",
    "ＷＩＤＥ ſ İ ß",
    "\u3000x\u00a0y\u2028z\x85w\x1cv",
    "'S 'LL we'LL",
    "x\r\ny\r\n\r\nz",
    "",
]


def same_ids(ours, theirs, text):
    """Whether two tokenizers give the same; `theirs` is of the package tokenizers."""
    return (
        ours.encode(text, disallowed_special=()).tolist() == theirs.encode(text, add_special_tokens=False).ids
    )


@pytest.mark.parametrize("pattern", ["gpt2", "gpt4", "llama3", "o200k", "whitespace", "none", r"\p{L}+|\d"])
def test_tokenizers_reads_what_we_write_and_gives_the_same(english, tmp_path, pattern):
    pytest.importorskip("regex")
    tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
    ours = BPE(replace(english.definition, pretokenizer=pattern))
    path = tmp_path / "tokenizer.json"
    ours.save(path)
    theirs = tokenizers.Tokenizer.from_file(str(path))
    again = BPE.load(path)
    assert again.definition.pretokenizer == pattern
    for text in TEXTS:
        encoding = theirs.encode(text)
        ids, offsets = ours.encode_with_offsets(text)
        assert ids.tolist() == encoding.ids == again.encode(text).tolist()
        assert [tuple(span) for span in offsets.tolist()] == encoding.offsets
        assert theirs.decode(encoding.ids) == text
    assert theirs.encode("a<|end|>b").ids == ours.encode("a<|end|>b", allowed_special="all").tolist()


@pytest.fixture(scope="module")
def of_spaces():
    """White space, and a tokenizer with merges of it."""
    spaces = ["\n ", "\n  ", " \n", "\r\n\t", "\n\xa0", "  "]
    ends = [*spaces, *map("".join, itertools.permutations(spaces, 2))]
    return ends, BPE.train(spaces * 9, vocab_size=280, pretokenizer="none")


@pytest.mark.parametrize("pattern", ["gpt2", "gpt4", "llama3", "o200k", "whitespace", "none"])
def test_white_space_at_the_end_is_cut_alike(of_spaces, tmp_path, pattern):
    tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
    ends, trained = of_spaces
    ours = BPE(replace(trained.definition, pretokenizer=pattern))
    ours.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for end in ends:
        assert same_ids(ours, theirs, "a" + end)
        assert same_ids(ours, theirs, "a" + end + "b")


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        (
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
            r"|\s*[\r\n]+|\s+(?!\S)|\s+",
            "llama3",
        ),
        (
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
            r"|\s*[\r\n]|\s+(?!\S)|\s+",
            "llama3",
        ),
        (
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
            r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
            "gpt4",
        ),
    ],
)
def test_every_published_spelling_of_a_pattern_is_known(of_spaces, tmp_path, spelling, name):
    tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
    ends, trained = of_spaces
    path = tmp_path / "tokenizer.json"
    BPE(replace(trained.definition, pretokenizer="gpt4")).save(path)
    content = json.loads(path.read_text())
    content["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = spelling
    path.write_text(json.dumps(content))
    ours, theirs = BPE.load(path), tokenizers.Tokenizer.from_file(str(path))
    assert ours.definition.pretokenizer == name
    for end in [*ends, "'S're 12 !\r\n"]:
        assert same_ids(ours, theirs, "a" + end)
        assert same_ids(ours, theirs, "a" + end + "b")


@pytest.mark.interop
def test_transformers_reads_it_too(english, tmp_path):
    transformers = pytest.importorskip("transformers")
    english.save(tmp_path / "tokenizer.json")
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    for text in TEXTS:
        assert theirs(text)["input_ids"] == english.encode(text).tolist()
        assert theirs.decode(english.encode(text).tolist()) == text


@pytest.mark.parametrize("attached", [True, False])
@pytest.mark.parametrize("mark", ["_", "</w>", "文字"])
def test_tokenizers_reads_characters_with_a_mark(tmp_path, attached, mark):
    tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
    letters = ["a", "b", "<", "/", *(["a" + mark, "b" + mark] if attached else [mark])]
    last = "b" + mark if attached else mark
    merges = [("a", "b"), ("ab", last), ("b", last), ("<", "/")]
    settings = {"end_of_word": mark, "mark_is_symbol": not attached}
    ours = BPE(char_definition(merges, letters, **settings))
    ours.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    again = BPE.load(tmp_path / "tokenizer.json")
    assert again.definition.end_of_word == mark and again.tokens == ours.tokens
    for text in ["ab abb b", " aab\nba  X bX", "", "a</b ab</w> <", "Xab", f"a{mark[0]}b"]:
        assert ours.encode(text).tolist() == theirs.encode(text).ids == again.encode(text).tolist()
    for decode in (theirs.decode, ours.decode, again.decode):
        assert decode(ours.encode("ab  abb").tolist()) == "ab abb"


@pytest.mark.parametrize("mark", ["_", "</w>"])
def test_tokenizers_gives_the_same_for_characters_that_were_trained(tmp_path, mark):
    tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
    ours = BPE.train(
        TEXTS * 3,
        80,
        kind="char",
        end_of_word=mark,
        special_tokens=["<unk>"],
        unknown="<unk>",
        limit_alphabet=40,
    )
    ours.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in TEXTS:
        assert same_ids(ours, theirs, text), text


def test_tokenizers_reads_bytes_for_unknown_characters(tmp_path):
    tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
    letters = ["a", "b", *(f"<0x{byte:02X}>" for byte in range(256))]
    ours = BPE(char_definition([("a", "b")], letters, byte_fallback=True, unknown=-1, pretokenizer="none"))
    ours.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in ["abé 中 ab", "\U0001f600"]:
        assert ours.encode(text).tolist() == theirs.encode(text).ids
        assert theirs.decode(theirs.encode(text).ids) == text == ours.decode(ours.encode(text))


def test_we_read_what_tokenizers_trains(tmp_path):
    tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
    from tokenizers import models, pre_tokenizers, trainers

    theirs = tokenizers.Tokenizer(models.BPE(unk_token="[UNK]"))
    theirs.pre_tokenizer = pre_tokenizers.Whitespace()
    theirs.train_from_iterator(
        TEXTS * 3, trainers.BpeTrainer(vocab_size=90, special_tokens=["[UNK]", "[CLS]"], show_progress=False)
    )
    theirs.save(str(tmp_path / "tokenizer.json"))
    pytest.importorskip("regex")
    ours = BPE.load(tmp_path / "tokenizer.json")
    for text in TEXTS:
        assert same_ids(ours, theirs, text), text


def test_added_tokens_take_the_white_space_that_they_ask_for(tmp_path, english):
    tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
    english.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    theirs.add_special_tokens([tokenizers.AddedToken("<mask>", lstrip=True, special=True)])
    theirs.add_tokens([tokenizers.AddedToken("new-word", rstrip=True)])
    theirs.save(str(tmp_path / "more.json"))
    ours = BPE.load(tmp_path / "more.json")
    for text in [
        "the <mask> dog",
        "new-word  dog",
        "a \u3000<mask>new-word \n x",
        "<mask>",
        " <mask> <mask>",
    ]:
        encoding = theirs.encode(text)
        ids, offsets = ours.encode_with_offsets(text, allowed_special="all")
        assert ids.tolist() == encoding.ids
        assert [tuple(span) for span in offsets.tolist()] == encoding.offsets
    assert ours.encode("new-word")[0] == ours.token_id("new-word")  # not special, so always a token


def test_normal_forms_are_applied_first(tmp_path, english):
    tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
    ours = BPE(replace(english.definition, normalizers=("NFKC", "lowercase")))
    ours.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    again = BPE.load(tmp_path / "tokenizer.json")
    for text in ["The ＦＯＸ e\u0301", "THE LAZY"]:
        assert ours.encode(text).tolist() == theirs.encode(text).ids == again.encode(text).tolist()
    with pytest.raises(ValueError, match="normalizes it"):
        ours.encode_with_offsets("x")


def test_gpt2s_files_come_back(english, tmp_path):
    english.save(tmp_path / "gpt2", format="gpt2")
    assert (tmp_path / "gpt2" / "merges.txt").read_text().startswith("#version: 0.2\n")
    again = BPE.load(tmp_path / "gpt2", special_tokens=["<|end|>", "<|endoftext|>"])
    also = BPE.load(tmp_path / "gpt2" / "vocab.json", merges=tmp_path / "gpt2" / "merges.txt")
    for text in TEXTS:
        assert again.encode(text).tolist() == english.encode(text).tolist() == also.encode(text).tolist()
    assert again.encode("<|end|>", allowed_special="all").tolist() == [0]
    assert also.special_tokens == {"<|endoftext|>": 1}


def test_tiktoken_files_come_back(tmp_path, english):
    definition = byte_definition([(b"t", b"h"), (b"th", b"e"), (b" ", b"the"), (b"e", b"r")])
    tokenizer = BPE(definition)
    tokenizer.save(tmp_path / "own.tiktoken")
    again = BPE.load(tmp_path / "own.tiktoken", pretokenizer="gpt2", special_tokens={"<s>": 300})
    assert again.encode("the other<s>", allowed_special="all").tolist()[-1] == 300
    assert again.vocab_size == 301
    for text in TEXTS:
        assert again.encode(text).tolist() == tokenizer.encode(text).tolist()
    with pytest.raises(ValueError, match="expected pretokenizer="):
        BPE.load(tmp_path / "own.tiktoken")


def test_tiktoken_gives_the_same_for_such_a_file(tmp_path):
    tiktoken = pytest.importorskip("tiktoken")
    # A token that no merge of two tokens makes, and one that two pairs make.
    ranks = [bytes([b]) for b in range(256)] + [b"bc", b"ab", b"abc", b"xyz", b"abcab", b" a", b"ca"]
    lines = b"".join(base64.b64encode(token) + b" %d\n" % i for i, token in enumerate(ranks))
    (tmp_path / "odd.tiktoken").write_bytes(lines)
    ours = BPE.load(tmp_path / "odd.tiktoken", pretokenizer="none")
    theirs = tiktoken.Encoding(
        "odd", pat_str=r"(?s).+", mergeable_ranks={t: i for i, t in enumerate(ranks)}, special_tokens={}
    )
    draw = np.random.default_rng(1)
    for _ in range(300):
        text = "".join(draw.choice(list("abcxyz "), size=draw.integers(1, 30)))
        assert ours.encode(text).tolist() == theirs.encode(text)
    assert ours.encode("xyz").tolist() == [259]


def test_codes_of_subword_nmt_segment_as_it_does(data):
    tokenizer = BPE.load(data / "bpe_ref" / "subword-nmt.bpe.ref")
    lines = (data / "bpe_ref" / "subword-nmt.corpus.en").read_text(encoding="utf-8").splitlines()
    segmented = (data / "bpe_ref" / "subword-nmt.corpus.bpe.ref.en").read_text(encoding="utf-8").splitlines()
    compared = 0
    for line, right in zip(lines, segmented, strict=True):
        ids, offsets = tokenizer.encode_with_offsets(line)
        # A character that the codes do not have is unknown; what it is says the line.
        words = line.split()
        ends = {int(end) for end in np.cumsum([len(w) + 1 for w in line.split(" ")]) - 1}
        pieces = [line[a:b] + ("" if b in ends or b == len(line) else "@@") for a, b in offsets.tolist()]
        assert " ".join(pieces) == right.strip(), words
        compared += len(ids)
    assert compared > 30_000


def test_codes_come_back(tmp_path):
    text = "#version: 0.2\nt h\nth e</w>\n"
    (tmp_path / "codes").write_text(text)
    tokenizer = BPE.load(tmp_path / "codes")
    assert tokenizer.tokenize("the th") == ["the</w>", "t", "h</w>"]
    tokenizer.save(tmp_path / "again", format="subword-nmt")
    assert (tmp_path / "again").read_text() == text
    (tmp_path / "old").write_text("t h\nth e\nthe </w>\n")
    old = BPE.load(tmp_path / "old", format="subword-nmt")
    assert old.tokenize("the th") == ["the</w>", "th", "</w>"]


class TestRealFiles:
    def test_gpt2s_ids_are_those_of_tokenizers(self, gpt2, stress, tmp_path):
        tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
        gpt2.save(tmp_path / "tokenizer.json")
        theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
        for name, text in stress.items():
            encoding = theirs.encode(text)
            ids, offsets = gpt2.encode_with_offsets(text)
            assert np.array_equal(ids, encoding.ids), name
            assert np.array_equal(gpt2.encode(text), ids), name
            assert np.array_equal(offsets, np.array(encoding.offsets)), name
            assert gpt2.decode(ids) == text, name

    def test_gpt2s_ids_are_those_of_tiktoken(self, gpt2, stress):
        tiktoken = pytest.importorskip("tiktoken")
        theirs = tiktoken.Encoding(
            "gpt2",
            pat_str=r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
            mergeable_ranks={gpt2.token_bytes(i): i for i in range(50256)},
            special_tokens={"<|endoftext|>": 50256},
        )
        for name, text in stress.items():
            assert np.array_equal(gpt2.encode(text), theirs.encode_ordinary(text)), name

    def test_gpt2s_ids_are_those_of_transformers(self, gpt2, data, tmp_path):
        transformers = pytest.importorskip("transformers")
        gpt2.save(tmp_path / "tokenizer.json")
        theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
        text = (data / "text" / "blns.txt").read_text(encoding="utf-8")
        assert theirs(text)["input_ids"] == gpt2.encode(text).tolist()


def test_a_post_processor_is_kept(english, tmp_path):
    tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
    english.save(tmp_path / "plain.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "plain.json"))
    theirs.add_special_tokens(["<s>", "</s>"])
    begin, end = theirs.token_to_id("<s>"), theirs.token_to_id("</s>")
    theirs.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", begin), ("</s>", end)]
    )
    theirs.save(str(tmp_path / "theirs.json"))
    ours = BPE.load(tmp_path / "theirs.json")
    ours.save(tmp_path / "ours.json")
    again = tokenizers.Tokenizer.from_file(str(tmp_path / "ours.json"))
    inner = ours.encode("a rose").tolist()
    assert theirs.encode("a rose", add_special_tokens=False).ids == inner
    assert again.encode("a rose").ids == theirs.encode("a rose").ids == [begin, *inner, end]
    assert ours.encode("a rose", add_special_tokens=True).tolist() == [begin, *inner, end]
