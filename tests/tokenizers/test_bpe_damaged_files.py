"""Files of tokenizers that are damaged, cut short or of another kind, and what a format cannot hold."""

import base64
import json
from dataclasses import replace

import pytest
from oracles.bpe_parts import byte_definition, char_definition

from fastnlp.tokenizers import tokenizer_json
from fastnlp.tokenizers.bpe import BPE


@pytest.fixture
def content(english, tmp_path):
    english.save(tmp_path / "tokenizer.json")
    return json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))


def load(tmp_path, content):
    (tmp_path / "bad.json").write_text(json.dumps(content), encoding="utf-8")
    return BPE.load(tmp_path / "bad.json")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_cut_short_is_an_error_that_names_it(english, tmp_path, share):
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
        (
            lambda c: c["model"].update(end_of_word_suffix="\ud800"),
            "model.end_of_word_suffix: expected a text",
        ),
        (lambda c: c["added_tokens"].append({"content": "x"}), r"added_tokens\[2\]"),
        (lambda c: c["added_tokens"].append({"content": "x", "id": 5}), "expected a free id"),
        (lambda c: c["added_tokens"][0].update(single_word=True), "single_word"),
        (lambda c: c.update(added_tokens={"a": 1}), "added_tokens: expected"),
        (lambda c: c.update(normalizer={"type": "BertNormalizer"}), "normalizer: expected"),
        (
            lambda c: c.update(
                normalizer={"type": "Replace", "pattern": {"Regex": r"(?<=\S)(?=\s|$)"}, "content": "</w>"}
            ),
            "normalizer: expected one character behind each word, got '</w>'",
        ),
        (lambda c: c.update(pre_tokenizer={"type": "Metaspace"}), "pre_tokenizer: expected"),
        (lambda c: c["pre_tokenizer"].update(add_prefix_space=True), "add_prefix_space"),
        (lambda c: c["model"]["vocab"].update({"no byte \u4e2d": 9999}), "stands for no byte"),
        (lambda c: c.update(model=None), "expected a tokenizer.json"),
    ],
)
def test_what_is_wrong_in_a_tokenizer_json_is_named(tmp_path, content, change, message):
    change(content)
    with pytest.raises(ValueError, match=rf"\.json: .*{message}"):
        load(tmp_path, content)


@pytest.mark.parametrize(
    ("lines", "message"),
    [("#version: 0.2\na b\nab\n", "line 3"), ("a b c\n", "line 1"), ("a zz\n", "'zz' is none"),
     ("a b\na b\n", "merges|none")],
)  # fmt: skip
def test_a_damaged_list_of_merges_is_an_error(english, tmp_path, lines, message):
    english.save(tmp_path / "g", format="gpt2")
    (tmp_path / "g" / "merges.txt").write_text(lines)
    with pytest.raises(ValueError, match=message):
        BPE.load(tmp_path / "g")


@pytest.mark.parametrize("end", ["\n", ""])
def test_a_list_of_merges_that_is_cut_short_is_an_error(english, tmp_path, end):
    english.save(tmp_path / "g", format="gpt2")
    lines = (tmp_path / "g" / "merges.txt").read_text().split("\n")
    kept = lines[: len(lines) // 2] if end else lines[:-2]
    (tmp_path / "g" / "merges.txt").write_text("\n".join(kept) + end)
    with pytest.raises(ValueError, match="cut short"):
        BPE.load(tmp_path / "g")


def test_tokens_that_no_merge_makes_may_stand_in_a_vocabulary(english, tmp_path):
    english.save(tmp_path / "g", format="gpt2")
    content = json.loads((tmp_path / "g" / "vocab.json").read_text())
    content |= {"<pad>": len(content), "<mask>": len(content) + 1}
    (tmp_path / "g" / "vocab.json").write_text(json.dumps(content))
    assert len(BPE.load(tmp_path / "g")) == len(content)


def test_they_may_where_the_last_merge_has_no_line_end(english, tmp_path):
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


def test_a_vocabulary_without_merges_is_an_error(english, tmp_path):
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
def test_a_damaged_tiktoken_file_is_an_error(tmp_path, line, message):
    (tmp_path / "x.tiktoken").write_bytes(b"YQ== 97\n" + line + b"\n")
    with pytest.raises(ValueError, match=message):
        BPE.load(tmp_path / "x.tiktoken", pretokenizer="gpt2")


def test_a_published_tiktoken_file_that_is_cut_at_a_line_end_is_an_error(tmp_path):
    ranks = b"".join(base64.b64encode(bytes([i])) + b" %d\n" % i for i in range(256))
    for name in ("r50k_base", "cl100k_base"):
        (tmp_path / f"{name}.tiktoken").write_bytes(ranks)
        with pytest.raises(ValueError, match=rf"{name}\.tiktoken: expected .* got 256; .*cut short"):
            BPE.load(tmp_path / f"{name}.tiktoken")
    (tmp_path / "mine.tiktoken").write_bytes(ranks)
    assert len(BPE.load(tmp_path / "mine.tiktoken", pretokenizer="gpt4")) == 256


def test_codes_that_join_what_nothing_made_are_an_error(tmp_path):
    (tmp_path / "codes").write_text("#version: 0.2\nt h\ntha e</w>\n")
    with pytest.raises(ValueError, match="none before makes 'tha'"):
        BPE.load(tmp_path / "codes")


def test_other_files_are_no_tokenizers(tmp_path):
    (tmp_path / "x").write_bytes(b"\x00\x01")
    with pytest.raises(ValueError, match="no known format"):
        BPE.load(tmp_path / "x")
    with pytest.raises(ValueError, match="format: expected one of"):
        BPE.load(tmp_path / "x", format="sentencepiece")
    with pytest.raises(FileNotFoundError):
        BPE.load(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match=r"folder with tokenizer\.json"):
        BPE.load(tmp_path)


def test_formats_refuse_what_they_cannot_hold(tmp_path, english):
    words = BPE(char_definition([], "ab", end_of_word="_", mark_is_symbol=False))
    for name in ("gpt2", "tiktoken", "subword-nmt"):
        with pytest.raises(ValueError, match="format: expected"):
            words.save(tmp_path / "x", format=name)
    with pytest.raises(ValueError, match="path: expected a name"):
        english.save(tmp_path / "x.model")
    backwards = byte_definition([(b"a", b"b"), (b"c", b"d")])
    backwards = replace(backwards, merges=backwards.merges[::-1], merged=backwards.merged[::-1])
    with pytest.raises(ValueError, match="order of their ids"):
        BPE(backwards).save(tmp_path / "x.tiktoken")


@pytest.mark.parametrize("kind", ["tokenizer.json", "gpt2"])
def test_a_token_that_is_spelled_like_a_special_one_is_not_lost(tmp_path, kind):
    bpe = BPE.train(["the the the"], 261, special_tokens=["Ġthe"])
    with pytest.raises(
        ValueError, match="expected tokens that it can tell apart, got 'Ġthe' for both 0 and 2"
    ):
        bpe.save(tmp_path / "new", format=kind)
    assert not list(tmp_path.iterdir())
    bpe.save(tmp_path / "t.tiktoken")


def test_a_failed_save_leaves_the_old_file(english, tmp_path, monkeypatch):
    english.save(tmp_path / "tokenizer.json")
    before = (tmp_path / "tokenizer.json").read_bytes()
    monkeypatch.setattr(tokenizer_json, "write", lambda definition: {"model": "\ud800"})
    with pytest.raises(UnicodeEncodeError):
        english.save(tmp_path / "tokenizer.json")
    assert (tmp_path / "tokenizer.json").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["tokenizer.json"]
