import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from fastnlp import BPE, BertConfig, BertForPreTraining, BertModel, WordPiece
from fastnlp.io.arrays_file import map_arrays, write_arrays
from fastnlp.models.bert import texts as texts_module

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "##s", "."]
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}


def small(**settings):
    torch.manual_seed(3)
    model = BertForPreTraining(BertConfig(10, **{**SIZES, "initializer_range": 0.3, **settings})).eval()
    model.tokenizer = WordPiece(TOKENS)
    return model


INPUT = torch.tensor([[2, 5, 6, 3, 7, 3], [2, 5, 3, 7, 0, 0]])
SEGMENTS = torch.tensor([[0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 0, 0]])
LENGTHS = torch.tensor([6, 4])


def outputs(model):
    with torch.no_grad():
        return model(INPUT, SEGMENTS, LENGTHS, torch.arange(6).expand(2, 6))


@pytest.mark.parametrize(
    "settings", [{}, {"tie_word_embeddings": False}, {"norm": "pre", "positions": "rotary", "bias": False}]
)
def test_what_is_saved_is_read_back_bit_by_bit(tmp_path, settings):
    model = small(**settings)
    model.save_pretrained(tmp_path / "model")
    again = BertForPreTraining.from_pretrained(tmp_path / "model")
    assert again.config == model.config
    assert again.tokenizer.tokens == TOKENS
    assert not again.training
    assert all(p.requires_grad for p in again.parameters())
    for one, other in zip(outputs(model), outputs(again), strict=True):
        assert torch.equal(one, other)
    encoder = BertModel.from_pretrained(tmp_path / "model")
    assert torch.equal(encoder(INPUT)[0], model.bert(INPUT)[0])
    model.save_pretrained(tmp_path / "model")  # over itself
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


@pytest.mark.interop
@pytest.mark.parametrize("settings", [{}, {"tie_word_embeddings": False, "hidden_act": "gelu_new"}])
def test_transformers_loads_all_of_it_and_gives_the_same_logits(tmp_path, settings):
    transformers = pytest.importorskip("transformers")
    model = small(**settings)
    with torch.no_grad():
        model.cls.predictions.bias.normal_()
    model.save_pretrained(tmp_path / "model")
    theirs, report = transformers.BertForPreTraining.from_pretrained(
        tmp_path / "model", output_loading_info=True
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert not report["mismatched_keys"]
    mask = (torch.arange(6) < LENGTHS[:, None]).long()
    with torch.no_grad():
        out = theirs.eval()(INPUT, attention_mask=mask, token_type_ids=SEGMENTS)
    ours = outputs(model)
    real = mask.bool()
    torch.testing.assert_close(ours.mlm_logits[real], out.prediction_logits[real], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours.nsp_logits, out.seq_relationship_logits, atol=1e-5, rtol=1e-5)

    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "model")
    theirs_ids = tokenizer("The cats sat.", "the cat")
    ids, types = model.tokenizer.encode_pair("The cats sat.", "the cat")
    assert theirs_ids["input_ids"] == ids.tolist()
    assert theirs_ids["token_type_ids"] == types.tolist()
    assert tokenizer.mask_token == "[MASK]"

    theirs.save_pretrained(tmp_path / "theirs")
    again = BertForPreTraining.from_pretrained(tmp_path / "theirs")
    for one, other in zip(ours, outputs(again), strict=True):
        assert torch.equal(one, other)


@pytest.mark.interop
def test_a_model_of_words_alone_is_transformers_bert_for_masked_lm(tmp_path):
    transformers = pytest.importorskip("transformers")
    model = small(next_sentence=False)
    model.save_pretrained(tmp_path / "model")
    theirs, report = transformers.BertForMaskedLM.from_pretrained(
        tmp_path / "model", output_loading_info=True
    )
    assert not (report["missing_keys"] or report["unexpected_keys"])
    with torch.no_grad():
        logits = theirs.eval()(INPUT[:1], token_type_ids=SEGMENTS[:1]).logits
    torch.testing.assert_close(outputs(model).mlm_logits[:1], logits, atol=1e-5, rtol=1e-5)
    assert not BertForPreTraining.from_pretrained(tmp_path / "model").config.next_sentence


@pytest.mark.interop
def test_transformers_refuses_what_it_cannot_express(tmp_path):
    transformers = pytest.importorskip("transformers")
    small(positions="rotary").save_pretrained(tmp_path / "model")
    with pytest.raises(ValueError, match="fastnlp-bert"):
        transformers.AutoModel.from_pretrained(tmp_path / "model")


@pytest.mark.interop
def test_a_published_checkpoint_gives_transformers_vectors(caplog):
    transformers = pytest.importorskip("transformers")
    folder = Path(os.environ.get("FASTNLP_DATA", "")) / "bert" / "bert-xsmall-dummy"
    if not folder.is_dir():
        pytest.skip("bert/bert-xsmall-dummy is not in the folder that FASTNLP_DATA names")
    ours = BertModel.from_pretrained(folder)
    assert ours.tokenizer is not None
    theirs = transformers.BertModel.from_pretrained(folder).eval()
    tokens = torch.randint(1, 250, (3, 9))
    with torch.no_grad():
        hidden, pooled = ours(tokens)
        out = theirs(tokens)
    torch.testing.assert_close(hidden, out.last_hidden_state, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(pooled, out.pooler_output, atol=1e-5, rtol=1e-5)
    with_heads = BertForPreTraining.from_pretrained(folder)
    assert "cls.predictions.bias" in caplog.text
    assert "start anew" in caplog.text
    assert torch.equal(with_heads.bert(tokens)[0], hidden)
    assert not any(p.is_meta for p in with_heads.parameters())


def test_shards_with_an_index_are_read(tmp_path):
    model = small()
    model.save_pretrained(tmp_path / "model")
    arrays = map_arrays(tmp_path / "model" / "model.safetensors")
    names = sorted(arrays)
    parts = {"a.safetensors": names[:9], "b.safetensors": names[9:]}
    copies = {name: np.array(arrays[name]) for name in names}
    (tmp_path / "model" / "model.safetensors").unlink()
    for file, own in parts.items():
        write_arrays(tmp_path / "model" / file, {name: copies[name] for name in own}, {"format": "pt"})
    index = {"weight_map": {name: file for file, own in parts.items() for name in own}}
    place = tmp_path / "model" / "model.safetensors.index.json"
    place.write_text(json.dumps(index))
    again = BertForPreTraining.from_pretrained(tmp_path / "model")
    assert torch.equal(outputs(again).hidden, outputs(model).hidden)
    for bad, text in (
        ({"weight_map": {"x": "../a.safetensors"}}, "beside it"),
        ({"weight_map": {**index["weight_map"], "x": "a.safetensors"}}, "x: expected it in a.safetensors"),
        ({}, "damaged index"),
    ):
        place.write_text(json.dumps(bad))
        with pytest.raises(ValueError, match=text):
            BertForPreTraining.from_pretrained(tmp_path / "model")


def test_half_precision_weights_are_widened(tmp_path):
    model = small()
    model.save_pretrained(tmp_path / "model")
    safetensors = pytest.importorskip("safetensors.torch")
    state = {name: tensor.bfloat16() for name, tensor in model.state_dict().items()}
    safetensors.save_file(state, tmp_path / "model" / "model.safetensors", {"format": "pt"})
    again = BertForPreTraining.from_pretrained(tmp_path / "model")
    for name, tensor in again.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, state[name].float())


def test_weights_that_would_run_code_do_not(tmp_path):
    small().save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").unlink()

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"bert.pooler.dense.bias": Evil()}, tmp_path / "model" / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"pytorch_model\.bin: not the weights"):
        BertForPreTraining.from_pretrained(tmp_path / "model")
    assert not (tmp_path / "ran").exists()


def test_damage_is_named(tmp_path):
    model = small()

    def folder(name):
        model.save_pretrained(tmp_path / name)
        return tmp_path / name

    one = folder("cut")
    weights = one / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(ValueError, match=r"model\.safetensors: .* is not in the"):
        BertForPreTraining.from_pretrained(one)
    two = folder("config")
    for text, message in (
        ("{", r"config\.json"),
        ('{"model_type": "gpt2"}', "model_type: expected bert"),
        ('{"model_type": "bert"}', "vocab_size"),
        ('{"model_type": "bert", "vocab_size": 10, "is_decoder": true}', "is_decoder"),
        ('{"model_type": "bert", "vocab_size": "ten"}', "vocab_size: expected int"),
    ):
        (two / "config.json").write_text(text)
        with pytest.raises(ValueError, match=message):
            BertForPreTraining.from_pretrained(two)
    three = folder("other")
    arrays = {name: np.array(a) for name, a in map_arrays(three / "model.safetensors").items()}
    for change, message in (
        ({"cls.extra": np.zeros(2, np.float32)}, "of another model"),
        ({"bert.pooler.dense.bias": np.zeros(3, np.float32)}, r"expected \(16,\), got \(3,\)"),
        ({"bert.pooler.dense.bias": np.full(16, np.nan, np.float32)}, "finite"),
    ):
        write_arrays(three / "model.safetensors", {**arrays, **change}, {})
        with pytest.raises(ValueError, match=message):
            BertForPreTraining.from_pretrained(three)
    arrays.pop("bert.embeddings.LayerNorm.bias")
    write_arrays(three / "model.safetensors", arrays, {})
    with pytest.raises(ValueError, match=r"expected bert\.embeddings\.LayerNorm\.bias"):
        BertForPreTraining.from_pretrained(three)
    with pytest.raises(FileNotFoundError):
        BertForPreTraining.from_pretrained(tmp_path / "nowhere")


def test_a_folder_of_something_else_is_not_replaced(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.txt").write_text("dear")
    with pytest.raises(FileExistsError, match=r"thesis\.txt"):
        small().save_pretrained(tmp_path / "model")
    assert (tmp_path / "model" / "thesis.txt").read_text() == "dear"


def test_texts_are_encoded_alone_as_in_a_batch():
    model = small()
    texts = ["the cat sat.", "cat", ("the cats", "sat"), "the the the the"]
    together = model.encode(texts, batch_size=3)
    assert together.shape == (4, 16)
    for text, row in zip(texts, together, strict=True):
        np.testing.assert_allclose(model.encode(text), row, atol=1e-5)
    tokens = model.encode(texts, pooling="tokens")
    assert [len(rows) for rows in tokens] == [6, 3, 7, 6]
    np.testing.assert_allclose(model.encode(texts, pooling="cls"), [rows[0] for rows in tokens], atol=1e-6)
    np.testing.assert_allclose(together, [rows.mean(0) for rows in tokens], atol=1e-6)
    similar = model.similarity(texts, texts)
    np.testing.assert_allclose(np.diag(similar), 1, atol=1e-6)
    assert model.encode([]).shape == (0, 16)
    assert len(model.encode("the " * 600, pooling="tokens")) == 512


def test_vectors_repeat_though_the_model_trains():
    model = small().train()
    assert np.array_equal(model.encode("the cat"), model.encode("the cat"))
    assert model.training


def test_masked_words_are_ranked_by_probability():
    model = small()
    [words] = model.fill_mask("the [MASK] sat", top=10)
    assert sorted(word for word, _ in words) == sorted(TOKENS)
    assert sum(p for _, p in words) == pytest.approx(1, abs=1e-5)
    assert [p for _, p in words] == sorted((p for _, p in words), reverse=True)
    assert len(model.fill_mask("[MASK] [MASK]")) == 2
    with pytest.raises(ValueError, match=r"text: expected at least one \[MASK\]"):
        model.fill_mask("the cat")
    with pytest.raises(ValueError, match="top"):
        model.fill_mask("[MASK]", top=11)


def test_text_needs_a_tokenizer_that_fits():
    model = small()
    with pytest.raises(TypeError, match="texts"):
        model.encode([3])
    with pytest.raises(TypeError, match="texts: expected str, pairs of str or a list of them, got int"):
        model.encode(3)
    with pytest.raises(ValueError, match="pooling"):
        model.encode("the", pooling="max")
    with pytest.raises(ValueError, match="max_length"):
        model.encode("the", max_length=513)
    model.tokenizer = WordPiece([*TOKENS, "more"])
    with pytest.raises(ValueError, match="at most the model's 10 tokens"):
        model.encode("the")
    model.tokenizer = None
    with pytest.raises(ValueError, match="tokenizer"):
        model.encode("the")


def test_importing_fastnlp_loads_neither_torch_nor_numpy():
    code = "import sys, fastnlp; print(sorted({'torch', 'numpy'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_byte_pair_tokenizer_is_kept_beside_the_model(tmp_path):
    tokenizer = BPE.train(["low lower lowest"], vocab_size=262)
    torch.manual_seed(0)
    model = BertForPreTraining(BertConfig(262, **SIZES))
    model.save_pretrained(tmp_path / "model", tokenizer)
    again = BertForPreTraining.from_pretrained(tmp_path / "model")
    assert again.tokenizer.encode("lowest").tolist() == tokenizer.encode("lowest").tolist()


def test_transformers_puts_byte_pairs_together_as_encode_does(tmp_path):
    transformers = pytest.importorskip("transformers")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = BPE.train(["the cat sat on the mat"] * 9, vocab_size=270, special_tokens=special)
    model = BertForPreTraining(BertConfig(len(tokenizer), **SIZES))
    for turn in ("new", "again"):  # what was read is written the same
        model.save_pretrained(tmp_path / turn, tokenizer)
        theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / turn)
        tokenizer = BertForPreTraining.from_pretrained(tmp_path / turn).tokenizer
        for text in ("the cat sat", "", "the [MASK] sat [MASK]", ("the cat", "a mat")):
            ids, segments = texts_module._ids(tokenizer, text, 64)
            got = theirs(*(text if isinstance(text, tuple) else (text,)))
            assert got["input_ids"] == ids.tolist()
            assert got["token_type_ids"] == segments.tolist()
    other = BPE.train(["the cat"], vocab_size=262)
    model.save_pretrained(tmp_path / "other", other)
    assert BPE.load(tmp_path / "other").definition.post_processor["type"] == "ByteLevel"


def test_byte_pairs_take_the_space_before_a_mask_with_it():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = BPE.train(["the cat sat on the mat"] * 9, vocab_size=270, special_tokens=special)
    model = BertForPreTraining(BertConfig(len(tokenizer), **SIZES)).eval()
    model.tokenizer = tokenizer
    assert model.fill_mask("the [MASK] sat") == model.fill_mask("the[MASK] sat")
    assert len(model.encode("the [MASK] sat", pooling="tokens")) == len(
        model.encode("the cat sat", pooling="tokens")
    )
    pair = model.encode(("the cat " * 400, "sat"), pooling="tokens")
    assert len(pair) == 512
    model.tokenizer = BPE.train(["the cat"], vocab_size=262)
    with pytest.raises(ValueError, match=r"special tokens \[CLS\]"):
        model.encode("the cat")


def test_byte_pairs_take_what_their_post_processor_says(tmp_path):
    BPE.train(["the cat sat"], vocab_size=262, special_tokens=["<s>", "</s>"]).save(
        tmp_path / "tokenizer.json"
    )
    content = json.loads((tmp_path / "tokenizer.json").read_text())
    content["post_processor"] = {"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0]}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    model = BertForPreTraining(BertConfig(262, **SIZES)).eval()
    model.tokenizer = BPE.load(tmp_path / "tokenizer.json")
    for text, added in (("cat", 2), (("cat", "cat"), 4)):
        parts = (text,) if isinstance(text, str) else text
        size = sum(len(model.tokenizer.encode(part)) for part in parts)
        assert len(model.encode(text, pooling="tokens")) == size + added
