"""The torch engine: word2vec, with subwords or without, in plain torch on any device.

It is written to be read: the truth that engines with kernels are tested against. What is drawn is what the
native engine draws, token by token; what differs is when rows move. Centers are trained in blocks: all of a
block read the tables as they stood before it, and their changes are added up when it is done (mini-batch
gradient descent, with the damping of `fastnlp.training.damping`). Blocks end with units.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import softplus

from fastnlp.models.fasttext import FastTextTables
from fastnlp.models.word2vec import Word2VecConfig, Word2VecTables
from fastnlp.text import Corpus
from fastnlp.training.damping import damping, together
from fastnlp.training.devices import check_memory
from fastnlp.training.torch_draws import Draws, Tokens
from fastnlp.training.word2vec_units import Word2VecUnits

__all__ = ["TorchEngine", "TorchReport"]

_LOSS_EVERY = 64  # the loss is measured on positions that are a multiple of it


@dataclass
class TorchReport:
    """What an engine on torch did in one call; see `SliceReport`."""

    next_unit: int
    kept: int = 0
    pairs: int = 0
    loss_pairs: int = 0
    loss: float = 0.0


class TorchEngine(Word2VecUnits):
    """Skip-gram or CBOW, by negative sampling or hierarchical softmax, in blocks of centers.

    Attributes:
        block: centers that are trained together.
    """

    def __init__(
        self,
        config: Word2VecConfig,
        corpus: Corpus,
        tables: Word2VecTables | FastTextTables,
        device: str = "cpu",
        block: int = 256,
    ) -> None:
        """Puts the tables on the device; on the CPU they are trained where they stand.

        Args:
            config: of the model.
            corpus: stays in the memory of the host; a unit of it at a time goes to the device.
            tables: the parameters.
            device: of torch.
            block: centers that are trained together.

        Raises:
            ValueError: the corpus has no word that can be a negative for another.
            MemoryError: the device has no room for the tables.
        """
        super().__init__(config, corpus, tables)
        self.block = block
        self._config, self._corpus, self._tables = config, corpus, tables
        self._device = torch.device(device)
        check_memory(self._device, tables=tables.padded_input.nbytes + tables.padded_output.nbytes)
        self._input, self._output = (
            torch.from_numpy(table).to(self._device) for table in (tables.padded_input, tables.padded_output)
        )
        self._draws = Draws(
            self.keep,
            self.noise,
            seed=config.seed,
            window=config.window,
            shrink=config.shrink_windows,
            negatives=config.negatives,
            shared_by=self._native.shared_by,
            set_size=self._native.set_size,
            set_step=self._native.set_step,
            device=self._device,
        )
        self._input_damping, self._output_damping = (
            self._constant(damping(updates, block, most))
            for updates, most in zip(self._updates, together(tables), strict=True)
        )
        if tables.tree is not None:
            self._path, self._path_offsets = (
                self._constant(tables.tree.path.astype(np.int64)),
                self._constant(tables.tree.path_offsets),
            )
        if isinstance(tables, FastTextTables):
            self._parts, self._part_offsets = (
                self._constant(tables.parts.astype(np.int64)),
                self._constant(tables.part_offsets),
            )

    def _constant(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self._device)

    def train(self, epoch: int, unit: int, seconds: float, stop: int | None = None) -> TorchReport:
        """Trains whole units from `unit` on for about `seconds`, to `stop` or to the end of the epoch."""
        deadline = time.monotonic() + seconds
        report = TorchReport(unit)
        end = self.units if stop is None else stop
        with torch.no_grad():
            while report.next_unit < end:
                self._train_unit(epoch, report.next_unit, report)
                report.next_unit += 1
                if time.monotonic() >= deadline:
                    break
        return report

    def synchronize(self) -> None:
        """Brings the tables of the model up to date with those on the device."""
        if self._device.type != "cpu":
            torch.from_numpy(self._tables.padded_input).copy_(self._input)
            torch.from_numpy(self._tables.padded_output).copy_(self._output)

    def parameters(self) -> list[Any]:
        """The tables on the device."""
        return [self._input, self._output]

    def _train_unit(self, epoch: int, unit: int, report: TorchReport) -> None:
        size = self._native.unit_size
        tokens = self._draws.tokens(
            self._corpus.ids,
            self._corpus.sentence_offsets,
            self._native.piece_size,
            unit * size,
            min((unit + 1) * size, self.size),
            epoch,
        )
        report.kept += len(tokens)
        drawn = self._draws.negatives(tokens, epoch) if self.noise is not None and len(tokens) else None
        lr = self.lr_at(epoch, unit)
        for begin in range(0, len(tokens), self.block):
            end = min(begin + self.block, len(tokens))
            self._train_block(tokens, begin, end, None if drawn is None else drawn[begin:end], lr, report)

    def _train_block(
        self, tokens: Tokens, begin: int, end: int, drawn: Tensor | None, lr: float, report: TorchReport
    ) -> None:
        """Trains centers [begin, end): scores of b x contexts x outputs, their gradients, both updates."""
        window = self._config.window
        at, real = tokens.contexts(begin, end, window)
        first, last = max(begin - window, 0), min(end + window, len(tokens))  # tokens that are contexts here
        nearby = tokens.word[first:last]
        vectors = self._compose(nearby)
        slots = (at - first).clamp(0, last - first - 1)
        rows, labels, valid = self._outputs(tokens.word[begin:end], drawn, real)
        x = vectors[slots] * real[:, :, None]  # (b, 2W, D)
        if self._config.architecture == "cbow":
            n = real.sum(1).clamp(min=1)[:, None, None]
            mean = self._config.cbow_contexts != "sum"
            x = x.sum(1, keepdim=True) / n if mean else x.sum(1, keepdim=True)
            valid = valid & real.any(1)[:, None, None]  # a center without contexts learns nothing
        else:
            valid = valid & real[:, :, None]
        y = self._output[rows]  # (b, M, D), or (b, 2W, M, D) where each pair has outputs of its own
        pairwise = y.dim() == 4
        scores = (x[:, :, None] @ y.mT)[:, :, 0] if pairwise else x @ y.mT  # (b, contexts, M)
        gradients = (labels - scores.sigmoid()) * valid * lr
        dx = (gradients[:, :, None] @ y)[:, :, 0] if pairwise else gradients @ y
        dy = gradients[..., None] * x[:, :, None] if pairwise else gradients.mT @ x
        if self._config.architecture == "cbow":
            if self._config.cbow_contexts == "mean":
                dx = dx / n
            dx = dx * real[:, :, None]
        self._measure(tokens.position[begin:end], scores, labels, valid, report)
        change = torch.zeros_like(vectors)
        self._add(change, slots.flatten(), dx.reshape(-1, dx.shape[-1]))
        self._teach(nearby, change)
        rows = rows.flatten()
        dy = dy.reshape(len(rows), -1)
        self._add(self._output, rows, dy * self._output_damping[rows][:, None])

    def _compose(self, words: Tensor) -> Tensor:
        """(n, D) the input vectors of words: a row each, or of fastText the mean or sum of several."""
        if not isinstance(self._tables, FastTextTables):
            return self._input[words]
        parts, owner = self._parts_of(words)
        total = self._input.new_zeros(len(words), self._input.shape[1])
        self._add(total, owner, self._input[parts])
        counts = torch.bincount(owner, minlength=len(words)).clamp(min=1)
        return total / counts[:, None] if self._tables.mean else total

    def _teach(self, words: Tensor, change: Tensor) -> None:
        """Adds what input vectors have learned to their rows; each row of a word gets the whole of it."""
        rows = words
        if isinstance(self._tables, FastTextTables):
            rows, owner = self._parts_of(words)
            change = change[owner]
        self._add(self._input, rows, change * self._input_damping[rows][:, None])

    def _parts_of(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """The rows that words are made of, and the number in `words` of the word that each belongs to."""
        begin, end = self._part_offsets[words], self._part_offsets[words + 1]
        return _ranges(self._parts, begin, end)

    def _outputs(self, words: Tensor, drawn: Tensor | None, real: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The output rows that centers meet, their labels, and which of them count.

        Rows are (b, M), or (b, 2W, M) with negatives for each pair; the others fit (b, contexts, M).
        """
        if drawn is None:
            begin, end = self._path_offsets[words], self._path_offsets[words + 1]
            longest = max(int((end - begin).max()), 1)
            step = begin[:, None] + torch.arange(longest, device=words.device)
            valid = step < end[:, None]
            path = self._path[step.clamp(max=len(self._path) - 1)]
            return path >> 1, (1 - (path & 1)).float()[:, None], valid[:, None]
        k = self._config.negatives
        if self._draws.shared_by == "pair":
            # The contexts of a center take their negatives in turn, so the i-th real one has the i-th K.
            turn = (real.cumsum(1) - 1).clamp(min=0)
            drawn = drawn.reshape(len(words), -1, k).gather(1, turn[:, :, None].expand(-1, -1, k))
            rows = torch.cat([words[:, None, None].expand(-1, real.shape[1], 1), drawn], 2)
        else:
            rows = torch.cat([words[:, None], drawn], 1)
        labels = torch.zeros(1 + k, device=words.device)
        labels[0] = 1.0
        return rows, labels, torch.ones_like(labels, dtype=torch.bool)

    def _measure(
        self, positions: Tensor, scores: Tensor, labels: Tensor, valid: Tensor, report: TorchReport
    ) -> None:
        """Counts the predictions, and sums the losses of those that are measured, in nats."""
        predictions = valid.any(2).sum(1)
        measured = positions % _LOSS_EVERY == 0
        losses = softplus(torch.where(labels == 1, -scores, scores)) * valid
        report.pairs += int(predictions.sum())
        report.loss_pairs += int(predictions[measured].sum())
        report.loss += float(losses[measured].double().sum())

    def _add(self, table: Tensor, rows: Tensor, changes: Tensor) -> None:
        """Adds changes to rows of a table, where it is asked for in an order that is always the same."""
        if self._config.deterministic and table.is_cuda:
            table.index_put_((rows,), changes, accumulate=True)  # sorts; index_add_ adds by atomics
        else:
            table.index_add_(0, rows, changes)


def _ranges(values: Tensor, begin: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """values[begin[i]:end[i]] for all i in a row, and the i of each."""
    counts = end - begin
    owner = torch.arange(len(begin), device=begin.device).repeat_interleave(counts)
    place = torch.arange(len(owner), device=begin.device) - (counts.cumsum(0) - counts)[owner]
    return values[begin[owner] + place], owner
