import pytest
import torch
from oracles import d2l_bert as book
from torch import nn

from fastnlp import d2l

WORDS = 50


def some_batch(rows=6, columns=12, predictions=3, words=WORDS, seed=5):
    """(tokens, segments, valid_lens, positions, weights, labels, nsp_y) with padding everywhere."""
    draw = torch.Generator().manual_seed(seed)
    lens = torch.randint(4, columns + 1, (rows,), generator=draw)
    tokens = torch.randint(1, words, (rows, columns), generator=draw)
    tokens[torch.arange(columns) >= lens[:, None]] = 0
    segments = (torch.arange(columns) > lens[:, None] // 2).long()
    counts = torch.randint(1, predictions + 1, (rows,), generator=draw)
    weights = (torch.arange(predictions) < counts[:, None]).float()
    positions = (torch.randint(1, 4, (rows, predictions), generator=draw) * weights).long()
    labels = (torch.randint(1, words, (rows, predictions), generator=draw) * weights).long()
    return tokens, segments, lens.float(), positions, weights, labels, torch.arange(rows) % 2


def twins(dropout=0.0, literal=False):
    nets = []
    for model in (d2l.BERTModel, book.BERTModel):
        torch.manual_seed(7)
        nets.append(book.small_model(WORDS, dropout, literal, model))
    return nets


def test_the_books_printed_shapes():
    encoder = d2l.BERTEncoder(10000, 768, [768], 768, 1024, 4, 2, 0.2)
    segments = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 1, 1]])
    encoded_X = encoder(torch.randint(0, 10000, (2, 8)), segments, None)
    assert encoded_X.shape == torch.Size([2, 8, 768])
    mlm_Y_hat = d2l.MaskLM(10000, 768)(encoded_X, torch.tensor([[1, 5, 2], [6, 1, 5]]))
    assert mlm_Y_hat.shape == torch.Size([2, 3, 10000])
    loss = nn.CrossEntropyLoss(reduction="none")
    mlm_Y = torch.tensor([[7, 8, 9], [10, 20, 30]])
    assert loss(mlm_Y_hat.reshape((-1, 10000)), mlm_Y.reshape(-1)).shape == torch.Size([6])
    nsp_Y_hat = d2l.NextSentencePred(encoded_X.shape[-1])(encoded_X[:, 0, :])
    assert nsp_Y_hat.shape == torch.Size([2, 2])
    assert loss(nsp_Y_hat, torch.tensor([0, 1])).shape == torch.Size([2])


def test_one_seed_gives_the_books_parameters_under_its_names():
    ours, theirs = twins()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], tensor), name


def test_the_model_computes_what_the_books_does():
    ours, theirs = twins()
    tokens, segments, lens, positions, *_ = some_batch()
    for valid in (lens, None):
        for got, expected in zip(
            ours(tokens, segments, valid, positions), theirs(tokens, segments, valid, positions), strict=True
        ):
            torch.testing.assert_close(got, expected, atol=2e-5, rtol=1e-5)
    assert ours(tokens, segments)[1] is None


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_the_loss_without_padding_is_that_of_all_logits(reduction):
    ours, theirs = twins()
    batch = some_batch()
    got = d2l._get_batch_loss_bert(ours, nn.CrossEntropyLoss(reduction=reduction), WORDS, *batch)
    expected = book.batch_loss(theirs, WORDS, *batch, literal=False)
    got[2].backward()
    expected[2].backward()
    torch.testing.assert_close(got, expected)
    for (name, one), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=2e-6, rtol=1e-4, msg=name)


def test_another_loss_takes_the_long_way_and_agrees():
    ours, _ = twins()
    batch = some_batch()
    plain = d2l._get_batch_loss_bert(ours, nn.CrossEntropyLoss(), WORDS, *batch)
    for loss in (nn.functional.cross_entropy, nn.CrossEntropyLoss(torch.ones(WORDS), reduction="none")):
        if not isinstance(loss, nn.Module):
            torch.testing.assert_close(d2l._get_batch_loss_bert(ours, loss, WORDS, *batch), plain)
    tokens, segments, lens, positions, weights, labels, nsp_y = batch
    nothing = d2l._get_batch_loss_bert(
        ours, nn.CrossEntropyLoss(), WORDS, tokens, segments, lens, positions, 0 * weights, labels, nsp_y
    )
    assert nothing[0] == 0


def test_padded_predictions_are_not_learned():
    batch = some_batch()
    ours, theirs = twins()
    fixed = d2l._get_batch_loss_bert(ours, nn.CrossEntropyLoss(), WORDS, *batch)[0]
    literal = book.batch_loss(theirs, WORDS, *batch)[0]
    assert abs(fixed.item() - literal.item()) > 1e-3  # the book's mean counts them


def test_positions_learn_and_the_loss_falls(capsys):
    torch.manual_seed(1)
    net = d2l.BERTModel(WORDS, 16, [16], 16, 32, 2, 1, 0.1, 12, 16, 16, 16, 16, 16, 16)
    before = net.encoder.pos_embedding.detach().clone()
    batches = [some_batch(seed=seed) for seed in (1, 2)]
    d2l.train_bert(batches, net, nn.CrossEntropyLoss(), WORDS, ["cpu"], 40)
    printed = capsys.readouterr().out
    mlm = float(printed.split("MLM loss ")[1].split(",")[0])
    assert mlm < 3.0 < torch.log(torch.tensor(float(WORDS)))
    assert "sentence pairs/sec on ['cpu']" in printed
    assert not torch.equal(before, net.encoder.pos_embedding)


def test_training_refuses_what_would_never_end():
    net = twins()[0]
    with pytest.raises(ValueError, match="num_steps"):
        d2l.train_bert([], net, nn.CrossEntropyLoss(), WORDS, ["cpu"], 0)
    with pytest.raises(ValueError, match="at least one batch"):
        d2l.train_bert([], net, nn.CrossEntropyLoss(), WORDS, ["cpu"], 1)


def test_get_bert_encoding_has_the_printed_shapes_and_repeats_itself(monkeypatch):
    words = ["a", "crane", "is", "flying", "driver", "came", "he", "just", "left"]
    vocab = d2l.Vocab(words, reserved_tokens=["<pad>", "<mask>", "<cls>", "<sep>"])
    net = book.small_model(len(vocab), 0.2, model=d2l.BERTModel)
    monkeypatch.setattr(d2l, "vocab", vocab)
    monkeypatch.setattr(d2l, "devices", [torch.device("cpu")])
    encoded = d2l.get_bert_encoding(net, ["a", "crane", "is", "flying"])
    assert (encoded.shape, encoded[:, 0, :].shape) == (torch.Size([1, 6, 128]), torch.Size([1, 128]))
    pair = d2l.get_bert_encoding(net, ["a", "crane", "driver", "came"], ["he", "just", "left"])
    assert pair.shape == torch.Size([1, 10, 128])
    assert torch.equal(encoded, d2l.get_bert_encoding(net, ["a", "crane", "is", "flying"]))
    assert net.training
    assert not torch.allclose(encoded[0, 2], pair[0, 2])
    monkeypatch.setattr(d2l, "vocab", None)
    with pytest.raises(ValueError, match="vocab"):
        d2l.get_bert_encoding(net, ["a"])


def test_input_that_does_not_fit_is_refused_by_name():
    net = d2l.BERTModel(20, 8, [8], 8, 8, 2, 1, 0.0, 12, 8, 8, 8, 8, 8, 8)
    tokens, segments = torch.ones(2, 6, dtype=torch.long), torch.zeros(2, 6, dtype=torch.long)
    bad = tokens.clone()
    bad[1, 3] = 20
    lengths = torch.tensor([6, 6])
    for encode in (lambda t, s: net(t, s), lambda t, s: net.encoder.rows(t, s, lengths)):
        with pytest.raises(ValueError, match="tokens: expected at most 12 columns, got 18"):
            encode(tokens.repeat(1, 3), segments.repeat(1, 3))
        with pytest.raises(IndexError, match=r"tokens: expected 0 to 19, got 20 in \[1, 3\]"):
            encode(bad, segments)
        with pytest.raises(IndexError, match=r"segments: expected 0 to 1, got 2 in \[0, 0\]"):
            encode(tokens, segments + 2)
        with pytest.raises(TypeError, match=r"tokens: expected integers, got torch\.float32"):
            encode(tokens.float(), segments)


def test_a_row_without_a_valid_key_gives_no_nan():
    attention = d2l.MultiHeadAttention(8, 8, 8, 8, 2, 0.0)
    assert attention(*[torch.ones(2, 3, 8)] * 3, torch.tensor([0, 2])).isfinite().all()
    each = attention(*[torch.randn(2, 3, 8)] * 3, torch.tensor([[1, 2, 3], [1, 1, 2]]))
    assert each.shape == (2, 3, 8)
    with pytest.raises(ValueError, match="num_hiddens"):
        d2l.MultiHeadAttention(8, 8, 8, 9, 2, 0.0)
