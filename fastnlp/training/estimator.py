"""What every model that users construct can do: fit, go on with new text, save, load."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Generic, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastnlp.models import ParameterTables
from fastnlp.text import Corpus, Vocab
from fastnlp.text.growth import grow
from fastnlp.training.checkpoint import Checkpoint, RunState, save_checkpoint
from fastnlp.training.devices import Choice, check_arguments, choose_aloud, require
from fastnlp.training.engine import Engine, RunConfig
from fastnlp.training.fitting import FitOptions, Fitting
from fastnlp.training.given_vectors import take_given
from fastnlp.training.loop import run
from fastnlp.training.progress import EpochReport, Progress
from fastnlp.vectors import WordVectors
from fastnlp.vectors.table import threads_to_use

__all__ = ["Estimator"]

ConfigT = TypeVar("ConfigT", bound=RunConfig)
TablesT = TypeVar("TablesT", bound=ParameterTables)


class Estimator(ABC, Generic[ConfigT, TablesT]):
    """A model that learns word vectors from a corpus.

    A subclass names its configuration and says how its tables and its engine are made; the fields of the
    configuration are arguments of its constructor. See `Word2Vec`.

    Attributes:
        config: everything that decides what the model becomes, apart from corpus and threads.
        device: "auto", "cpu", "cuda" or "cuda:N".
        engine: "native", "torch", "triton", or None for the fastest on the device.
        threads: how many threads of the CPU train.
    """

    config: ConfigT

    def __init__(self, config: ConfigT, threads: int | None, device: str, engine: str | None) -> None:
        check_arguments(device, engine)
        if device.startswith("cuda") or engine in ("torch", "triton"):
            require(device, engine)  # now, and not after minutes of reading a text
        self.config = config
        self.device = device
        self.engine = engine
        self.threads = threads_to_use(threads)
        self._vocab: Vocab | None = None
        self._tables: TablesT | None = None
        self._state = RunState()
        self._past: list[EpochReport] = []
        self._fingerprint = ""
        self._vectors: WordVectors | None = None
        self._given: WordVectors | None = None
        self._running: Engine | None = None

    @classmethod
    def from_pretrained(cls, vectors: WordVectors | str | os.PathLike[str], **settings: Any) -> Self:
        """A model whose words begin with given vectors, to be fitted to a corpus.

        `fit` starts the words of the corpus that are among the given ones from their vectors and the others
        as ever. The vectors are copied and may be of any model: those of `Word2Vec` become its input vectors;
        of `FastText` the rows that words have for themselves, as the fastText program's option does; of
        `GloVe` what `combine` makes the result of, for a sum half of them on each side.

        Args:
            vectors: word vectors, or a file of them.
            **settings: of the model; `dim` is that of the vectors.

        Returns:
            The model, not yet fitted.

        Raises:
            ValueError: `dim` is given and another, or a setting is out of range. `fit` raises it where no
                word of the corpus is among those given.

        Example:
            >>> import numpy as np
            >>> from fastnlp import Word2Vec
            >>> given = WordVectors(["cat", "dog"], np.eye(2, 4, dtype=np.float32))
            >>> model = Word2Vec.from_pretrained(given, lr=1e-9, subsample=0)
            >>> _ = model.fit(Corpus.from_text(["the cat sat"] * 9, min_count=1))
            >>> [round(float(x), 4) + 0.0 for x in model.vectors["cat"]]
            [1.0, 0.0, 0.0, 0.0]
        """
        given = vectors if isinstance(vectors, WordVectors) else WordVectors.load(vectors)
        if settings.setdefault("dim", given.vector_size) != given.vector_size:
            raise ValueError(
                f"dim: expected that of the vectors, {given.vector_size}, or none, got {settings['dim']}"
            )
        model = cls(**settings)
        model._given = given
        return model

    @abstractmethod
    def _new_tables(self, vocab: Vocab) -> TablesT:
        """The parameters before the first step."""

    def _saved_tables(self, vocab: Vocab, saved: Checkpoint) -> TablesT:
        """Tables of the shapes that a checkpoint has."""
        return self._new_tables(vocab)

    @abstractmethod
    def _grown_tables(self, tables: TablesT, vocab: Vocab) -> TablesT:
        """The parameters with rows for the words that were added at the end of a vocabulary."""

    @abstractmethod
    def _take_vectors(self, tables: TablesT, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Puts (N, D) given vectors of N words into tables that are to be trained."""

    def _start(self, vocab: Vocab) -> TablesT:
        """The parameters before the first step, from the vectors that were given."""
        tables = self._new_tables(vocab)
        if self._given is not None:
            take_given(self._given, vocab, partial(self._take_vectors, tables))
        return tables

    @abstractmethod
    def _engine(self, config: ConfigT, corpus: Corpus, tables: TablesT) -> Engine:
        """What trains the tables."""

    def _choose(self, unfit: str | None) -> Choice:
        """Where and by what the model is trained; `unfit` says why Triton cannot."""
        return choose_aloud(self.device, self.engine, unfit, self.threads)

    @abstractmethod
    def _word_vectors(self, vocab: Vocab, tables: TablesT) -> WordVectors:
        """The result of the training."""

    def fit(
        self,
        corpus: Corpus,
        *,
        progress: bool | Literal["auto"] | Callable[[Progress], Any] = "auto",
        callbacks: Iterable[Callable[[Progress], Any]] = (),
        evaluate: Callable[[WordVectors], Mapping[str, float]] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: float = 600.0,
        resume: bool = False,
    ) -> Self:
        """Trains on a corpus from the beginning, or goes on where a checkpoint stands.

        Ctrl-C ends the call with a KeyboardInterrupt within 0.2 s, and SIGTERM, which schedulers send, with
        SystemExit(143); the model keeps what it has learned, `vectors` work, and the checkpoint, if there is
        one, is written.

        Args:
            corpus: from `Corpus.from_text` or `Corpus.open`.
            progress: "auto" shows a bar on a terminal, True always shows progress, or a callable gets it.
            callbacks: more callables that get the `Progress` about every 0.1 s; one that returns True ends
                the run there.
            evaluate: called with the vectors after each epoch; the figures it returns stand in `history`.
            checkpoint: a file to keep the state of the run in: written after each epoch, every
                `checkpoint_every` seconds, and when the run is stopped.
            checkpoint_every: seconds.
            resume: go on from `checkpoint` if it exists. With threads=1 the result has the same bits as a run
                that was never stopped.

        Returns:
            The model itself.

        Raises:
            TypeError: `corpus` is not a Corpus.
            ValueError: the corpus holds nothing to learn from, or the checkpoint belongs to another run.
            DivergenceError: the learning rate is too large.
            KeyboardInterrupt, SystemExit: Ctrl-C, SIGTERM.

        Example:
            >>> from fastnlp import Word2Vec
            >>> corpus = Corpus.from_text(["the cat sat", "the dog sat"] * 20, min_count=1)
            >>> losses = []
            >>> model = Word2Vec(dim=4, epochs=2)
            >>> _ = model.fit(corpus, callbacks=[lambda now: losses.append(now.loss)])
            >>> len(losses) >= 2
            True
        """
        _check_corpus(corpus)
        self._past = []
        options = FitOptions(progress, callbacks, evaluate, checkpoint, checkpoint_every, resume)
        return self._run(self.config, corpus, None, options)

    def partial_fit(
        self,
        corpus: Corpus,
        *,
        epochs: int | None = None,
        lr: float | None = None,
        progress: bool | Literal["auto"] | Callable[[Progress], Any] = "auto",
        callbacks: Iterable[Callable[[Progress], Any]] = (),
        evaluate: Callable[[WordVectors], Mapping[str, float]] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: float = 600.0,
        resume: bool = False,
    ) -> Self:
        """Goes on learning from new text; words that the model has not met are added to it.

        The known words keep their ids and vectors, the new ones follow them, and counts add up. A model that
        knows nothing yet is fitted.

        Args:
            corpus: the new text, with a vocabulary of its own; words below *its* minimum count are not in it.
            epochs: passes over the new text; None for those of the configuration.
            lr: learning rate to begin with; None for that of the configuration.
            progress: as in `fit`.
            callbacks: as in `fit`.
            evaluate: as in `fit`.
            checkpoint: as in `fit`.
            checkpoint_every: as in `fit`.
            resume: as in `fit`, once more from the model as it was before the call that was stopped.

        Returns:
            The model itself.

        Raises:
            TypeError, ValueError, DivergenceError, KeyboardInterrupt, SystemExit: as in `fit`.

        Example:
            >>> from fastnlp import Word2Vec
            >>> model = Word2Vec(dim=4, epochs=1, subsample=0)
            >>> _ = model.fit(Corpus.from_text(["the cat sat"] * 9, min_count=1))
            >>> _ = model.partial_fit(Corpus.from_text(["a cat ran"] * 9, min_count=1))
            >>> model.vectors.index_to_key
            ['the', 'cat', 'sat', 'a', 'ran']
        """
        _check_corpus(corpus)
        options = FitOptions(progress, callbacks, evaluate, checkpoint, checkpoint_every, resume)
        changes: dict[str, Any] = {
            name: value for name, value in (("epochs", epochs), ("lr", lr)) if value is not None
        }
        if self._vocab is None or self._tables is None:
            first: Any = replace(self.config, **changes)  # type: ignore[type-var]
            return self._run(first, corpus, None, options)
        grown = grow(self._vocab, corpus)
        self._past = self.history
        # Draws are keyed by position and epoch: another round over new text takes another seed.
        rounds = len(self._past) + 1
        changes["seed"] = (self.config.to_dict()["seed"] + rounds) % 2**64
        config: Any = replace(self.config, **changes)  # type: ignore[type-var]
        tables = self._grown_tables(self._tables, grown.vocab)
        return self._run(config, grown, tables, options)

    def _run(self, config: ConfigT, corpus: Corpus, tables: TablesT | None, options: FitOptions) -> Self:
        fitting = Fitting(options, type(self).__name__, config, corpus)
        if tables is None:
            tables = self._start(corpus.vocab)
        state = RunState()
        if fitting.saved is not None:
            fitting.saved.fill(tables)
            state = fitting.saved.state
        engine = fitting.shared(self._engine(config, corpus, tables), config, state)
        self._running = engine
        self._vocab, self._tables, self._state = corpus.vocab, tables, state
        self._fingerprint, self._vectors = fitting.fingerprint, None
        evaluate, checkpoint = fitting.evaluate, fitting.checkpoint
        try:
            run(
                engine,
                tables,
                state,
                config,
                report=fitting.report,
                score=None if evaluate is None else lambda: evaluate(self._current_vectors()),
                save=None if checkpoint is None else lambda: self._save(checkpoint, config),
                save_every=options.checkpoint_every,
                agree=fitting.agree,
            )
        finally:
            self._running = None
            engine.synchronize()
            # What the vectors keep of the tables, lengths of rows for one, is of an earlier epoch.
            self._vectors = None
            fitting.close()
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the whole model, vocabulary included, whole or not at all; `load` reads it.

        For the vectors alone, in a format that other programs read, there is `vectors.save`.

        Args:
            path: the file to create or replace.

        Raises:
            RuntimeError: the model has not been fitted.
            OSError: writing failed; an old file stays as it was.
        """
        self._save(path, self.config)

    def _save(self, path: str | os.PathLike[str], config: ConfigT) -> None:
        vocab, tables = self._fitted()
        save_checkpoint(
            path,
            type(self).__name__,
            config,
            vocab,
            tables,
            self._state,
            self._fingerprint,
            self._past,
        )

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        threads: int | None = None,
        device: str = "auto",
        engine: str | None = None,
    ) -> Self:
        """Reads what `save` wrote, or the checkpoint of a run, as a model.

        Args:
            path: the file.
            threads: how many threads train on; None for one per processor.
            device: where to train on; see the class.
            engine: by what; see the class.

        Returns:
            The model: its vectors work, and `partial_fit` goes on with new text.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged or holds another kind of model.

        Example:
            >>> import tempfile, pathlib
            >>> from fastnlp import Word2Vec
            >>> model = Word2Vec(dim=4, subsample=0).fit(Corpus.from_text(["the cat sat"] * 9, min_count=1))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     model.save(pathlib.Path(folder, "cats.model"))
            ...     again = Word2Vec.load(pathlib.Path(folder, "cats.model"))
            >>> bool((again.vectors["cat"] == model.vectors["cat"]).all())
            True
        """
        saved = Checkpoint(path, cls.__name__)
        settings: dict[str, Any] = {"threads": threads, "device": device, "engine": engine}
        model = cls(**saved.config, **settings)
        vocab = saved.vocab()
        tables = model._saved_tables(vocab, saved)
        saved.fill(tables)
        model._vocab, model._tables, model._state = vocab, tables, saved.state
        model._past = saved.past
        return model

    @property
    def vectors(self) -> WordVectors:
        """The vectors of the words, as a view of the model's tables where they stand in one.

        Raises:
            RuntimeError: the model has not been fitted.
        """
        if self._vectors is None:
            self._vectors = self._word_vectors(*self._fitted())
        return self._vectors

    def _current_vectors(self) -> WordVectors:
        """The vectors as they stand in the midst of a run."""
        self._vectors = None
        return self.vectors

    @property
    def history(self) -> list[EpochReport]:
        """One report for each epoch completed, those before a `partial_fit` included."""
        return [*self._past, *self._state.history]

    def _fitted(self) -> tuple[Vocab, TablesT]:
        if self._tables is None or self._vocab is None:
            raise RuntimeError("vectors: expected a fitted model; call fit(corpus) first")
        if self._running is not None:
            self._running.synchronize()
        return self._vocab, self._tables

    def __repr__(self) -> str:
        settings = {**self.config.to_dict(), "threads": self.threads}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in settings.items())})"


def _check_corpus(corpus: Corpus) -> None:
    if not isinstance(corpus, Corpus):
        raise TypeError(f"corpus: expected a Corpus (see Corpus.from_text), got {type(corpus).__name__}")
