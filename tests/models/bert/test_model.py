import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from fastnlp.models.bert import BertConfig, BertForPreTraining, BertModel, PackedExamples
from fastnlp.models.bert.attention import rotate
from fastnlp.models.bert.dropout import dropout
from fastnlp.sampling import UnpaddedBertBatch

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
MODERN = {"norm": "pre", "positions": "rotary", "feed_forward": "glu", "bias": False, "hidden_act": "silu"}
DESIGNS = {
    "bert": {},
    "untied": {"tie_word_embeddings": False, "hidden_act": "gelu_new"},
    "book": {"mlm_head": "book", "embedding_norm": False, "hidden_act": "relu", "tie_word_embeddings": False},
    "modern": MODERN,
    "words alone": {"next_sentence": False},
}


def small(vocab_size=30, **settings):
    torch.manual_seed(3)
    return BertForPreTraining(
        BertConfig(vocab_size, **{**SIZES, **settings}, max_position_embeddings=12, initializer_range=0.2)
    )


def batch(rows=5, columns=10, words=30, seed=2):
    draw = np.random.default_rng(seed)
    lengths = draw.integers(4, columns + 1, rows).astype(np.int32)
    weights = (np.arange(3) < draw.integers(1, 4, rows)[:, None]).astype(np.float32)
    return SimpleNamespace(
        tokens=draw.integers(1, words, (rows, columns)).astype(np.int32),
        segments=(np.arange(columns) > lengths[:, None] // 2).astype(np.int32),
        lengths=lengths,
        positions=(draw.integers(1, 4, (rows, 3)) * (weights > 0)).astype(np.int32),
        weights=weights,
        labels=draw.integers(0, words, (rows, 3)).astype(np.int32),
        is_next=draw.integers(0, 2, rows).astype(np.int32),
    )


def tensors(examples):
    names = ("tokens", "segments", "lengths", "positions")
    return [torch.from_numpy(getattr(examples, name)).long() for name in names]


@pytest.mark.parametrize("design", DESIGNS)
def test_unpadded_and_padded_agree(design):
    model = small(**DESIGNS[design]).eval().bert
    tokens, segments, lengths, _ = tensors(batch())
    with torch.no_grad():
        one, first = model(tokens, segments, lengths)
        other, second = model(tokens, segments, lengths, unpadded=False)
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    if first is not None:
        torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-5)
    assert one[0, lengths[0] :].abs().sum() == 0


def test_what_stands_in_the_padding_does_not_matter():
    model = small().eval()
    tokens, segments, lengths, positions = tensors(batch())
    changed = tokens.clone()
    changed[torch.arange(10) >= lengths[:, None]] = 7
    with torch.no_grad():
        for one, other in zip(
            model(tokens, segments, lengths, positions),
            model(changed, segments, lengths, positions),
            strict=True,
        ):
            assert torch.equal(one, other)


@pytest.mark.parametrize("design", DESIGNS)
def test_losses_are_those_of_all_logits_and_so_are_the_gradients(design):
    examples = batch()
    model, twin = small(**DESIGNS[design]).eval(), small(**DESIGNS[design]).eval()
    got = model.losses(PackedExamples.from_batch(examples, vocab_size=30))
    got.loss.backward()

    tokens, segments, lengths, positions = tensors(examples)
    _, words, follows = twin(tokens, segments, lengths, positions)
    labels, weights = torch.from_numpy(examples.labels).long(), torch.from_numpy(examples.weights)
    each = nn.functional.cross_entropy(words.flatten(0, 1), labels.flatten(), reduction="none")
    mlm = (each * weights.flatten()).sum() / weights.sum()
    right = ((words.argmax(-1) == labels) * (weights > 0)).sum()
    nsp = torch.zeros(())
    if follows is not None:
        aims = 1 - torch.from_numpy(examples.is_next).long()
        nsp = nn.functional.cross_entropy(follows, aims)
        assert got.nsp_correct == (follows.argmax(1) == aims).sum()
    (mlm + nsp).backward()
    torch.testing.assert_close((got.mlm_loss, got.nsp_loss), (mlm, nsp), check_dtype=False)
    assert got.mlm_correct.item() == pytest.approx(right.item())
    for (name, one), other in zip(model.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-6, rtol=1e-4, msg=name)


def test_parts_of_a_batch_add_up_to_the_whole():
    examples = batch(rows=6)
    model = small().eval()
    whole = model.losses(PackedExamples.from_batch(examples, vocab_size=30))
    total = torch.zeros(())
    for rows in (slice(0, 2), slice(2, 6)):
        part = SimpleNamespace(**{name: array[rows] for name, array in vars(examples).items()})
        packed = PackedExamples.from_batch(part, vocab_size=30)
        total = total + model.losses(packed, mlm_total=float(examples.weights.sum()), nsp_total=6).loss
    torch.testing.assert_close(total, whole.loss)


def test_positions_and_every_other_parameter_learn():
    for design, settings in DESIGNS.items():
        model = small(**settings)
        model.losses(PackedExamples.from_batch(batch(), vocab_size=30)).loss.backward()
        silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
        assert not silent, (design, silent)


def test_dropout_keeps_its_share_and_its_scale_and_the_way_back():
    torch.manual_seed(0)
    x = torch.ones(200_000, requires_grad=True)
    out = dropout(x, 0.1)
    out.sum().backward()
    dropped = float((out == 0).float().mean())
    assert abs(dropped - 0.1) < 5 * math.sqrt(0.09 / 200_000)  # five deviations: 6e-7
    assert torch.equal(out, x.grad)
    assert out.max().item() == pytest.approx(1 / 0.9, rel=1e-4)
    assert dropout(x, 0.1, training=False) is x


def test_dropped_entries_know_nothing_of_their_neighbours():
    torch.manual_seed(0)
    kept = (dropout(torch.ones(400_000), 0.5) > 0).double()
    for shift in (1, 2, 3, 4, 8):
        together = float((kept[:-shift] * kept[shift:]).mean())
        assert abs(together - 0.25) < 5 * math.sqrt(0.1875 / 400_000), shift


def test_rotations_depend_on_distances_alone():
    torch.manual_seed(0)
    query, key = torch.randn(1, 1, 8), torch.randn(1, 1, 8)
    products = [
        float((rotate(query, torch.tensor([a])) * rotate(key, torch.tensor([b]))).sum())
        for a, b in ((3, 1), (9, 7), (1002, 1000))
    ]
    assert products == pytest.approx([products[0]] * 3, abs=1e-3)
    assert torch.equal(rotate(query, torch.tensor([0])), query)


def test_the_paper_decays_no_bias_and_no_norm():
    model = small()
    decayed, plain = (group["params"] for group in model.parameter_groups(0.01))
    assert {p.ndim for p in plain} == {1}
    assert {p.ndim for p in decayed} == {2}
    assert len(decayed) + len(plain) == len(list(model.parameters()))


def test_sizes_of_the_paper():
    with torch.device("meta"):
        base, large = (BertModel(BertConfig.preset(name, 30_522)) for name in ("base", "large"))
    assert base.number_of_parameters == 109_482_240
    assert large.number_of_parameters == 335_141_888


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"hidden_size": 15}, ValueError, "multiple of the 2 heads"),
        ({"hidden_size": 6, "positions": "rotary"}, ValueError, "rotary"),
        ({"hidden_dropout_prob": 1.0}, ValueError, "hidden_dropout_prob: expected 0 to 0.999"),
        ({"hidden_dropout_prob": math.nan}, ValueError, "got nan"),
        ({"hidden_act": "tanh"}, ValueError, "hidden_act: expected one of gelu"),
        ({"bias": 1}, TypeError, "bias: expected bool"),
        ({"num_hidden_layers": 2.0}, TypeError, "num_hidden_layers: expected int"),
        ({"pad_token_id": 30}, ValueError, "pad_token_id: expected below 30"),
        ({"vocab_size": 0, "pad_token_id": 0}, ValueError, "vocab_size: expected 1 to"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(change, error, text):
    with pytest.raises(error, match=text):
        BertConfig(**{"vocab_size": 30, **SIZES, **change})


def test_bad_input_is_refused_with_its_place():
    model = small()
    good = torch.ones(2, 4, dtype=torch.long)
    with pytest.raises(IndexError, match=r"tokens: expected 0 to 29, got 30 in \[1, 2\]"):
        model(good.index_put((torch.tensor(1), torch.tensor(2)), torch.tensor(30)))
    with pytest.raises(IndexError, match="segments: expected 0 to 1"):
        model(good, good + 1)
    with pytest.raises(ValueError, match="lengths: expected 1 to 4, got 0 in row 1"):
        model(good, lengths=torch.tensor([3, 0]))
    with pytest.raises(ValueError, match="at most 12 columns"):
        model(torch.ones(1, 13, dtype=torch.long))
    with pytest.raises(ValueError, match="tokens: expected"):
        model(torch.ones(3, dtype=torch.long))
    with pytest.raises(TypeError, match=r"tokens: expected integers, got torch\.float32"):
        model(good.float())
    with pytest.raises(IndexError, match=r"positions: expected 0 to 3, got 4 in \[0, 0\]"):
        model(good, positions=torch.tensor([[4], [0]]))
    examples = batch()
    examples.tokens[3, 1] = -1
    with pytest.raises(IndexError, match=r"tokens: expected 0 to 29, got -1 in \[3, 1\]"):
        PackedExamples.from_batch(examples, vocab_size=30)
    examples = batch()
    examples.positions[0, 0] = 11
    with pytest.raises(IndexError, match="positions: expected a real token"):
        PackedExamples.from_batch(examples, vocab_size=30)
    examples = batch()
    examples.segments[2, 3] = 2
    for make in (PackedExamples.from_batch, PackedExamples.padded):
        with pytest.raises(IndexError, match=r"segments: expected 0 to 1, got 2 in \[2, 3\]"):
            make(examples, vocab_size=30)
        assert make(examples, vocab_size=30, type_vocab_size=3).sequences == len(examples.tokens)
    examples = batch()
    examples.is_next[1] = -1
    with pytest.raises(IndexError, match=r"is_next: expected 0 or 1, got -1 in \[1\]"):
        PackedExamples.from_batch(examples, vocab_size=30)
    examples.is_next = examples.is_next[:-1]
    with pytest.raises(ValueError, match="is_next: expected"):
        PackedExamples.from_batch(examples, vocab_size=30)
    examples = batch()
    examples.lengths = examples.lengths[:-1]
    with pytest.raises(ValueError, match="lengths: expected"):
        PackedExamples.from_batch(examples, vocab_size=30)


def unpadded(**changed):
    """Two sequences, of two and of three tokens."""
    arrays = {
        "tokens": np.array([1, 2, 1, 5, 2]),
        "segments": np.zeros(5, int),
        "offsets": np.array([0, 2, 5]),
        "positions": np.array([3]),
        "labels": np.array([7]),
        "is_next": np.array([0, 1]),
    }
    return UnpaddedBertBatch(**arrays | changed)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"tokens": np.zeros((1, 5), int)}, ValueError, r"tokens: expected \(T,\).* got \(1, 5\)"),
        ({"tokens": np.array([1, 2, 1, 9, 2])}, IndexError, r"tokens: expected 0 to 8, got 9 in \[3\]"),
        ({"segments": np.zeros(4, int)}, ValueError, r"segments: expected \(5,\), got \(4,\)"),
        ({"segments": np.full(5, 2)}, IndexError, r"segments: expected 0 to 1, got 2 in \[0\]"),
        ({"offsets": np.array([0])}, ValueError, r"offsets: expected \(B \+ 1,\)"),
        ({"offsets": np.array([0, 0, 5])}, IndexError, r"offsets: expected more than before, got 0 in \[1\]"),
        ({"offsets": np.array([1, 2, 5])}, IndexError, r"offsets: expected 0 at the start .* got 1 in \[0\]"),
        ({"offsets": np.array([0, 2, 6])}, IndexError, r"offsets: .* 5 at the end, got 6 in \[2\]"),
        ({"positions": np.array([5])}, IndexError, r"positions: expected 0 to 4, got 5 in \[0\]"),
        ({"positions": np.array([[3]])}, ValueError, r"positions: expected \(P,\), got \(1, 1\)"),
        ({"labels": np.array([7, 7])}, ValueError, r"labels: expected \(1,\), got \(2,\)"),
        ({"labels": np.array([-1])}, IndexError, r"labels: expected 0 to 8, got -1 in \[0\]"),
        ({"is_next": np.array([0])}, ValueError, r"is_next: expected \(2,\), got \(1,\)"),
        ({"is_next": np.array([0, 2])}, IndexError, r"is_next: expected 0 or 1, got 2 in \[1\]"),
        ({"tokens": np.array([1, 2, 1, 5, np.nan])}, TypeError, "tokens: expected integers, got float64"),
        ({"offsets": np.array([0, 2.5, 5])}, TypeError, "offsets: expected integers, got float64"),
        ({"labels": np.array([np.nan])}, TypeError, "labels: expected integers, got float64"),
    ],
)
def test_unpadded_arrays_that_do_not_fit_are_refused(changed, error, message):
    PackedExamples.from_unpadded(unpadded(), vocab_size=9)
    with pytest.raises(error, match=message):
        PackedExamples.from_unpadded(unpadded(**changed), vocab_size=9)


@pytest.mark.parametrize("name", ["tokens", "segments", "lengths", "positions", "labels"])
def test_padded_arrays_that_are_no_integers_are_refused(name):
    examples = batch()
    setattr(examples, name, np.full(getattr(examples, name).shape, np.nan))
    for make in (PackedExamples.from_batch, PackedExamples.padded):
        with pytest.raises(TypeError, match=f"{name}: expected integers, got float64"):
            make(examples, vocab_size=30)


def test_arrays_that_may_not_be_written_to_are_taken():
    examples = unpadded(tokens=np.array([1, 2, 1, 5, 2], np.int32))
    for array in examples.arrays().values():
        array.flags.writeable = False
    packed = PackedExamples.from_unpadded(examples, vocab_size=9)  # torch warns of such memory
    assert packed.tokens.tolist() == [1, 2, 1, 5, 2]
    packed.tokens.zero_()
    assert examples.tokens[0] == 1
