"""Skip-gram with negative sampling in torch: the score, the loss, the training loop, the neighbours."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import closing

import torch
from torch import nn

from fastnlp.d2l.embedding import TokenEmbedding, nearest_tokens
from fastnlp.d2l.hardware import try_gpu
from fastnlp.d2l.progress import Accumulator, Animator, Timer
from fastnlp.d2l.vocabulary import Vocab
from fastnlp.kernels import skipgram_bce
from fastnlp.kernels.backends import Backend, choose_backend
from fastnlp.kernels.checks import expect_range
from fastnlp.training.torch_prefetch import prefetched

Batches = Collection[tuple[torch.Tensor, ...]] | torch.utils.data.DataLoader[tuple[torch.Tensor, ...]]
Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def skip_gram(
    center: torch.Tensor,
    contexts_and_negatives: torch.Tensor,
    embed_v: nn.Module,
    embed_u: nn.Module,
) -> torch.Tensor:
    """Dot products of each center with its contexts and negatives.

    Args:
        center: (B, 1) integers.
        contexts_and_negatives: (B, L) integers.
        embed_v: the centers' embedding, V x D.
        embed_u: the contexts' embedding, V x D.

    Returns:
        (B, 1, L) scores.

    Example:
        >>> embed = nn.Embedding(num_embeddings=20, embedding_dim=4)
        >>> embed
        Embedding(20, 4)
        >>> center, words = torch.ones((2, 1), dtype=torch.long), torch.ones((2, 4), dtype=torch.long)
        >>> skip_gram(center, words, embed, embed).shape
        torch.Size([2, 1, 4])
    """
    v = embed_v(center)
    u = embed_u(contexts_and_negatives)
    # (B, L, D) x (B, D, 1) rather than (B, 1, D) x (B, D, L): the gradient of u comes out in the order of u,
    # so that no (B, L, D) copy is made on the way back.
    return torch.bmm(u, v.permute(0, 2, 1)).permute(0, 2, 1)


class SigmoidBCELoss(nn.Module):
    """Binary cross-entropy of scores, mean over the columns, masked columns counted as 0.

    Example:
        >>> pred = torch.tensor([[1.1, -2.2, 3.3, -4.4]] * 2)
        >>> label = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
        >>> mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
        >>> SigmoidBCELoss()(pred, label, mask) * mask.shape[1] / mask.sum(axis=1)
        tensor([0.9352, 1.8462])
    """

    def forward(
        self, inputs: torch.Tensor, target: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The loss of each row.

        Args:
            inputs: (B, L) scores.
            target: (B, L) float, 1 for contexts and 0 for negatives.
            mask: (B, L), 1 for real words and 0 for padding; None for no padding.

        Returns:
            (B,) in nats: the sum over the real columns, divided by L.
        """
        out = nn.functional.binary_cross_entropy_with_logits(inputs, target, weight=mask, reduction="none")
        return out.mean(dim=1)


def sigmd(x: float) -> float:
    """-log(sigmoid(x)), in nats, for scores of any size.

    Args:
        x: the score.

    Returns:
        The loss of a positive example; that of a negative one is sigmd(-x).

    Example:
        >>> print(f"{(sigmd(1.1) + sigmd(2.2) + sigmd(-3.3) + sigmd(4.4)) / 4:.4f}")
        0.9352
        >>> print(f"{(sigmd(-1.1) + sigmd(-2.2)) / 2:.4f}")
        1.8462
    """
    return math.log1p(math.exp(-abs(x))) + max(-x, 0.0)


def _notebook_name(name: str) -> object:
    """What the notebook put into `d2l.<name>`."""
    return sys.modules["fastnlp.d2l"].__dict__[name]


_FUSED_ON = {"cuda"}  # elsewhere the operation is the same steps


def _fused_tables(
    net: nn.Sequential, measure: object, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Both tables, if the embeddings are plain and the loss is the one that is built in."""
    if device.type not in _FUSED_ON or type(measure) is not SigmoidBCELoss or measure._forward_hooks:
        return None
    layers = [layer for layer in list(net)[:2] if type(layer) is nn.Embedding]
    plain = len(layers) == 2 and all(
        (layer.max_norm, layer.padding_idx) == (None, None)
        and not (layer.sparse or layer.scale_grad_by_freq or layer._forward_hooks)
        and layer.weight.dtype == torch.float32
        and layer.embedding_dim == layers[0].embedding_dim <= 4096
        for layer in layers
    )
    return (layers[0].weight, layers[1].weight) if plain else None


def _fused_batch(batch: Sequence[torch.Tensor], rows: tuple[int, int]) -> tuple[torch.Tensor, ...]:
    """A batch whose masks and labels are 0 and 1, with masks and labels of bool; else as it is.

    Ids are looked through here, where they are still on the CPU, so that nothing waits for the GPU.
    """
    if any(data.is_floating_point() for data in batch):
        return tuple(batch)
    center, words, mask, label = batch
    center = center.reshape(-1)
    expect_range("center", center, rows[0])
    expect_range("contexts_negatives", words, rows[1])
    return center, words, mask != 0, label != 0


def train(
    net: nn.Sequential,
    data_iter: Batches,
    lr: float,
    num_epochs: int,
    device: torch.device | str | None = None,
    *,
    loss: Loss | None = None,
    backend: Backend | None = None,
) -> None:
    """Trains two embeddings by skip-gram with negative sampling and prints the loss and the speed.

    Weights are drawn anew (Xavier, uniform) and updated by Adam. The printed line is the book's, with its
    figures put right: the loss is the mean of the last epoch, where the book takes the mean of all epochs;
    the speed is the centers of all epochs over the time of all epochs, where the book divides by the last
    epoch's time. As in the book, a "token" is a center, with all its contexts and negatives. Fewer than five
    batches are no division by zero.

    On CUDA, plain float32 embeddings under `SigmoidBCELoss` go through `fastnlp.kernels.skipgram_bce`, which
    reads each row once, if masks and labels are integers or bool; all else goes step by step as in the book.
    There a thread takes the next batches from `data_iter`, and they are copied from pinned memory while the
    present one is trained on (`fastnlp.training.torch_prefetch`).

    Args:
        net: the centers' and the contexts' embedding.
        data_iter: batches of `batchify`, with a length.
        lr: Adam's learning rate, 0.002 in the book.
        num_epochs: at least 1.
        device: None for `try_gpu()`.
        loss: (scores, labels, mask) -> (B,); None for `d2l.loss`.
        backend: of `skipgram_bce`, where it is used: "triton", "torch", or None for Triton.

    Raises:
        ValueError: there is no batch or no epoch, or `lr` is negative.
        RuntimeError: `skipgram_bce` is to be used and triton is not installed; nothing has been changed then.
        FloatingPointError: the loss is no longer finite; `lr` is too large.

    Example:
        >>> net = nn.Sequential(nn.Embedding(5, 2), nn.Embedding(5, 2))
        >>> from fastnlp.d2l import batchify
        >>> train(net, [batchify([(1, [2, 3], [4, 4])])], 0.01, 2, "cpu")  # doctest: +ELLIPSIS
        loss 0..., ... tokens/sec on cpu
    """
    num_batches = len(data_iter)
    if num_batches == 0:
        raise ValueError("data_iter: expected at least one batch, got none")
    if num_epochs < 1:
        raise ValueError(f"num_epochs: expected at least 1, got {num_epochs}")
    device = try_gpu() if device is None else torch.device(device)
    measure: Loss = loss or _notebook_name("loss")  # type: ignore[assignment]
    if _fused_tables(net, measure, device) is not None:
        choose_backend(backend, device)  # now, and not once weights are drawn and batches are read

    def init_weights(module: nn.Module) -> None:
        if isinstance(module, nn.Embedding):
            nn.init.xavier_uniform_(module.weight)

    net.apply(init_weights)
    net = net.to(device)
    tables = _fused_tables(net, measure, device)

    def ready(batch: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        return tuple(batch) if tables is None else _fused_batch(batch, (len(tables[0]), len(tables[1])))

    optimizer = torch.optim.Adam(net.parameters(), lr=lr, fused=device.type in ("cpu", "cuda"))
    animator = Animator(xlabel="epoch", ylabel="loss", xlim=[1, num_epochs])
    timer, rows = Timer(), 0
    for epoch in range(num_epochs):
        metric = Accumulator(2)  # sum of losses, rows
        since_point = torch.zeros((), device=device)
        rows_since_point = 0
        with closing(prefetched(map(ready, data_iter), device)) as batches:
            for i, (center, context_negative, mask, label) in enumerate(batches):
                optimizer.zero_grad()
                if tables is not None and label.dtype == mask.dtype == torch.bool:
                    per_row = skipgram_bce(
                        center, context_negative, label, mask, *tables, validate=False, backend=backend
                    )
                else:
                    scores = skip_gram(center, context_negative, net[0], net[1]).reshape(label.shape)
                    per_row = measure(scores.float(), label.float(), mask) / mask.sum(dim=1) * mask.shape[1]
                total = per_row.sum()
                total.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                since_point += total.detach()
                rows_since_point += per_row.numel()
                if (i + 1) % max(1, num_batches // 5) == 0 or i == num_batches - 1:
                    metric.add(since_point.item(), rows_since_point)
                    since_point.zero_()
                    rows_since_point = 0
                    mean = metric[0] / metric[1]
                    if not math.isfinite(mean):
                        raise FloatingPointError(
                            f"lr: the loss is {mean} in epoch {epoch + 1}; take less than {lr}"
                        )
                    animator.add(epoch + (i + 1) / num_batches, (mean,))
        rows += int(metric[1])
    seconds = max(timer.stop(), 1e-9)
    print(f"loss {metric[0] / metric[1]:.3f}, {rows / seconds:.1f} tokens/sec on {device}")


def get_similar_tokens(
    query_token: str, k: int, embed: nn.Embedding | TokenEmbedding, vocab: Vocab | None = None
) -> None:
    """Prints the k words whose vectors are closest to a word's, with their cosines.

    The book has two functions of this name, and this is both. Of an `nn.Embedding` the cosine is
    x.y / sqrt(|x|^2 |y|^2 + 1e-9), so a vector of zeros is close to nothing rather than NaN; of a
    `TokenEmbedding` it is that of `knn`. The word itself is left out by its place in the table; the second of
    the book leaves out whatever comes first.

    Args:
        query_token: a word of the vocabulary.
        k: 1 to the size of the vocabulary - 1.
        embed: V x D.
        vocab: index -> word, of an `nn.Embedding`; None for `d2l.vocab`.

    Raises:
        ValueError: the word is not in the vocabulary, `k` is out of range, or there is no vocabulary.
        TypeError: `embed` is no embedding.

    Example:
        >>> embed = nn.Embedding.from_pretrained(torch.tensor([[0.0, 1.0], [1.0, 0.1], [1.0, 0.2]]))
        >>> get_similar_tokens("a", 1, embed, vocab=Vocab(["a", "b"]))
        cosine sim=0.995: b
    """
    if isinstance(embed, TokenEmbedding):
        for token, cosine in nearest_tokens(query_token, k, embed):
            print(f"{token}: cosine 相似度 = {cosine:.3f}")
        return
    if not isinstance(embed, nn.Embedding):
        raise TypeError(f"embed: expected an nn.Embedding or a TokenEmbedding, got {type(embed).__name__}")
    words = vocab if vocab is not None else _notebook_name("vocab")
    if not isinstance(words, Vocab):
        raise ValueError("vocab: expected one, got None (pass vocab= or set d2l.vocab)")
    if query_token not in words.token_to_idx:
        raise ValueError(f"query_token: expected a word of the vocabulary, got {query_token!r}")
    weights = embed.weight.detach()
    if not 1 <= k < len(weights):
        raise ValueError(f"k: expected 1 to {len(weights) - 1}, got {k}")
    query = words[query_token]
    x = weights[query]
    cosines = torch.mv(weights, x) / torch.sqrt(torch.sum(weights * weights, dim=1) * torch.sum(x * x) + 1e-9)
    nearest = [i for i in torch.topk(cosines, k=k + 1).indices.tolist() if i != query]
    for i in nearest[:k]:
        print(f"cosine sim={cosines[i].item():.3f}: {words.to_tokens(i)}")
