"""`BertPretrainer`: pretrains a BERT on a corpus, stops and goes on exactly."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import math
import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from fastnlp.models.bert import BertConfig, BertForPreTraining
from fastnlp.models.bert.pretrained import Tokenizer, as_tokenizer
from fastnlp.sampling import BertExamples
from fastnlp.text import Corpus
from fastnlp.training.bert.checkpoints import (
    RunPosition,
    SavedRun,
    check_folder,
    latest,
    read_checkpoint,
    restore_random,
    save_random,
    write_checkpoint,
)
from fastnlp.training.bert.data import Data, check_vocabulary, checked_examples, examples_of
from fastnlp.training.bert.optimizer_state import full_parameters, load_optimizer, optimizer_tensors
from fastnlp.training.bert.processes import Processes, processes
from fastnlp.training.bert.reports import Reporter, unigram_entropy
from fastnlp.training.bert.settings import PretrainingSettings
from fastnlp.training.bert.tensorboard import tensorboard_writer
from fastnlp.training.bert.updates import BatchStream, Updater, autocast_type, evaluate
from fastnlp.training.checkpoint import corpus_fingerprint
from fastnlp.training.pretraining_reports import PretrainingProgress, PretrainingTable
from fastnlp.training.progress import Progress, display_for
from fastnlp.training.stopping import stop_request

__all__ = ["BertPretrainer"]

_log = logging.getLogger("fastnlp")

_MAY_CHANGE = ("log_every", "peak_flops")  # settings that a run may be resumed without


class BertPretrainer:
    """Pretrains a BERT by masked words and the next sentence (Devlin et al. 2019).

    Args:
        model: an architecture, whose weights are drawn when `fit` begins, or a model to go on with.
        device: "auto" for a GPU where there is one, "cpu", "cuda" or "cuda:1". Under `torchrun` every process
            has one of its own.
        threads: of the CPU; None for those that torch has. With one, equal runs have equal bits.
        **settings: the fields of `PretrainingSettings`.

    Attributes:
        config: the architecture.
        settings: of the run.
        model: what was pretrained; None before `fit`.
        history: the reports of the last `fit`.
        unigram_entropy: the MLM loss, in nats, that the frequencies of words alone give on the corpus of the
            last `fit`.

    Raises:
        ValueError, TypeError: a setting is out of range or unknown.

    Example:
        >>> from fastnlp import BertConfig
        >>> special = ["[PAD]", "[MASK]", "[CLS]", "[SEP]"]
        >>> text = ["the cat sat", "a cat ran", "", "the dog sat", "a dog ran"] * 4
        >>> corpus = Corpus.from_text(text, min_count=1, reserved=special)
        >>> config = BertConfig(len(corpus.vocab), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        ...                     intermediate_size=16)
        >>> trainer = BertPretrainer(config, steps=3, batch_size=4, max_len=12, device="cpu")
        >>> trainer.fit(corpus).history[-1].step
        3
    """

    def __init__(
        self,
        model: BertConfig | BertForPreTraining,
        *,
        device: str = "auto",
        threads: int | None = None,
        **settings: Any,
    ) -> None:
        if not isinstance(model, (BertConfig, BertForPreTraining)):
            raise TypeError(
                f"model: expected a BertConfig or a BertForPreTraining, got {type(model).__name__}"
            )
        known = {field.name for field in dataclasses.fields(PretrainingSettings)}
        unknown = sorted(set(settings) - known)
        if unknown:
            raise TypeError(f"{unknown[0]}: expected a setting of pretraining: {', '.join(sorted(known))}")
        self.settings = PretrainingSettings(**settings)
        if threads is not None and threads < 1:
            raise ValueError(f"threads: expected at least 1, got {threads}")
        self.device, self.threads = device, threads
        self.model = model if isinstance(model, BertForPreTraining) else None
        self.config = model if isinstance(model, BertConfig) else model.config
        self.history: list[PretrainingProgress] = []
        self.unigram_entropy = math.nan

    def examples(self, corpus: Corpus, *, rank: int = 0, world_size: int = 1, **options: Any) -> BertExamples:
        """The examples that `fit` makes of a corpus, or with other rules for pairs and masks.

        Args:
            corpus: with the special tokens in its vocabulary.
            rank: of this process under torchrun.
            world_size: how many processes there are.
            **options: of `BertExamples`: `pairs`, `whole_words` and the like.

        Returns:
            What `fit` takes for `data` and `validation`.

        Raises:
            ValueError: as `BertExamples`.
        """
        return examples_of(corpus, self.config, self.settings, rank, world_size, **options)

    def fit(
        self,
        data: Data,
        *,
        tokenizer: Any = None,
        validation: Data | None = None,
        validate_every: int = 500,
        validation_batches: int = 20,
        progress: bool | Literal["auto"] | Callable[[Progress], Any] = "auto",
        callbacks: Iterable[Callable[[PretrainingProgress], Any]] = (),
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 1000,
        keep: int = 3,
        resume: bool = False,
        log: str | os.PathLike[str] | None = None,
        tensorboard: str | os.PathLike[str] | None = None,
    ) -> BertPretrainer:
        """Pretrains from the beginning, or goes on where a checkpoint stands.

        Ctrl-C ends the call with a KeyboardInterrupt after the update that is being made, and SIGTERM, which
        schedulers send, with SystemExit(143); the model keeps what it has learned, and the checkpoint, if
        there is a folder for them, is written. Of several processes all end, at the next report.

        Args:
            data: a corpus, or examples made from one in a way of your own; see `examples`.
            tokenizer: of the corpus, to be kept with the model: ours, a `tokenizers.Tokenizer`, or a fast
                one of transformers.
            validation: data that is not trained on, numbered by the same vocabulary.
            validate_every: updates between looks at it.
            validation_batches: batches of it to look at.
            progress: "auto" shows a bar on a terminal, True always shows progress, or a callable gets it.
            callbacks: more callables that get each report; one that returns True ends the run.
            checkpoint: a folder of checkpoints, each a pretrained model as well; without those of another
                run, unless this one resumes.
            checkpoint_every: updates between them; there is one at the end, too.
            keep: how many of them to keep, >= 1.
            resume: go on from the newest checkpoint, if there is one. On a CPU with one thread the losses and
                the result have the same bits as those of a run that was never stopped.
            log: a CSV file of the reports.
            tensorboard: a folder for TensorBoard, which has to be installed.

        Returns:
            The trainer itself; `model` is in evaluation mode.

        Raises:
            TypeError: `data` is neither a corpus nor examples, or `tokenizer` is none.
            ValueError: data and model do not fit together, the checkpoint is damaged or of another run, or
                the folder holds checkpoints that are not resumed from.
            RuntimeError: the device is not there.
            DivergenceError: a loss or a gradient is no longer finite; the last checkpoint stays.
            KeyboardInterrupt, SystemExit: Ctrl-C, SIGTERM.
        """
        for name, value in (
            ("validate_every", validate_every),
            ("validation_batches", validation_batches),
            ("checkpoint_every", checkpoint_every),
            ("keep", keep),
        ):
            if value < 1:
                raise ValueError(f"{name}: expected at least 1, got {value}")
        if resume and checkpoint is None:
            raise ValueError("resume: expected a folder of checkpoints to go on from, got checkpoint=None")
        folder = None if checkpoint is None else Path(checkpoint)
        kept = None if tokenizer is None else as_tokenizer(tokenizer)
        with ExitStack() as stack:
            where = processes(self.device)
            if folder is not None and where.first:
                check_folder(folder, resume)
            devices = [where.device] if where.device.type == "cuda" else []
            stack.enter_context(torch.random.fork_rng(devices))
            if self.threads is not None:
                stack.callback(torch.set_num_threads, torch.get_num_threads())
                torch.set_num_threads(self.threads)
            examples = self._examples(data, where, "data")
            checked = None if validation is None else self._examples(validation, where, "validation")
            if checked is not None:
                check_vocabulary(checked, examples)
            run = self._run_facts(examples, where)
            newest = latest(folder) if folder is not None and resume else None
            saved = None if newest is None else self._saved(newest, run, where)
            position = RunPosition() if saved is None else saved.position
            stream = BatchStream(
                examples,
                self.settings.batch_size,
                self.settings.leaves_out_padding,
                position.epoch,
                position.index,
            )
            stack.callback(stream.close)
            steps, epochs = self._length(stream)
            model = self._start(saved, kept, where)
            updater = Updater(model, self.settings, where, steps)
            if saved is not None:
                load_optimizer(model, updater.optimizer, saved.optimizer)
                if saved.position.scaler:
                    updater.scaler.load_state_dict(saved.position.scaler)
                restore_random(saved.random, where.rank)
            else:
                torch.manual_seed(self.settings.seed + 1 + where.rank)
            special = tuple(examples.special_tokens)
            self.unigram_entropy = unigram_entropy(examples.corpus.vocab, special)
            reporter = Reporter(
                self.config, self.settings, where, steps, epochs, position, self.unigram_entropy
            )
            reporter.saved = None if saved is None else position.step
            listeners: list[Callable[[Any], Any]] = []
            if where.first:
                listeners = self._listeners(stack, progress, callbacks, log, tensorboard, position.step)
            kind = autocast_type(self.settings, where.device)
            _log.info("training on %s in %s", where.device, kind or torch.float32)

            def save() -> None:
                if folder is not None and reporter.saved != position.step:
                    position.epoch, position.index = stream.epoch, stream.index
                    position.scaler = updater.scaler.state_dict()
                    _save(folder, model, updater, position, run, keep, where)
                    reporter.saved = position.step

            request = stack.enter_context(stop_request())
            model.train()
            self.history = []
            stop = pressed = False
            while position.step < steps:
                sums, norm, tokens, sequences = updater.update(stream, position.step)
                position.step += 1
                reporter.add(sums, norm, tokens, sequences)
                last = position.step == steps
                pressed = request()
                validating = checked is not None and (last or position.step % validate_every == 0)
                due = last or position.step % checkpoint_every == 0
                # Several processes may stop only where all of them look, which is at reports.
                alone = where.size == 1 and pressed
                if not (position.step % self.settings.log_every == 0 or validating or due or alone):
                    continue
                report, stop = reporter.report(stream, stop or pressed, updater.scaler.is_enabled())
                if validating and checked is not None:
                    looked: Any = self._validate(updater, checked, validation_batches, where)
                    report = dataclasses.replace(report, **looked)
                self.history.append(report)
                answers = [listener(report) for listener in listeners]
                asked = any(answer is True for answer in answers)
                if due or stop:
                    save()
                if stop or (asked and where.size == 1):
                    save()
                    break
                stop = asked
            model.eval()
            if where.size > 1:
                self._gather(model, where)  # by all of them, whichever was told to stop
            if stop and pressed:
                raise request.error()
        return self

    def _examples(self, data: Data, where: Processes, name: str) -> BertExamples:
        return checked_examples(data, self.config, self.settings, where.rank, where.size, name)

    def _length(self, stream: BatchStream) -> tuple[int, int]:
        """Updates in all, and the epochs that they go through."""
        accumulate = self.settings.accumulate
        if self.settings.steps is None:
            batches = sum(stream.batches_in(epoch) for epoch in range(self.settings.epochs))
            return max(1, batches // accumulate), self.settings.epochs
        epochs, left = 0, self.settings.steps * accumulate
        first = stream.batches_in(0)  # epochs differ by a few batches, which matters to nothing but a figure
        epochs = max(1, math.ceil(left / first))
        return self.settings.steps, epochs

    def _run_facts(self, examples: BertExamples, where: Processes) -> dict[str, Any]:
        """What has to be the same for a run to go on."""
        digest = hashlib.sha256(corpus_fingerprint(examples.corpus).encode())
        digest.update(str(examples.n_examples(0)).encode())
        if where.first:  # others have other parts of a batch
            for name, array in examples.batch(0, 0, self.settings.batch_size).arrays().items():
                digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
        facts = {
            "config": self.config.to_dict(),
            "settings": self.settings.to_dict(),
            "data": digest.hexdigest(),
            "processes": where.size,
        }
        return dict(json.loads(json.dumps(facts)))

    def _saved(self, path: Path, run: dict[str, Any], where: Processes) -> SavedRun:
        saved = read_checkpoint(path)
        for part in ("config", "settings"):
            for name, value in saved.run[part].items():
                if name not in _MAY_CHANGE and run[part].get(name) != value:
                    raise ValueError(
                        f"{name}: expected {value!r}, as in the checkpoint {path}, "
                        f"got {run[part].get(name)!r}"
                    )
        if saved.run["processes"] != where.size:
            raise ValueError(
                f"processes: expected {saved.run['processes']}, as in the checkpoint {path}, got {where.size}"
            )
        if where.first and saved.run["data"] != run["data"]:
            raise ValueError(f"data: expected those that the checkpoint {path} was trained on, got others")
        return saved

    def _start(
        self, saved: SavedRun | None, tokenizer: Tokenizer | None, where: Processes
    ) -> BertForPreTraining:
        """The model on its device, drawn anew, as given, or as saved."""
        if saved is not None:
            self.model = saved.model
        elif self.model is None:
            torch.manual_seed(self.settings.seed)
            self.model = BertForPreTraining(self.config)
        if tokenizer is not None:
            self.model.tokenizer = tokenizer
        return self.model.to(where.device)

    def _listeners(
        self, stack: ExitStack, progress: Any, callbacks: Any, log: Any, tensorboard: Any, step: int
    ) -> list[Callable[[Any], Any]]:
        display = display_for(progress)
        close = getattr(display, "close", None)
        if close is not None:
            stack.callback(close)
        found: list[Callable[[Any], Any]] = [] if display is None else [display]
        if log is not None:
            found.append(PretrainingTable(log, until=step))
        if tensorboard is not None:
            found.append(tensorboard_writer(tensorboard))
        return [*found, *callbacks]

    def _validate(
        self, updater: Updater, data: BertExamples, batches: int, where: Processes
    ) -> dict[str, float]:
        mlm, weight, mlm_right, nsp, pairs, nsp_right = evaluate(
            updater, data, self.settings.batch_size, batches, where
        )
        return {
            "validation_mlm_loss": mlm / max(weight, 1e-12),
            "validation_mlm_accuracy": mlm_right / max(weight, 1e-12),
            "validation_nsp_loss": nsp / pairs if pairs else math.nan,
            "validation_nsp_accuracy": nsp_right / pairs if pairs else math.nan,
        }

    def _gather(self, model: BertForPreTraining, where: Processes) -> None:
        """Puts a model in shards together on each process."""
        parameters = full_parameters(model)
        whole = BertForPreTraining(self.config)
        whole.load_state_dict(parameters)
        whole.tokenizer = model.tokenizer
        self.model = whole.to(where.device).eval()


def _save(
    folder: Path,
    model: BertForPreTraining,
    updater: Updater,
    position: RunPosition,
    run: dict[str, Any],
    keep: int,
    where: Processes,
) -> None:
    """Writes a checkpoint; what is in shards comes together on all processes, and the first one writes."""
    parameters, moments = full_parameters(model), optimizer_tensors(model, updater.optimizer)
    random = {
        name: state for states in where.gather(save_random(where.rank)) for name, state in states.items()
    }
    if where.first:
        write_checkpoint(folder, model, parameters, moments, random, position, run, keep)
    where.wait()
