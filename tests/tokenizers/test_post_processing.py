"""Special tokens around texts: what the package tokenizers adds for the same post-processor."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnlp import BPE, WordPiece
from fastnlp.tokenizers.definition import SpecialToken
from fastnlp.tokenizers.post_processing import read, shortened

BERT = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
ROBERTA = BERT | {"type": "RobertaProcessing", "trim_offsets": True, "add_prefix_space": False}
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
SPECIAL = {
    "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
    "end": {"id": "end", "ids": [3, 4], "tokens": ["[SEP]", "[MASK]"]},
}


def template(single, pair):
    """A template, written as "[CLS] $A:0 end:1"."""

    def piece(word):
        name, _, number = word.partition(":")
        kind = "Sequence" if name.startswith("$") else "SpecialToken"
        return {kind: {"id": name.removeprefix("$"), "type_id": int(number or 0)}}

    parts = {"single": list(map(piece, single.split())), "pair": list(map(piece, pair.split()))}
    return {"type": "TemplateProcessing", **parts, "special_tokens": SPECIAL}


def sequence(*steps):
    return {"type": "Sequence", "processors": list(steps)}


LLAMA3 = sequence(BYTE_LEVEL, template("[CLS] $A", "[CLS] $A [CLS]:1 $B:1"))
KNOWN = [
    None,
    BERT,
    ROBERTA,
    BYTE_LEVEL,
    LLAMA3,
    template("[CLS]:2 $A:0", "[CLS]:2 $A:0 end:0 $B:1 end:1"),
    template("$A:7 end:9", "end $B:1 [CLS]:3 end:4 $A:2 [CLS]"),
    template("$A", "$A $B"),
    sequence(),
    sequence(sequence(ROBERTA), BYTE_LEVEL),
]


@st.composite
def templates(draw):
    words = st.lists(st.sampled_from(["[CLS]", "end:1", "end", "[CLS]:3"]), max_size=2).map(" ".join)
    number = st.integers(0, 3)
    front, middle, back = draw(words), draw(words), draw(words)
    texts = draw(st.permutations("AB"))
    pair = f"{front} ${texts[0]}:{draw(number)} {middle} ${texts[1]}:{draw(number)} {back}"
    return template(f"{front} $A:{draw(number)} {back}", pair)


def word_pieces(post_processor):
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##a", "##b"]
    return WordPiece(vocab, post_processor=post_processor)


@pytest.fixture(scope="module")
def byte_pairs(english):
    """A maker of tokenizers whose special tokens have the ids that the post-processors above name."""
    definition = english.definition
    names = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")
    shift = len(names) - len(definition.special_tokens)
    base = replace(
        definition,
        tokens=[*(name.encode() for name in names), *definition.tokens[len(definition.special_tokens) :]],
        merges=definition.merges + np.int32(shift),
        merged=definition.merged + np.int32(shift),
        special_tokens=tuple(SpecialToken(name, i) for i, name in enumerate(names)),
    )
    return lambda post_processor: BPE(replace(base, post_processor=post_processor))


def theirs_of(ours, folder):
    tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
    ours.save(folder / "tokenizer.json")
    return tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))


def check_same(ours, theirs, first, second):
    for add in (False, True):
        right = theirs.encode(first, add_special_tokens=add)
        assert ours.encode(first, add_special_tokens=add).tolist() == right.ids
        assert [found.tolist() for found in ours.encode_pair(first, add_special_tokens=add)] == [
            right.ids,
            right.type_ids,
        ]
        batch = ours.encode_batch([first, "", second], add_special_tokens=add)
        rights = theirs.encode_batch([first, "", second], add_special_tokens=add)
        assert batch.tolist() == [each.ids for each in rights]
        right = theirs.encode(first, second, add_special_tokens=add)
        ids, types = ours.encode_pair(first, second, add_special_tokens=add)
        assert (ids.tolist(), types.tolist()) == (right.ids, right.type_ids)
    assert ours.encode_pair(first, second)[0].dtype == ids.dtype == types.dtype == np.int32
    assert ours.encode(first).tolist() == theirs.encode(first, add_special_tokens=False).ids  # the default


@pytest.mark.parametrize("post_processor", KNOWN)
def test_byte_pairs_get_what_tokenizers_adds(byte_pairs, tmp_path, post_processor):
    ours = byte_pairs(post_processor)
    theirs = theirs_of(ours, tmp_path)
    again = BPE.load(tmp_path / "tokenizer.json")
    for first, second in (("the lazy dog", "a fox"), ("", ""), ("中 é", ""), ("", "x")):
        check_same(ours, theirs, first, second)
        check_same(again, theirs, first, second)


@pytest.mark.parametrize("post_processor", KNOWN[1:])
def test_word_pieces_get_what_tokenizers_adds(tmp_path, post_processor):
    ours = word_pieces(post_processor)
    theirs = theirs_of(ours, tmp_path)
    again = pickle.loads(pickle.dumps(WordPiece.load(tmp_path / "tokenizer.json")))
    for first, second in (("ab ba", "a x"), ("", "b")):
        check_same(ours, theirs, first, second)
        check_same(again, theirs, first, second)


@settings(max_examples=40)
@given(templates(), st.text(max_size=8), st.text("aeh the", max_size=8))
def test_any_template_is_followed(byte_pairs, tmp_path_factory, post_processor, first, second):
    theirs = theirs_of(ours := byte_pairs(post_processor), tmp_path_factory.mktemp("any"))
    check_same(ours, theirs, first, second)


@settings(max_examples=60)
@given(
    st.sampled_from([BERT, ROBERTA, KNOWN[6], KNOWN[7]]), st.integers(0, 12), st.integers(0, 12), st.data()
)
def test_pairs_are_shortened_as_tokenizers_does(byte_pairs, tmp_path_factory, step, one, other, data):
    theirs = theirs_of(ours := byte_pairs(step), tmp_path_factory.mktemp("short"))
    least = theirs.num_special_tokens_to_add(is_pair=True)
    longest = data.draw(st.integers(least + 1, least + 20))
    theirs.enable_truncation(longest)
    texts = "7" * one, "7" * other  # a token each
    right = theirs.encode(*texts)
    ids, types = ours.encode_pair(*texts, max_length=longest)
    assert (ids.tolist(), types.tolist()) == (right.ids, right.type_ids)
    with pytest.raises(ValueError, match=f"max_length: expected at least {least}, got {least - 1}"):
        ours.encode_pair(*texts, max_length=least - 1)


def test_added_tokens_have_no_place_in_the_text(byte_pairs, tmp_path):
    ours = byte_pairs(KNOWN[6])
    theirs = theirs_of(ours, tmp_path)
    for text in ("the lazy dog", ""):
        ids, offsets = ours.encode_with_offsets(text, add_special_tokens=True)
        right = theirs.encode(text)
        assert ids.tolist() == right.ids and offsets.tolist() == [list(span) for span in right.offsets]


def test_a_file_without_a_post_processor_adds_nothing(tmp_path):
    word_pieces(None).save(tmp_path / "bert.json")
    content = json.loads((tmp_path / "bert.json").read_text())
    assert content["post_processor"] == BERT
    (tmp_path / "none.json").write_text(json.dumps(content | {"post_processor": None}))
    ours = WordPiece.load(tmp_path / "none.json")
    check_same(ours, theirs_of(ours, tmp_path), "a b", "b")
    assert ours.encode_pair("a", "b")[0].tolist() == [5, 6]


def test_a_vocabulary_without_the_tokens_is_refused_when_they_are_to_be_added():
    plain = WordPiece(["[UNK]", "a"])
    assert plain.encode_pair("a", "a", add_special_tokens=False)[1].tolist() == [0, 1]
    for call in (plain.encode, plain.encode_pair):
        with pytest.raises(ValueError, match=r"vocab: expected the tokens \[CLS\] and \[SEP\] to add"):
            call("a", add_special_tokens=True)
    with pytest.raises(ValueError, match=r"vocab: expected the tokens \[CLS\]"):
        plain.encode_batch(["a"], add_special_tokens=True)


A, B = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}
WRONG = [
    ("BertProcessing", "post_processor: expected an object or null, got str"),
    ({"type": "Other"}, "post_processor.type: expected one of BertProcessing, .*, got 'Other'"),
    ({}, "post_processor.type: expected one of .*, got None"),
    ({"type": "Sequence"}, "post_processor.processors: expected a list, got NoneType"),
    (sequence(BYTE_LEVEL, {"type": "x"}), r"post_processor.processors\[1\].type: expected one of"),
    (sequence(BERT, sequence(ROBERTA)), "expected one step that adds special tokens, got 2"),
    (BERT | {"cls": 2}, "post_processor.cls: expected a token and its id, got 2"),
    (BERT | {"sep": ["[SEP]", True]}, "post_processor.sep: expected a token and its id"),
    (BERT | {"sep": ["[SEP]", 10]}, r"expected ids of special tokens in \[0, 10\), got 10"),
    (BERT | {"sep": ["[SEP]", -1]}, r"expected ids of special tokens in \[0, 10\), got -1"),
    (template("[CLS]", "$A $B"), "post_processor.single: expected a list with Sequence A once"),
    (template("$A $A", "$A $B"), "post_processor.single: expected a list with Sequence A once"),
    (template("$A", "$A"), "post_processor.pair: expected a list with Sequence A and B once"),
    (template("$B", "$A $B"), r"post_processor.single\[0\]: expected Sequence A, or"),
    (template("$A", "$A $B other"), r"post_processor.pair\[2\]: .* SpecialToken with ids in special_tokens"),
    (template("$A", "$A $B") | {"pair": "$A $B"}, "post_processor.pair: expected a list"),
    (template("$A", "$A $B") | {"pair": [A, B | {"x": 1}]}, r"post_processor.pair\[1\]: expected"),
    (template("$A", "$A $B") | {"special_tokens": []}, "post_processor.special_tokens: expected an object"),
    (template("[CLS] $A", "$A $B") | {"special_tokens": {"[CLS]": {"ids": 2}}}, r"single\[0\]: expected"),
    (template("[CLS] $A", "$A $B") | {"special_tokens": {"[CLS]": {"ids": [99]}}}, "got 99"),
]


@pytest.mark.parametrize(("step", "message"), WRONG)
def test_what_is_not_known_is_refused(step, message):
    with pytest.raises(ValueError, match=message):
        read(step, 10)


def test_a_file_that_is_refused_is_named(byte_pairs, tmp_path):
    for ours, kind in ((byte_pairs(BERT), BPE), (word_pieces(None), WordPiece)):
        path = tmp_path / f"{kind.__name__}.json"
        ours.save(path)
        path.write_text(json.dumps(json.loads(path.read_text()) | {"post_processor": {"type": "x"}}))
        with pytest.raises(ValueError, match=rf"{path.name}: post_processor.type: expected one of"):
            kind.load(path)


def test_the_longer_text_gives_way_first():
    rows = [np.arange(n, dtype=np.int32) for n in (7, 3)]
    assert [len(row) for row in shortened(rows, 6)] == [3, 3]
    assert [len(row) for row in shortened(rows, 5)] == [3, 2]
    assert [len(row) for row in shortened(rows[:1], 4)] == [4]
