"""From the sums of updates to reports: means over all processes, speed, divergence, a hint."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

import numpy as np
import torch

from fastnlp.models.bert import BertConfig
from fastnlp.text import Vocab
from fastnlp.training.bert.checkpoints import RunPosition
from fastnlp.training.bert.processes import Processes
from fastnlp.training.bert.settings import PretrainingSettings
from fastnlp.training.bert.updates import BatchStream
from fastnlp.training.loop import DivergenceError
from fastnlp.training.pretraining_reports import PretrainingProgress

__all__ = ["Reporter", "unigram_entropy"]

_log = logging.getLogger("fastnlp")

_SMOOTHING = 0.9  # weight of the past in the loss that progress shows
_HINT_AFTER = 500  # updates, at least
_NORM, _TOKENS, _SEQUENCES, _STOP = 6, 7, 8, 9  # places behind the six sums of an update


def unigram_entropy(vocab: Vocab, special: tuple[int, ...]) -> float:
    """The MLM loss, in nats, of a model that knows how often words occur and nothing else.

    Args:
        vocab: with counts.
        special: ids that are never predicted.

    Example:
        >>> round(unigram_entropy(Vocab(["a", "b"], counts=[3, 1]), ()), 4)
        0.5623
    """
    counts = np.array(vocab.counts, np.float64)
    counts[list(special)] = 0
    shares = counts[counts > 0] / max(counts.sum(), 1.0)
    return float(-(shares * np.log(shares)).sum())


class Reporter:
    """Gathers what updates came to, and makes a report of it now and then.

    Args:
        config: of the model.
        settings: of the run.
        where: the processes.
        steps: updates in all.
        epochs: that the run goes through.
        position: where the run stands; its loss, tokens and seconds are kept up to date.
        entropy: of single words; infinite where it is not known.
    """

    def __init__(
        self,
        config: BertConfig,
        settings: PretrainingSettings,
        where: Processes,
        steps: int,
        epochs: int,
        position: RunPosition,
        entropy: float,
    ) -> None:
        self._config, self._settings, self._where = config, settings, where
        self._steps, self._epochs, self._position = steps, epochs, position
        self._entropy, self._hinted = entropy, False
        self._started = self._last = time.monotonic()
        self._first_step = position.step
        self._words = self._sequences = 0
        self._rows: list[torch.Tensor] = []
        self.saved: int | None = None

    def add(self, sums: torch.Tensor, norm: torch.Tensor, tokens: int, sequences: int) -> None:
        """Keeps an update; nothing waits for the device."""
        more = torch.tensor([tokens, sequences], dtype=torch.float64)
        row = torch.cat((sums.double(), norm.double().reshape(1), more.to(sums.device)))
        self._rows.append(row)

    def report(self, stream: BatchStream, stop: bool, scaled: bool) -> tuple[PretrainingProgress, bool]:
        """The state of the run, from all updates since the last report.

        Args:
            stream: of batches.
            stop: whether this process wants to end the run.
            scaled: whether gradients may overflow now and then, as with float16.

        Returns:
            The report, and whether any process wants to end the run.

        Raises:
            DivergenceError: a loss or a gradient was not finite.
        """
        rows = torch.stack(self._rows)
        self._rows.clear()
        flag = torch.full((len(rows), 1), float(stop), dtype=torch.float64, device=rows.device)
        table = self._where.sum(torch.cat((rows, flag), 1)).cpu().numpy()
        self._check(table, scaled)
        mlm_sum, mlm_weight, mlm_right, nsp_sum, pairs, nsp_right = table[:, :6].sum(0).tolist()
        mlm = mlm_sum / max(mlm_weight, 1e-12)
        nsp = nsp_sum / pairs if pairs else math.nan
        loss = mlm + (nsp if pairs else 0.0)
        position = self._position
        past = position.smooth_loss
        position.smooth_loss = loss if past is None else _SMOOTHING * past + (1 - _SMOOTHING) * loss
        tokens, sequences = int(table[:, _TOKENS].sum()), int(table[:, _SEQUENCES].sum())
        self._words += tokens
        self._sequences += sequences
        position.tokens += tokens
        now = time.monotonic()
        position.seconds += now - self._last
        self._last = now
        elapsed = max(now - self._started, 1e-9)
        done = position.step - self._first_step
        speed = self._words / elapsed
        self._hint(mlm)
        mfu = math.nan
        if self._settings.peak_flops and sequences:
            flops = self._config.flops_per_token(
                max(1, round(tokens / sequences)), max(1, round(mlm_weight / sequences))
            )
            mfu = flops * speed / (self._settings.peak_flops * self._where.size)
        report = PretrainingProgress(
            epoch=min(stream.epoch, self._epochs - 1) if position.step < self._steps else self._epochs,
            epochs=self._epochs,
            fraction=position.step / self._steps,
            words=self._words,
            words_per_second=speed,
            loss=position.smooth_loss,
            lr=self._settings.lr_at(position.step - 1, self._steps),
            elapsed=elapsed,
            remaining=(self._steps - position.step) * elapsed / max(done, 1),
            items="tokens",
            step=position.step,
            steps=self._steps,
            mlm_loss=mlm,
            nsp_loss=nsp,
            mlm_accuracy=mlm_right / max(mlm_weight, 1e-12),
            nsp_accuracy=nsp_right / pairs if pairs else math.nan,
            sequences_per_second=self._sequences / elapsed,
            gradient_norm=float(table[-1, _NORM]) / self._where.size,
            mfu=mfu,
        )
        return report, bool(table[:, _STOP].any())

    def _check(self, table: Any, scaled: bool) -> None:
        good = np.isfinite(table[:, :6]).all(1)
        if not scaled:
            good &= np.isfinite(table[:, _NORM])
        if good.all():
            return
        bad = int(np.argmin(good))
        step = self._position.step - len(table) + bad + 1
        what = "the loss" if not np.isfinite(table[bad, :6]).all() else "the gradient"
        kept = (
            "there is no checkpoint"
            if self.saved is None
            else f"the last checkpoint is that of update {self.saved:,}"
        )
        raise DivergenceError(
            f"lr: training diverged with {self._settings.lr:g}: {what} is no longer a finite number in "
            f"update {step:,}; {kept}; start again with a smaller one or a longer warm-up"
        )

    def _hint(self, mlm: float) -> None:
        """Says once what to do where nothing but the frequencies of words is learned."""
        settings, step = self._settings, self._position.step
        rising = settings.warmup if settings.warmup >= 1 else settings.warmup * self._steps
        if self._hinted or step < max(_HINT_AFTER, 2 * rising) or mlm < self._entropy - 0.1:
            return
        self._hinted = True
        _log.warning(
            "the loss of masked words is %.2f after %d updates, near the %.2f of their frequencies alone; "
            "where it stays there, take a smaller learning rate than %g or a longer warm-up than %d updates",
            mlm, step, self._entropy, settings.lr, rising,
        )  # fmt: skip
