"""`Word2Vec`: from a corpus to word vectors."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, Self

from fastnlp.models.word2vec import Word2VecConfig, Word2VecTables
from fastnlp.text import Corpus
from fastnlp.training.checkpoint import RunState, corpus_fingerprint, load_checkpoint, save_checkpoint
from fastnlp.training.loop import run
from fastnlp.training.native_engine import NativeEngine
from fastnlp.training.progress import EpochReport, Progress, display_for
from fastnlp.vectors import WordVectors
from fastnlp.vectors.table import threads_to_use

__all__ = ["Word2Vec"]

_log = logging.getLogger("fastnlp")


class Word2Vec:
    """Word vectors by skip-gram with negative sampling (Mikolov et al. 2013, arXiv:1310.4546).

    Example:
        >>> corpus = Corpus.from_text(["a b a b", "c d c d"] * 50, min_count=1)
        >>> model = Word2Vec(dim=8, window=1, epochs=20, subsample=0, lr=0.1, threads=1).fit(corpus)
        >>> model.vectors["a"].shape
        (8,)
        >>> model.history[-1].loss < model.history[0].loss
        True
    """

    def __init__(
        self,
        dim: int = 100,
        window: int = 5,
        architecture: Literal["skipgram"] = "skipgram",
        loss: Literal["ns"] = "ns",
        negatives: int = 5,
        subsample: float = 1e-3,
        epochs: int = 5,
        lr: float = 0.025,
        min_lr: float | None = None,
        threads: int | None = None,
        seed: int = 1,
        device: Literal["auto", "cpu"] = "auto",
        *,
        shrink_windows: bool = True,
        subsample_rule: Literal["word2vec", "book"] = "word2vec",
        noise_power: float = 0.75,
        negatives_shared_by: Literal["center", "pair"] = "center",
    ) -> None:
        """Fixes the configuration; nothing is allocated before `fit`.

        Args:
            dim: D, the length of a vector.
            window: words on each side of a center, at most.
            architecture: "skipgram".
            loss: "ns", negative sampling.
            negatives: K, noise words a center or a pair.
            subsample: t, the frequency above which words are dropped at random; 0 keeps all.
            epochs: passes over the corpus.
            lr: learning rate at the start; it falls linearly with the position in the corpus.
            min_lr: learning rate at the end; lr / 10,000 by default.
            threads: None for one a core. With 1 the same seed gives the same bits on the same kind of
                processor; more race on the tables and give slightly different vectors each time.
            seed: of every random draw.
            device: "cpu", or "auto", which is the CPU and says so in the log.
            shrink_windows: draw each window from 1..window.
            subsample_rule: "word2vec" or "book".
            noise_power: exponent of the counts in the noise distribution.
            negatives_shared_by: "center" or "pair"; see `fastnlp.models.Word2VecConfig`.

        Raises:
            ValueError: a value is out of range; the message names it.
            TypeError: a value is of the wrong type.
        """
        self.config = Word2VecConfig(
            dim=dim,
            window=window,
            architecture=architecture,
            loss=loss,
            negatives=negatives,
            subsample=subsample,
            epochs=epochs,
            lr=lr,
            min_lr=min_lr,
            seed=seed,
            shrink_windows=shrink_windows,
            subsample_rule=subsample_rule,
            noise_power=noise_power,
            negatives_shared_by=negatives_shared_by,
        )
        if device not in ("auto", "cpu"):
            raise ValueError(f"device: expected 'auto' or 'cpu', got {device!r}")
        self.device = device
        self.threads = threads_to_use(threads)
        self._tables: Word2VecTables | None = None
        self._state = RunState()
        self._corpus: Corpus | None = None
        self._vectors: WordVectors | None = None

    def fit(
        self,
        corpus: Corpus,
        *,
        progress: bool | Literal["auto"] | Callable[[Progress], None] = "auto",
        callbacks: Iterable[Callable[[Progress], None]] = (),
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: float = 600.0,
        resume: bool = False,
    ) -> Self:
        """Trains on a corpus from the beginning, or goes on where a checkpoint stands.

        Ctrl-C ends the call with a KeyboardInterrupt within 0.2 s; the model keeps what it has learned,
        `vectors` work, and the checkpoint, if there is one, is written.

        Args:
            corpus: from `Corpus.from_text` or `Corpus.open`.
            progress: "auto" shows a bar on a terminal, True always shows progress, or a callable gets it.
            callbacks: more callables that get the `Progress` about every 0.1 s.
            checkpoint: a file to keep the state of the run in: written after each epoch, every
                `checkpoint_every` seconds, and on Ctrl-C.
            checkpoint_every: seconds.
            resume: go on from `checkpoint` if it exists. With threads=1 the result has the same bits as a run
                that was never stopped.

        Returns:
            The model itself.

        Raises:
            TypeError: `corpus` is not a Corpus.
            ValueError: the corpus holds nothing to learn from, or the checkpoint belongs to another run.
            DivergenceError: the learning rate is too large.
            KeyboardInterrupt: Ctrl-C.

        Example:
            >>> corpus = Corpus.from_text(["the cat sat", "the dog sat"] * 20, min_count=1)
            >>> losses = []
            >>> model = Word2Vec(dim=4, epochs=2)
            >>> _ = model.fit(corpus, callbacks=[lambda now: losses.append(now.loss)])
            >>> len(losses) >= 2
            True
        """
        if not isinstance(corpus, Corpus):
            raise TypeError(f"corpus: expected a Corpus (see Corpus.from_text), got {type(corpus).__name__}")
        if resume and checkpoint is None:
            raise ValueError("resume: expected a checkpoint to go on from, got checkpoint=None")
        if math.isnan(checkpoint_every) or checkpoint_every < 0:
            raise ValueError(f"checkpoint_every: expected seconds >= 0, got {checkpoint_every}")
        if self.device == "auto":
            _log.info("device='auto': training on the CPU with %d threads", self.threads)
        engine = NativeEngine(self.config, corpus, self.threads)
        tables = Word2VecTables(len(corpus.vocab), self.config.dim, self.config.seed, self.threads)
        state = RunState()
        fingerprint = corpus_fingerprint(corpus) if checkpoint is not None else ""
        if checkpoint is not None and resume and Path(checkpoint).exists():
            state = load_checkpoint(checkpoint, self.config, tables, fingerprint)
        self._corpus, self._tables, self._state, self._vectors = corpus, tables, state, None

        display = display_for(progress)
        listeners = [*([] if display is None else [display]), *callbacks]

        def report(now: Progress) -> None:
            for listener in listeners:
                listener(now)

        def save() -> None:
            assert checkpoint is not None
            save_checkpoint(checkpoint, self.config, tables, state, fingerprint)

        try:
            run(
                engine,
                tables,
                state,
                self.config,
                corpus.n_tokens,
                report,
                save if checkpoint is not None else None,
                checkpoint_every,
            )
        finally:
            close: Any = getattr(display, "close", None)
            if close is not None:
                close()
        return self

    @property
    def vectors(self) -> WordVectors:
        """The input vectors v, the result of skip-gram, as a view of the model's table.

        Raises:
            RuntimeError: the model has not been fitted.
        """
        if self._vectors is None:
            self._vectors = self._as_vectors("input")
        return self._vectors

    @property
    def context_vectors(self) -> WordVectors:
        """The output vectors u, of words as contexts.

        Raises:
            RuntimeError: the model has not been fitted.
        """
        return self._as_vectors("output")

    @property
    def history(self) -> list[EpochReport]:
        """One report for each epoch completed."""
        return list(self._state.history)

    def _as_vectors(self, table: Literal["input", "output"]) -> WordVectors:
        if self._tables is None or self._corpus is None:
            raise RuntimeError("vectors: expected a fitted model; call fit(corpus) first")
        vocab = self._corpus.vocab
        return WordVectors(vocab.tokens, getattr(self._tables, table), counts=vocab.counts)

    def __repr__(self) -> str:
        settings = {**self.config.to_dict(), "threads": self.threads}
        return f"Word2Vec({', '.join(f'{name}={value!r}' for name, value in settings.items())})"
