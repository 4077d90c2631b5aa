"""The loop that drives an engine: slices, progress, divergence, checkpoints and signals."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from fastnlp.models import ParameterTables
from fastnlp.training.checkpoint import RunState
from fastnlp.training.engine import Engine, RunConfig
from fastnlp.training.progress import EpochReport, Progress
from fastnlp.training.stopping import stop_request

__all__ = ["DivergenceError", "run"]

_SLICE = 0.1  # seconds: Ctrl-C is answered within two slices, and Python costs nothing between them
_LARGEST = 1e15  # of any parameter; the squares that AdaGrad adds up stay far below
_SMOOTHING = 0.8  # weight of the past in the loss that progress shows


class DivergenceError(ArithmeticError):
    """The parameters grew without bound; the message says where, and what to change."""


def run(
    engine: Engine,
    tables: ParameterTables,
    state: RunState,
    config: RunConfig,
    *,
    report: Callable[[Progress], bool],
    score: Callable[[], Mapping[str, float]] | None = None,
    save: Callable[[], None] | None = None,
    save_every: float = math.inf,
    agree: Callable[[bool], bool] = bool,
) -> None:
    """Trains from where `state` stands to the end, and keeps `state` true to the tables all the way.

    Args:
        engine: what trains a slice.
        tables: the parameters, which the engine changes in place.
        state: changed in place; on any exception it tells which units the tables have seen.
        config: of the model.
        report: called after each slice; True ends the run there.
        score: called after each epoch for figures that go into its report; None for none.
        save: called every `save_every` seconds, after each epoch and at a stop; None for never.
        save_every: seconds.
        agree: what all processes that train together take for a flag that is set in some of them.

    Raises:
        KeyboardInterrupt, SystemExit: Ctrl-C was pressed, or SIGTERM came; the state was saved.
        DivergenceError: the loss is not finite or far above chance; nothing was saved since.
        ValueError: there was no pair to train in any epoch.
    """
    started = saved = time.monotonic()
    items, smooth_loss = 0, math.nan
    total = engine.size * config.epochs
    with stop_request() as asked:
        while state.epoch < config.epochs:
            slice_started = time.monotonic()
            done = engine.train(state.epoch, state.unit, _SLICE)
            now = time.monotonic()
            position = engine.position(done.next_unit)
            items += position - engine.position(state.unit)
            if done.loss_pairs:
                loss = done.loss / done.loss_pairs
                _check_loss(loss, engine.loss_limit, config, state.epoch, position / engine.size)
                smooth_loss = (
                    loss if math.isnan(smooth_loss) else _SMOOTHING * smooth_loss + (1 - _SMOOTHING) * loss
                )
            state.unit = done.next_unit
            state.kept += done.kept
            state.pairs += done.pairs
            state.loss += done.loss
            state.loss_pairs += done.loss_pairs
            state.seconds += now - slice_started
            past = state.epoch * engine.size + position
            epoch_over = state.unit >= engine.units
            if epoch_over:
                engine.synchronize()
                _check_largest(tables.largest(), config, state.epoch)
                _finish_epoch(state, {} if score is None else dict(score()))
            elapsed = now - started
            stop = report(
                Progress(
                    epoch=state.epoch,
                    epochs=config.epochs,
                    fraction=past / total,
                    words=items,
                    words_per_second=items / max(elapsed, 1e-9),
                    loss=smooth_loss,
                    lr=engine.lr_at(state.epoch, state.unit),
                    elapsed=elapsed,
                    remaining=(total - past) / max(items, 1) * elapsed,
                    items=engine.items,
                )
            )
            stop, pressed = agree(stop), agree(asked())
            if save and (stop or pressed or epoch_over or now - saved >= save_every):
                save()
                saved = time.monotonic()
            if pressed:
                raise asked.error()
            if stop:
                return
    if not any(epoch.pairs for epoch in state.history):
        raise ValueError(
            "corpus: expected sentences with two words or more that survive subsampling, got none; "
            "is each line one word, or (in a small text) is subsample=0 what you want?"
        )


def _finish_epoch(state: RunState, scores: dict[str, float]) -> None:
    """Moves the sums of the epoch into the history."""
    loss = state.loss / state.loss_pairs if state.loss_pairs else math.nan
    state.history.append(EpochReport(state.epoch, loss, state.kept, state.pairs, state.seconds, scores))
    state.epoch += 1
    state.unit = state.kept = state.pairs = state.loss_pairs = 0
    state.loss = state.seconds = 0.0


def _check_loss(loss: float, limit: float, config: RunConfig, epoch: int, fraction: float) -> None:
    """Refuses a loss that only runaway parameters give."""
    if not math.isfinite(loss) or loss > limit:
        raise DivergenceError(_divergence(f"the loss is {loss:.4g} a pair", config, epoch, fraction))


def _check_largest(largest: float, config: RunConfig, epoch: int) -> None:
    """Refuses parameters of a size that no learning comes to, however well they predict a small text."""
    if not largest < _LARGEST:
        raise DivergenceError(_divergence(f"a parameter has grown to {largest:.4g}", config, epoch, 1.0))


def _divergence(what: str, config: RunConfig, epoch: int, fraction: float) -> str:
    return (
        f"lr: training diverged with {config.lr:g}: {what}, {fraction:.0%} into epoch {epoch + 1} of "
        f"{config.epochs}; start again with a smaller one (the default is {type(config)().lr:g})"
    )
