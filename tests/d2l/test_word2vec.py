import math
import re

import pytest
import torch
from oracles import d2l_word2vec as book
from torch import nn

from fastnlp import d2l
from fastnlp.d2l import word2vec
from fastnlp.kernels import backends, skipgram_bce


def some_batches(count=7, rows=16, words=30):
    generator = torch.Generator().manual_seed(4)

    def example():
        center, *others = torch.randint(1, words, (13,), generator=generator).tolist()
        width = 1 + center % 3
        return center, others[:width], others[3 : 3 + 3 * width]

    return [book.batchify([example() for _ in range(rows)]) for _ in range(count)]


def some_net(words=30):
    return nn.Sequential(nn.Embedding(words, 8), nn.Embedding(words, 8))


def test_skip_gram_is_the_books_values_and_gradients():
    center, words = torch.tensor([[1], [2]]), torch.tensor([[3, 4, 5], [1, 1, 0]])
    results = []
    for function in (d2l.skip_gram, book.skip_gram):
        torch.manual_seed(3)
        net = some_net()
        scores = function(center, words, net[0], net[1])
        (scores * torch.arange(6.0).reshape(2, 1, 3)).sum().backward()
        results.append((scores, net[0].weight.grad, net[1].weight.grad))
    assert results[0][0].shape == (2, 1, 3)
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_printed_losses_are_the_books():
    pred = torch.tensor([[1.1, -2.2, 3.3, -4.4]] * 2)
    label = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    per_row = d2l.loss(pred, label, mask) * mask.shape[1] / mask.sum(axis=1)
    assert str(per_row) == "tensor([0.9352, 1.8462])"
    assert d2l.SigmoidBCELoss()(pred, label).shape == (2,)


@pytest.mark.parametrize("x", [-1000.0, -1.5, 0.0, 1.5, 1000.0])
def test_sigmd_is_the_loss_of_one_score(x):
    expected = nn.functional.softplus(torch.tensor(-x, dtype=torch.float64)).item()
    assert math.isclose(d2l.sigmd(x), expected, abs_tol=1e-15)


def test_train_makes_the_books_steps(capsys):
    batches = some_batches()
    ours, theirs = some_net(), some_net()
    torch.manual_seed(8)
    d2l.train(ours, batches, 0.02, 3, "cpu")
    torch.manual_seed(8)
    report = book.train(theirs, batches, 0.02, 3, "cpu")
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.weight, b.weight, rtol=1e-4, atol=1e-5)
    line = capsys.readouterr().out
    assert re.fullmatch(r"loss \d\.\d{3}, \d+\.\d tokens/sec on cpu\n", line)
    assert abs(float(line.split()[1][:-1]) - report[-1][0]) < 1e-3
    assert report[-1][0] < report[0][0]


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_the_fused_operation_makes_the_books_steps(device, monkeypatch, capsys):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    monkeypatch.setattr(word2vec, "_FUSED_ON", {device})
    monkeypatch.setattr(word2vec, "skip_gram", None)  # the other way is not taken
    batches = some_batches()
    ours, theirs = some_net(), some_net()
    torch.manual_seed(8)
    d2l.train(ours, batches, 0.02, 3, device)
    torch.manual_seed(8)
    book.train(theirs, batches, 0.02, 3, "cpu")
    for a, b in zip(ours.cpu(), theirs, strict=True):
        torch.testing.assert_close(a.weight, b.weight, rtol=1e-4, atol=1e-5)


def test_without_triton_nothing_is_begun_on_a_gpu(monkeypatch):
    monkeypatch.setattr(backends, "_HAS_TRITON", False)
    net = some_net()
    before = [layer.weight.detach().clone() for layer in net]
    message = "expected triton for tensors on cuda:0, got no installation .* or pass backend='torch'"
    with pytest.raises(RuntimeError, match=message):
        d2l.train(net, some_batches(1), 0.02, 1, "cuda:0")
    for layer, weight in zip(net, before, strict=True):
        torch.testing.assert_close(layer.weight, weight, rtol=0, atol=0)


def test_the_backend_that_is_asked_for_trains(monkeypatch, capsys):
    monkeypatch.setattr(word2vec, "_FUSED_ON", {"cpu"})
    monkeypatch.setattr(backends, "_HAS_TRITON", False)
    with pytest.raises(RuntimeError, match="expected triton for tensors on cpu"):
        d2l.train(some_net(), some_batches(1), 0.02, 1, "cpu", backend="triton")
    asked = []
    monkeypatch.setattr(
        word2vec,
        "skipgram_bce",
        lambda *a, **named: asked.append(named["backend"]) or skipgram_bce(*a, **named),
    )
    d2l.train(some_net(), some_batches(2), 0.02, 1, "cpu", backend="torch")
    assert asked == ["torch", "torch"]


def test_what_the_fused_operation_cannot_do_goes_step_by_step(monkeypatch, capsys):
    monkeypatch.setattr(word2vec, "_FUSED_ON", {"cpu"})
    monkeypatch.setattr(word2vec, "skipgram_bce", None)
    padded = nn.Sequential(nn.Embedding(30, 8, padding_idx=0), nn.Embedding(30, 8))
    d2l.train(padded, some_batches(2), 0.02, 1, "cpu")
    d2l.train(some_net(), some_batches(2), 0.02, 1, "cpu", loss=lambda x, y, m: d2l.loss(x, y, m))
    halves = [(c, w, 0.5 * m, y) for c, w, m, y in some_batches(2)]
    d2l.train(some_net(), halves, 0.02, 1, "cpu")


def test_words_that_are_not_in_the_embedding_are_named(monkeypatch):
    monkeypatch.setattr(word2vec, "_FUSED_ON", {"cpu"})
    with pytest.raises(IndexError, match=r"contexts_negatives\[0, \d+\]: expected an id in \[0, 10\), got"):
        d2l.train(nn.Sequential(nn.Embedding(30, 8), nn.Embedding(10, 8)), some_batches(1), 0.02, 1, "cpu")


def test_the_speed_is_all_centers_over_all_the_time(capsys, monkeypatch):
    monkeypatch.setattr("fastnlp.d2l.word2vec.Timer.stop", lambda self: 2.0)
    d2l.train(some_net(), some_batches(3, rows=16), 0.02, 5, "cpu")
    assert "120.0 tokens/sec" in capsys.readouterr().out


@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_few_batches_are_no_division_by_zero(count, monkeypatch):
    points = []
    monkeypatch.setattr("fastnlp.d2l.word2vec.Animator.add", lambda self, x, y: points.append((x, *y)))
    d2l.train(some_net(), some_batches(count), 0.02, 2, "cpu")
    assert [x for x, _ in points] == [epoch + (i + 1) / count for epoch in range(2) for i in range(count)]


def test_the_loss_of_the_notebook_is_used(monkeypatch, capsys):
    calls = []

    def loss(*arguments):
        calls.append(arguments)
        return d2l.SigmoidBCELoss()(*arguments)

    monkeypatch.setattr(d2l, "loss", loss)
    d2l.train(some_net(), some_batches(2), 0.02, 1, "cpu")
    assert len(calls) == 2
    d2l.train(some_net(), some_batches(2), 0.02, 1, "cpu", loss=d2l.SigmoidBCELoss())
    assert len(calls) == 2


def test_training_that_diverges_says_so():
    with pytest.raises(FloatingPointError, match=r"lr: the loss is (nan|inf) in epoch"):
        d2l.train(some_net(), some_batches(), 1e30, 5, "cpu")


def test_bad_training_is_refused():
    with pytest.raises(ValueError, match="data_iter: expected at least one batch"):
        d2l.train(some_net(), [], 0.02, 1, "cpu")
    with pytest.raises(ValueError, match="num_epochs: expected at least 1, got 0"):
        d2l.train(some_net(), some_batches(1), 0.02, 0, "cpu")
    with pytest.raises(ValueError, match="Invalid learning rate"):
        d2l.train(some_net(), some_batches(1), -1.0, 1, "cpu")


def test_neighbours_print_as_in_the_book(capsys, monkeypatch):
    vocab = d2l.Vocab(["chip", "drives", "rain"])
    embed = nn.Embedding.from_pretrained(
        torch.tensor([[0.0, 0.0], [2.0, 0.0], [3.0, 3.0], [-1.0, 0.2]]), freeze=False
    )
    d2l.get_similar_tokens("chip", 2, embed, vocab=vocab)
    expected = "cosine sim=0.707: drives\ncosine sim=0.000: <unk>\n"
    assert capsys.readouterr().out == expected
    monkeypatch.setattr(d2l, "vocab", vocab)
    d2l.get_similar_tokens("chip", 2, embed)
    assert capsys.readouterr().out == expected


def test_the_word_itself_is_no_neighbour_even_beside_its_double(capsys):
    embed = nn.Embedding.from_pretrained(torch.tensor([[0.0, 1.0], [1.0, 1.0], [1.0, 1.0]]))
    d2l.get_similar_tokens("b", 1, embed, vocab=d2l.Vocab(["a", "b"]))
    assert capsys.readouterr().out == "cosine sim=1.000: a\n"


def test_bad_questions_are_refused(monkeypatch):
    vocab, embed = d2l.Vocab(["a", "b"]), nn.Embedding(3, 2)
    with pytest.raises(ValueError, match="query_token: expected a word of the vocabulary, got 'zebra'"):
        d2l.get_similar_tokens("zebra", 1, embed, vocab=vocab)
    for k in (0, 3):
        with pytest.raises(ValueError, match=f"k: expected 1 to 2, got {k}"):
            d2l.get_similar_tokens("a", k, embed, vocab=vocab)
    with pytest.raises(TypeError, match=r"embed: expected an nn\.Embedding or a TokenEmbedding, got Tensor"):
        d2l.get_similar_tokens("a", 1, embed.weight.detach(), vocab=vocab)
    monkeypatch.setattr(d2l, "vocab", None)
    with pytest.raises(ValueError, match="vocab: expected one, got None"):
        d2l.get_similar_tokens("a", 1, embed)
