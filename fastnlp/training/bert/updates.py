"""One update of the parameters: batches, losses, gradients, the optimizer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from fastnlp.models.bert import BertForPreTraining, PackedExamples
from fastnlp.sampling import BertBatch, BertExamples, UnpaddedBertBatch
from fastnlp.training.bert.processes import Processes
from fastnlp.training.bert.settings import PretrainingSettings

__all__ = ["BatchStream", "Objective", "Updater", "autocast_type", "evaluate", "pack"]

SUMS = 6  # of MLM losses, weights, words right, NSP losses, pairs, pairs right


class Objective(nn.Module):
    """The loss of the model as a forward pass, which is what DDP and FSDP can wrap."""

    def __init__(self, model: BertForPreTraining) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, examples: PackedExamples, mlm_total: torch.Tensor, nsp_total: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss to go back from, and (6,) sums for reports."""
        out = self.model.losses(examples, mlm_total=mlm_total, nsp_total=nsp_total)
        pairs = float(examples.sequences if examples.is_next is not None else 0)
        sums = [
            out.mlm_loss.float() * mlm_total, examples.weights.sum(), out.mlm_correct,
            out.nsp_loss.float() * nsp_total, torch.full_like(nsp_total, pairs), out.nsp_correct,
        ]  # fmt: skip
        return out.loss, torch.stack([value.detach().float() for value in sums])


def autocast_type(settings: PretrainingSettings, device: torch.device) -> torch.dtype | None:
    """The type of products, or None for float32."""
    if settings.precision == "auto":
        if device.type == "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else None
        return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else None
    names = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
    return names[settings.precision]


def pack(
    batch: BertBatch | UnpaddedBertBatch, model: BertForPreTraining, device: torch.device
) -> PackedExamples:
    """A batch as the model takes it, with its padding where it has some."""
    sizes = {"vocab_size": model.config.vocab_size, "type_vocab_size": model.config.type_vocab_size}
    if isinstance(batch, UnpaddedBertBatch):
        return PackedExamples.from_unpadded(batch, **sizes, device=device)
    return PackedExamples.padded(batch, **sizes, device=device)


class BatchStream:
    """Batches of one epoch after another, from any place on.

    Only whole batches are taken, so that all updates are alike and every process has its part; of an epoch
    that has none, what there is.

    Args:
        data: what the batches are made of.
        batch_size: sequences.
        unpadded: without padding.
        epoch: of the first batch.
        index: of the first batch in it.

    Attributes:
        epoch: of the next batch.
        index: of the next batch in it.
    """

    def __init__(
        self, data: BertExamples, batch_size: int, unpadded: bool, epoch: int = 0, index: int = 0
    ) -> None:
        self._data, self._size = data, batch_size
        self._batches = data.unpadded_batches if unpadded else data.batches
        self.epoch, self.index = epoch, index
        self._coming: Iterator[BertBatch | UnpaddedBertBatch] | None = None

    def batches_in(self, epoch: int) -> int:
        """Batches that are taken of an epoch; at least 1."""
        whole = self._data.n_examples(epoch) // (self._size * self._data.world_size)
        if not whole and (self._data.world_size > 1 or not self._data.n_batches(epoch, self._size)):
            raise ValueError(
                f"batch_size: expected at most {self._data.n_examples(epoch)} sequences, those of an epoch, "
                f"on all processes together, got {self._size * self._data.world_size}"
            )
        return max(1, whole)

    def take(self) -> BertBatch | UnpaddedBertBatch:
        """The next batch."""
        if self.index >= self.batches_in(self.epoch):
            self.close()
            self.epoch, self.index = self.epoch + 1, 0
        if self._coming is None:
            self._coming = self._batches(self.epoch, self._size, self.index)
        batch = next(self._coming)
        self.index += 1
        return batch

    def close(self) -> None:
        """Ends the thread that makes batches ahead."""
        close: Any = getattr(self._coming, "close", None)
        if close is not None:
            close()
        self._coming = None


class Updater:
    """Makes updates.

    Args:
        model: on its device; its parameters are changed.
        settings: of the run.
        where: the processes.
        total: updates in all.

    Attributes:
        optimizer: AdamW.
        scaler: of losses in float16; else it does nothing.
    """

    def __init__(
        self, model: BertForPreTraining, settings: PretrainingSettings, where: Processes, total: int
    ) -> None:
        self._settings, self._where, self._total = settings, where, total
        self.model = model
        model.bert.encoder.checkpointing = settings.checkpointing
        objective = Objective(model)
        self._sharded = where.size > 1 and settings.parallel == "fsdp"
        self.objective = where.spread(objective, list(model.bert.encoder.layer), settings.parallel)
        self._run: Any = self.objective
        if settings.compile:
            mode = None if settings.compile is True else settings.compile
            self._run = torch.compile(self.objective, mode=mode)
        self._kind = autocast_type(settings, where.device)
        self.scaler = torch.amp.GradScaler(where.device.type, enabled=self._kind == torch.float16)
        self.optimizer = torch.optim.AdamW(
            model.parameter_groups(settings.weight_decay),
            lr=settings.lr,
            betas=(settings.beta1, settings.beta2),
            eps=settings.epsilon,
            fused=not self._sharded,
        )
        self.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Products in the type of the settings."""
        if self._kind is None:
            return contextlib.nullcontext()
        return torch.autocast(self._where.device.type, self._kind)

    def update(self, stream: BatchStream, step: int) -> tuple[torch.Tensor, torch.Tensor, int, int]:
        """Takes the batches of an update and makes it.

        Args:
            stream: of batches.
            step: of the run, 0 for the first.

        Returns:
            (6,) sums and the norm of the gradient, on the device; real tokens and sequences of this process.
        """
        settings, where = self._settings, self._where
        parts = [stream.take() for _ in range(settings.accumulate)]
        packed = [pack(part, self.model, where.device) for part in parts]
        pairs = sum(part.sequences for part in packed if part.is_next is not None)
        totals = torch.tensor([sum(part.weight for part in packed), pairs], dtype=torch.float64)
        if where.size > 1:
            totals = where.sum(totals.to(where.device)).cpu()
        # Gradients of processes are averaged, so each divides by its share of what all have.
        mlm_total, nsp_total = (totals / where.size).clamp_min(1e-12).float().to(where.device).unbind()
        for group in self.optimizer.param_groups:
            group["lr"] = settings.lr_at(step, self._total)
        self.optimizer.zero_grad(set_to_none=True)
        sums = torch.zeros(SUMS, device=where.device)
        for i, part in enumerate(packed):
            with self._apart(i + 1 < len(packed)):
                with self.autocast():
                    loss, mine = self._run(part, mlm_total, nsp_total)
                torch.autograd.backward(self.scaler.scale(loss))
            sums += mine
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, settings.clip or float("inf"), foreach=True)
        norm = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
        self.scaler.step(self.optimizer)
        self.scaler.update()
        tokens = sum(part.n_tokens for part in parts)
        return sums, norm.detach(), tokens, sum(part.sequences for part in packed)

    def _apart(self, more: bool) -> contextlib.AbstractContextManager[Any]:
        """Gradients are exchanged with the last part of an update alone."""
        if more and isinstance(self.objective, nn.parallel.DistributedDataParallel):
            return self.objective.no_sync()
        if self._sharded:
            self.objective.set_requires_gradient_sync(not more)  # type: ignore[operator]
        return contextlib.nullcontext()


def evaluate(
    updater: Updater, data: BertExamples, batch_size: int, batches: int, where: Processes
) -> list[float]:
    """(6,) sums over the first batches of epoch 0 of other data, in evaluation mode."""
    model, objective = updater.model, updater.objective
    training = model.training
    objective.eval()
    sums, one = torch.zeros(SUMS, device=where.device), torch.ones((), device=where.device)
    count = min(batches, max(1, data.n_examples(0) // (batch_size * data.world_size)))
    with torch.no_grad(), updater.autocast():
        for index in range(count):
            examples = pack(data.unpadded_batch(0, index, batch_size), model, where.device)
            sums += objective(examples, one, one)[1]
    objective.train(training)
    return [float(value) for value in where.sum(sums)]
