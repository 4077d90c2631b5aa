"""Files of tokenizers: what others wrote, what others read, and what is damaged."""

import base64
import json

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


@pytest.mark.parametrize("pattern", ["gpt2", "gpt4", "o200k", "whitespace", "none", r"\p{L}+|\d"])
def test_tokenizers_reads_what_we_write_and_gives_the_same(english, tmp_path, pattern):
    from dataclasses import replace

    pytest.importorskip("regex")
    tokenizers = pytest.importorskip("tokenizers")
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


@pytest.mark.interop
def test_transformers_reads_it_too(english, tmp_path):
    transformers = pytest.importorskip("transformers")
    english.save(tmp_path / "tokenizer.json")
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    for text in TEXTS:
        assert theirs(text)["input_ids"] == english.encode(text).tolist()
        assert theirs.decode(english.encode(text).tolist()) == text


@pytest.mark.parametrize("attached", [True, False])
def test_tokenizers_reads_characters_with_a_mark(tmp_path, attached):
    tokenizers = pytest.importorskip("tokenizers")
    letters = ["a", "b", "a</w>", "b</w>"] if attached else ["a", "b", "_"]
    last = "b</w>" if attached else "_"
    merges = [("a", "b"), ("ab", last), ("b", last)]
    settings = {"end_of_word": "</w>" if attached else "_", "mark_is_symbol": not attached}
    ours = BPE(char_definition(merges, letters, **settings))
    ours.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    again = BPE.load(tmp_path / "tokenizer.json")
    for text in ["ab abb b", " aab\nba  X bX", ""]:
        assert ours.encode(text).tolist() == theirs.encode(text).ids == again.encode(text).tolist()
    assert theirs.decode(theirs.encode("ab  abb").ids) == ours.decode(ours.encode("ab  abb")) == "ab abb"


def test_tokenizers_reads_bytes_for_unknown_characters(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    letters = ["a", "b", *(f"<0x{byte:02X}>" for byte in range(256))]
    ours = BPE(char_definition([("a", "b")], letters, byte_fallback=True, unknown=-1, pretokenizer="none"))
    ours.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in ["abé 中 ab", "\U0001f600"]:
        assert ours.encode(text).tolist() == theirs.encode(text).ids
        assert theirs.decode(theirs.encode(text).ids) == text == ours.decode(ours.encode(text))


def test_we_read_what_tokenizers_trains(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
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
    tokenizers = pytest.importorskip("tokenizers")
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
    tokenizers = pytest.importorskip("tokenizers")
    from dataclasses import replace

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
        tokenizers = pytest.importorskip("tokenizers")
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


class TestDamage:
    @pytest.fixture
    def content(self, english, tmp_path):
        english.save(tmp_path / "tokenizer.json")
        return json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))

    def load(self, tmp_path, content):
        (tmp_path / "bad.json").write_text(json.dumps(content), encoding="utf-8")
        return BPE.load(tmp_path / "bad.json")

    @pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
    def test_a_file_cut_short_is_an_error_that_names_it(self, english, tmp_path, share):
        english.save(tmp_path / "tokenizer.json")
        content = (tmp_path / "tokenizer.json").read_bytes()
        (tmp_path / "bad.json").write_bytes(content[: int(len(content) * share)])
        with pytest.raises(ValueError, match=r"bad\.json: "):
            BPE.load(tmp_path / "bad.json")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda c: c["model"].update(type="WordPiece"), "model.type: expected 'BPE', got 'WordPiece'"),
            (lambda c: c["model"].update(vocab=[]), "model.vocab: expected an object"),
            (lambda c: c["model"]["vocab"].update(x=-1), r"model.vocab\['x'\]: expected an id"),
            (lambda c: c["model"]["vocab"].update(x="1"), r"model.vocab\['x'\]: expected an id"),
            (lambda c: c["model"]["vocab"].update(x=1 << 40), r"model.vocab\['x'\]: expected an id"),
            (lambda c: c["model"]["vocab"].update(x=5), "expected distinct ids"),
            (lambda c: c["model"].update(merges="x"), "model.merges: expected a list"),
            (lambda c: c["model"]["merges"].append(["a"]), "expected two tokens"),
            (lambda c: c["model"]["merges"].append("a b c"), "expected two tokens"),
            (lambda c: c["model"]["merges"].append(["q", "qq"]), "'qq' is none"),
            (lambda c: c["model"]["merges"].append(c["model"]["merges"][0]), "distinct merges"),
            (lambda c: c["model"].update(continuing_subword_prefix="##"), "continuing_subword_prefix"),
            (lambda c: c["model"].update(unk_token="nope"), "model.unk_token"),
            (lambda c: c["model"].update(unk_token=["a"]), "model.unk_token: expected a token"),
            (lambda c: c["model"].update(end_of_word_suffix=1), "model.end_of_word_suffix: expected a text"),
            (lambda c: c["added_tokens"].append({"content": "x"}), r"added_tokens\[2\]"),
            (lambda c: c["added_tokens"].append({"content": "x", "id": 5}), "expected a free id"),
            (lambda c: c["added_tokens"][0].update(single_word=True), "single_word"),
            (lambda c: c.update(added_tokens={"a": 1}), "added_tokens: expected"),
            (lambda c: c.update(normalizer={"type": "BertNormalizer"}), "normalizer: expected"),
            (lambda c: c.update(pre_tokenizer={"type": "Metaspace"}), "pre_tokenizer: expected"),
            (lambda c: c["pre_tokenizer"].update(add_prefix_space=True), "add_prefix_space"),
            (lambda c: c["model"]["vocab"].update({"no byte \u4e2d": 9999}), "stands for no byte"),
            (lambda c: c.update(model=None), "expected a tokenizer.json"),
        ],
    )
    def test_what_is_wrong_in_a_tokenizer_json_is_named(self, tmp_path, content, change, message):
        change(content)
        with pytest.raises(ValueError, match=message):
            self.load(tmp_path, content)

    @pytest.mark.parametrize(
        ("lines", "message"),
        [("#version: 0.2\na b\nab\n", "line 3"), ("a b c\n", "line 1"), ("a zz\n", "'zz' is none"),
         ("a b\na b\n", "merges|none")],
    )  # fmt: skip
    def test_a_damaged_list_of_merges_is_an_error(self, english, tmp_path, lines, message):
        english.save(tmp_path / "g", format="gpt2")
        (tmp_path / "g" / "merges.txt").write_text(lines)
        with pytest.raises(ValueError, match=message):
            BPE.load(tmp_path / "g")

    @pytest.mark.parametrize("end", ["\n", ""])
    def test_a_list_of_merges_that_is_cut_short_is_an_error(self, english, tmp_path, end):
        english.save(tmp_path / "g", format="gpt2")
        lines = (tmp_path / "g" / "merges.txt").read_text().split("\n")
        kept = lines[: len(lines) // 2] if end else lines[:-2]
        (tmp_path / "g" / "merges.txt").write_text("\n".join(kept) + end)
        with pytest.raises(ValueError, match="cut short"):
            BPE.load(tmp_path / "g")

    def test_tokens_that_no_merge_makes_may_stand_in_a_vocabulary(self, english, tmp_path):
        english.save(tmp_path / "g", format="gpt2")
        content = json.loads((tmp_path / "g" / "vocab.json").read_text())
        content |= {"<pad>": len(content), "<mask>": len(content) + 1}
        (tmp_path / "g" / "vocab.json").write_text(json.dumps(content))
        assert len(BPE.load(tmp_path / "g")) == len(content)

    def test_they_may_where_the_last_merge_has_no_line_end(self, english, tmp_path):
        english.save(tmp_path / "g", format="gpt2")
        content = json.loads((tmp_path / "g" / "vocab.json").read_text())
        content["<mask>"] = len(content)
        (tmp_path / "g" / "vocab.json").write_text(json.dumps(content))
        merges = tmp_path / "g" / "merges.txt"
        merges.write_text(merges.read_text().removesuffix("\n"))
        assert len(BPE.load(tmp_path / "g")) == len(content)
        merges.write_text("\n".join(merges.read_text().split("\n")[:-1]))
        with pytest.raises(ValueError, match=r"got none for 1, such as .* cut short"):
            BPE.load(tmp_path / "g")

    def test_a_vocabulary_without_merges_is_an_error(self, english, tmp_path):
        english.save(tmp_path / "g", format="gpt2")
        (tmp_path / "g" / "merges.txt").unlink()
        with pytest.raises(ValueError, match="without merges"):
            BPE.load(tmp_path / "g")
        with pytest.raises(FileNotFoundError):
            BPE.load(tmp_path / "g" / "merges.txt")

    @pytest.mark.parametrize(
        ("line", "message"),
        [(b"!!! 3", "line 2: expected a token in base64"), (b"YQ==", "line 2"), (b"YQ== x", "line 2"),
         (b"YQ== -4", "rank in"), (b"enp6 97", "distinct ranks")],
    )  # fmt: skip
    def test_a_damaged_tiktoken_file_is_an_error(self, tmp_path, line, message):
        (tmp_path / "x.tiktoken").write_bytes(b"YQ== 97\n" + line + b"\n")
        with pytest.raises(ValueError, match=message):
            BPE.load(tmp_path / "x.tiktoken", pretokenizer="gpt2")

    def test_a_published_tiktoken_file_that_is_cut_at_a_line_end_is_an_error(self, tmp_path):
        ranks = b"".join(base64.b64encode(bytes([i])) + b" %d\n" % i for i in range(256))
        for name in ("r50k_base", "cl100k_base"):
            (tmp_path / f"{name}.tiktoken").write_bytes(ranks)
            with pytest.raises(ValueError, match=rf"{name}\.tiktoken: expected .* got 256; .*cut short"):
                BPE.load(tmp_path / f"{name}.tiktoken")
        (tmp_path / "mine.tiktoken").write_bytes(ranks)
        assert len(BPE.load(tmp_path / "mine.tiktoken", pretokenizer="gpt4")) == 256

    def test_codes_that_join_what_nothing_made_are_an_error(self, tmp_path):
        (tmp_path / "codes").write_text("#version: 0.2\nt h\ntha e</w>\n")
        with pytest.raises(ValueError, match="none before makes 'tha'"):
            BPE.load(tmp_path / "codes")

    def test_other_files_are_no_tokenizers(self, tmp_path):
        (tmp_path / "x").write_bytes(b"\x00\x01")
        with pytest.raises(ValueError, match="no known format"):
            BPE.load(tmp_path / "x")
        with pytest.raises(ValueError, match="format: expected one of"):
            BPE.load(tmp_path / "x", format="sentencepiece")
        with pytest.raises(FileNotFoundError):
            BPE.load(tmp_path / "nothing")
        with pytest.raises(FileNotFoundError, match=r"folder with tokenizer\.json"):
            BPE.load(tmp_path)

    def test_formats_refuse_what_they_cannot_hold(self, tmp_path, english):
        words = BPE(char_definition([], "ab", end_of_word="_", mark_is_symbol=False))
        for name in ("gpt2", "tiktoken", "subword-nmt"):
            with pytest.raises(ValueError, match="format: expected"):
                words.save(tmp_path / "x", format=name)
        with pytest.raises(ValueError, match="path: expected a name"):
            english.save(tmp_path / "x.model")
        backwards = byte_definition([(b"a", b"b"), (b"c", b"d")])
        from dataclasses import replace

        backwards = replace(backwards, merges=backwards.merges[::-1], merged=backwards.merged[::-1])
        with pytest.raises(ValueError, match="order of their ids"):
            BPE(backwards).save(tmp_path / "x.tiktoken")

    def test_a_failed_save_leaves_the_old_file(self, english, tmp_path, monkeypatch):
        from fastnlp.tokenizers import tokenizer_json

        english.save(tmp_path / "tokenizer.json")
        before = (tmp_path / "tokenizer.json").read_bytes()
        monkeypatch.setattr(tokenizer_json, "write", lambda definition: {"model": "\ud800"})
        with pytest.raises(UnicodeEncodeError):
            english.save(tmp_path / "tokenizer.json")
        assert (tmp_path / "tokenizer.json").read_bytes() == before
        assert [file.name for file in tmp_path.iterdir()] == ["tokenizer.json"]


def test_a_post_processor_is_kept(english, tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
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
