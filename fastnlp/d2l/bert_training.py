"""Pretraining the book's BERT, and the vectors that it gives text."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from fastnlp.d2l.bert import BERTModel
from fastnlp.d2l.bert_data import get_tokens_and_segments
from fastnlp.d2l.hardware import try_all_gpus
from fastnlp.d2l.progress import Accumulator, Animator, Timer
from fastnlp.d2l.vocabulary import Vocab
from fastnlp.kernels import masked_lm_loss

__all__ = ["_get_batch_loss_bert", "get_bert_encoding", "train_bert"]

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Losses = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def _is_plain(loss: Loss) -> bool:
    """Whether it is the book's `nn.CrossEntropyLoss()`, with either reduction."""
    return (
        type(loss) is nn.CrossEntropyLoss
        and loss.weight is None
        and loss.label_smoothing == 0
        and loss.reduction in ("mean", "none")
    )


def _weighted_mean(
    loss: Loss, logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """sum(w * loss) / sum(w) of (N, V) logits, for a loss that gives one number each or their mean."""
    counted = weights > 0
    logits, labels, weights = logits[counted], labels[counted], weights[counted]
    if not len(labels):
        return logits.sum()
    per = loss(logits, labels)
    return per if per.ndim == 0 else (per * weights).sum() / weights.sum()


def _fused(
    net: BERTModel, tokens: torch.Tensor, segments: torch.Tensor, valid_lens: torch.Tensor,
    positions: torch.Tensor, weights: torch.Tensor, labels: torch.Tensor, nsp_y: torch.Tensor,
) -> Losses:  # fmt: skip
    """The losses without padding, without predictions of weight 0 and without (B, M, V) logits."""
    rows, places = net.encoder.rows(tokens, segments, valid_lens)
    columns = tokens.shape[1]
    row_of = torch.empty(tokens.numel(), dtype=torch.long, device=tokens.device)
    row_of[places] = torch.arange(len(places), device=tokens.device)
    starts = torch.arange(len(tokens), device=tokens.device) * columns
    counted = weights.reshape(-1) > 0
    masked = rows[row_of[(starts[:, None] + positions).reshape(-1)[counted]]]
    *hidden, output = net.mlm.mlp
    assert isinstance(output, nn.Linear)  # as MaskLM makes it
    for layer in hidden:
        masked = layer(masked)
    mlm_l = masked_lm_loss(
        masked, None, weights.reshape(-1)[counted], labels.reshape(-1)[counted], output.weight, output.bias
    )
    nsp_l = functional.cross_entropy(net.nsp(net.hidden(rows[row_of[starts]])), nsp_y)
    return mlm_l, nsp_l, mlm_l + nsp_l


def _get_batch_loss_bert(
    net: nn.Module,
    loss: Loss,
    vocab_size: int,
    tokens_X: torch.Tensor,
    segments_X: torch.Tensor,
    valid_lens_x: torch.Tensor,
    pred_positions_X: torch.Tensor,
    mlm_weights_X: torch.Tensor,
    mlm_Y: torch.Tensor,
    nsp_y: torch.Tensor,
) -> Losses:
    """The losses of a batch: masked words, next sentence, and their sum.

    The loss of masked words is sum(w * loss) / sum(w). In the book the weights cancel (with the mean of
    `nn.CrossEntropyLoss()`), so that padded predictions, of label 0, are learned as well, or multiply every
    loss with every weight (with reduction="none"). With `nn.CrossEntropyLoss()` and a `BERTModel` padding is
    left out, and the logits, 415 MB for the book's batch, are made a chunk at a time.

    Args:
        net: (tokens, segments, valid_lens, positions) -> (encoded, mlm_Y_hat, nsp_Y_hat).
        loss: (N, C) and (N,) -> a mean or (N,).
        vocab_size: V.
        tokens_X: (B, S).
        segments_X: (B, S).
        valid_lens_x: (B,) or (B, 1).
        pred_positions_X: (B, M).
        mlm_weights_X: (B, M), 1, or 0 for padding.
        mlm_Y: (B, M) labels.
        nsp_y: (B,) labels.

    Returns:
        Three scalars.
    """
    valid_lens = valid_lens_x.reshape(-1)
    if isinstance(net, BERTModel) and _is_plain(loss):
        return _fused(net, tokens_X, segments_X, valid_lens, pred_positions_X, mlm_weights_X, mlm_Y, nsp_y)
    _, mlm_Y_hat, nsp_Y_hat = net(tokens_X, segments_X, valid_lens, pred_positions_X)
    mlm_l = _weighted_mean(
        loss, mlm_Y_hat.reshape(-1, vocab_size), mlm_Y.reshape(-1), mlm_weights_X.reshape(-1)
    )
    nsp_l = loss(nsp_Y_hat, nsp_y).mean()
    return mlm_l, nsp_l, mlm_l + nsp_l


def train_bert(
    train_iter: Iterable[Sequence[torch.Tensor]],
    net: nn.Module,
    loss: Loss,
    vocab_size: int,
    devices: Sequence[torch.device | str],
    num_steps: int,
) -> None:
    """Trains by Adam at 0.01 and prints mean losses and speed.

    The book never starts its timer again, so that its pairs a second are far too few; here each step is timed
    from its beginning.

    Args:
        train_iter: batches as `load_data_wiki` gives them, gone through again and again.
        net: a `BERTModel`.
        loss: `nn.CrossEntropyLoss()`.
        vocab_size: V.
        devices: where to train; several GPUs share a batch.
        num_steps: at least 1.

    Raises:
        ValueError: there is no batch, no device or no step.
        FloatingPointError: the loss is no longer finite.

    Example:
        >>> net = BERTModel(9, 8, [8], 8, 8, 2, 1, 0.0, 8, 8, 8, 8, 8, 8, 8)
        >>> one = torch.ones(2, 4, dtype=torch.long)
        >>> batch = (one, one, torch.tensor([4.0, 3.0]), one[:, :1], torch.ones(2, 1), one[:, :1], one[:, 0])
        >>> train_bert([batch], net, nn.CrossEntropyLoss(), 9, ["cpu"], 2)  # doctest: +ELLIPSIS
        MLM loss ..., NSP loss ...
        ... sentence pairs/sec on ['cpu']
    """
    if num_steps < 1:
        raise ValueError(f"num_steps: expected at least 1, got {num_steps}")
    if not devices:
        raise ValueError("devices: expected at least one, got none")
    net = net.to(devices[0])
    several = [torch.device(device) for device in devices]
    model = nn.DataParallel(net, device_ids=several) if len(several) > 1 else net
    on = torch.device(devices[0]).type
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01, fused=on in ("cpu", "cuda"))
    animator = Animator(xlabel="step", ylabel="loss", xlim=[1, num_steps], legend=["mlm", "nsp"])
    metric = Accumulator(4)  # sums of both losses, pairs, steps
    timer, step = Timer(), 0
    while step < num_steps:
        before = step
        for batch in train_iter:
            timer.start()
            optimizer.zero_grad()
            moved = [part.to(devices[0]) for part in batch]
            mlm_l, nsp_l, total = _get_batch_loss_bert(model, loss, vocab_size, *moved)
            torch.autograd.backward(total)
            optimizer.step()
            metric.add(mlm_l.item(), nsp_l.item(), len(batch[0]), 1)
            timer.stop()
            step += 1
            if not math.isfinite(metric[0] + metric[1]):
                raise FloatingPointError(f"train_iter: the loss is no longer finite in step {step}")
            animator.add(step, (metric[0] / metric[3], metric[1] / metric[3]))
            if step == num_steps:
                break
        if step == before:
            raise ValueError("train_iter: expected at least one batch, got none")
    print(f"MLM loss {metric[0] / metric[3]:.3f}, NSP loss {metric[1] / metric[3]:.3f}")
    print(f"{metric[2] / max(timer.sum(), 1e-9):.1f} sentence pairs/sec on {devices}")


def get_bert_encoding(
    net: nn.Module,
    tokens_a: Sequence[str],
    tokens_b: Sequence[str] | None = None,
    *,
    vocab: Vocab | None = None,
    devices: Sequence[torch.device | str] | None = None,
) -> torch.Tensor:
    """The vectors of a text or a pair of texts, `<cls>` and `<sep>` included.

    The book leaves dropout on, so that each call gives other vectors; here the model is in evaluation mode
    meanwhile.

    Args:
        net: a `BERTModel`.
        tokens_a: words.
        tokens_b: words, or None.
        vocab: of the words; None for `d2l.vocab`.
        devices: the first is where the model is; None for that of the notebook, `d2l.devices`.

    Returns:
        (1, number of tokens, num_hiddens).

    Raises:
        ValueError: there is no vocabulary.

    Example:
        >>> net = BERTModel(9, 8, [8], 8, 8, 2, 1, 0.2, 8, 8, 8, 8, 8, 8, 8)
        >>> words = Vocab(["crane", "flies"], reserved_tokens=["<pad>", "<mask>", "<cls>", "<sep>"])
        >>> get_bert_encoding(net, ["crane", "flies"], vocab=words, devices=["cpu"]).shape
        torch.Size([1, 4, 8])
    """
    words = vocab if vocab is not None else sys.modules["fastnlp.d2l"].vocab
    if not isinstance(words, Vocab):
        raise ValueError("vocab: expected one, got None (pass vocab= or set d2l.vocab)")
    known = devices if devices is not None else sys.modules["fastnlp.d2l"].devices
    device = (known or try_all_gpus())[0]
    tokens, segments = get_tokens_and_segments(list(tokens_a), None if tokens_b is None else list(tokens_b))
    ids: Any = words[tokens]
    length = torch.tensor([len(tokens)], device=device)
    training = net.training
    net.eval()
    try:
        encoded: torch.Tensor = net(
            torch.tensor([ids], device=device), torch.tensor([segments], device=device), length
        )[0]
    finally:
        net.train(training)
    return encoded
