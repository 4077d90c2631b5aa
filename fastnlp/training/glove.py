"""`GloVe`: from a corpus, or from counts, to word vectors."""

from __future__ import annotations

import os
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from fastnlp.models.glove import GloVeConfig, GloVeTables
from fastnlp.sampling import Cooccurrences
from fastnlp.text import Corpus, Vocab
from fastnlp.training.engine import Engine
from fastnlp.training.estimator import Estimator
from fastnlp.training.glove_engine import GloVeEngine
from fastnlp.vectors import WordVectors

__all__ = ["GloVe"]


class GloVe(Estimator[GloVeConfig, GloVeTables]):
    """Word vectors by GloVe (Pennington et al. 2014): u.v + b + c fitted to log X of co-occurrences.

    `fit` counts the co-occurrences of the corpus first, out of core; `fit_cooccurrences` takes counts that
    are there already.

    Example:
        >>> corpus = Corpus.from_text(["a b a b", "c d c d"] * 50, min_count=1)
        >>> model = GloVe(dim=8, window=2, epochs=20, threads=1).fit(corpus)
        >>> model.vectors["a"].shape
        (8,)
        >>> model.history[-1].loss < model.history[0].loss
        True
    """

    def __init__(
        self,
        dim: int = 50,
        window: int = 15,
        x_max: float = 100.0,
        alpha: float = 0.75,
        lr: float = 0.05,
        epochs: int = 25,
        threads: int | None = None,
        seed: int = 1,
        device: str = "auto",
        engine: Literal["native", "torch", "triton"] | None = None,
        *,
        symmetric: bool = True,
        weighting: Literal["distance", "flat"] = "distance",
        bounds: Literal["sentence", "document"] = "sentence",
        combine: Literal["sum", "words", "contexts"] = "sum",
        clip: float = 100.0,
        memory: int = 1 << 30,
        temporary: str | os.PathLike[str] | None = None,
    ) -> None:
        """Fixes the configuration; nothing is allocated before `fit`.

        Args:
            dim: D, the length of a vector.
            window: words to each side that count, at most.
            x_max: the count from which pairs weigh 1; 10 suits a text of 20 million words.
            alpha: exponent of the weight of rarer pairs.
            lr: learning rate of AdaGrad.
            epochs: passes over the pairs of words.
            threads: None for one a core. With 1 the same seed gives the same bits on the same kind of
                processor; more race on the table and give slightly different vectors each time.
            seed: of every random draw.
            device: "cpu", "cuda", "cuda:1" and so on, or "auto", which is the CPU and says so in
                the log.
            engine: "native" (C++ threads), "triton" (kernels on a GPU), "torch" (plain, slow, anywhere), or
                None for the fastest on the device. They draw the same and differ in when rows move; see
                docs/gpu.md. A checkpoint of one is one of all.
            symmetric: count the words on both sides, or those that follow.
            weighting: "distance" counts 1 / d at distance d, "flat" counts 1.
            bounds: what windows stay in, a "sentence" (a line of the text) or a "document".
            combine: what `vectors` are: the "sum" of word and context vectors, "words" or "contexts" alone.
            clip: bound of each component of a gradient.
            memory: bytes to count and to shuffle in, besides the table and the mapped corpus; it does not
                change the result.
            temporary: a folder for temporary files; None for the system's.

        Raises:
            ValueError: a value is out of range; the message names it.
            TypeError: a value is of the wrong type.
            RuntimeError: the device, or what the engine needs, is not on this machine.
        """
        config = GloVeConfig(
            dim=dim,
            window=window,
            x_max=x_max,
            alpha=alpha,
            lr=lr,
            epochs=epochs,
            seed=seed,
            symmetric=symmetric,
            weighting=weighting,
            bounds=bounds,
            combine=combine,
            clip=clip,
        )
        super().__init__(config, threads, device, engine)
        self.memory = memory
        self.temporary = temporary
        self._matrix: Cooccurrences | None = None

    def fit_cooccurrences(self, matrix: Cooccurrences, vocab: Vocab, **options: Any) -> Self:
        """Trains on co-occurrences that have been counted before, here or by another program.

        Args:
            matrix: its rows and columns are the ids of `vocab`.
            vocab: the words.
            **options: those of `fit`.

        Returns:
            The model itself.

        Raises:
            TypeError, ValueError, KeyboardInterrupt: as `fit`; ValueError also where matrix and vocabulary
                differ in size.

        Example:
            >>> corpus = Corpus.from_text(["a b a b", "c d c d"] * 50, min_count=1)
            >>> matrix = Cooccurrences.from_corpus(corpus, window=2)
            >>> GloVe(dim=8, epochs=2).fit_cooccurrences(matrix, corpus.vocab).vectors["d"].shape
            (8,)
        """
        if not isinstance(matrix, Cooccurrences):
            raise TypeError(f"matrix: expected a Cooccurrences, got {type(matrix).__name__}")
        self._matrix = matrix
        try:
            return self.fit(Corpus.from_ids([], [0], vocab), **options)
        finally:
            self._matrix = None

    @property
    def context_vectors(self) -> WordVectors:
        """The vectors v, of words as contexts.

        Raises:
            RuntimeError: the model has not been fitted.
        """
        vocab, tables = self._fitted()
        return WordVectors(vocab.tokens, tables.contexts, counts=vocab.counts)

    def _new_tables(self, vocab: Vocab) -> GloVeTables:
        return GloVeTables(len(vocab), self.config.dim, self.config.seed, self.threads)

    def _grown_tables(self, tables: GloVeTables, vocab: Vocab) -> GloVeTables:
        grown = self._new_tables(vocab)
        grown.padded[: len(tables.padded)] = tables.padded
        return grown

    def _take_vectors(
        self, tables: GloVeTables, ids: NDArray[np.int64], vectors: NDArray[np.float32]
    ) -> None:
        sides = {
            "sum": (tables.words, tables.contexts),
            "words": (tables.words,),
            "contexts": (tables.contexts,),
        }
        chosen = sides[self.config.combine]
        for side in chosen:
            side[ids] = vectors / np.float32(len(chosen))

    def _engine(self, config: GloVeConfig, corpus: Corpus, tables: GloVeTables) -> Engine:
        matrix = self._matrix
        if matrix is None:
            matrix = Cooccurrences.from_corpus(
                corpus,
                window=config.window,
                symmetric=config.symmetric,
                weighting=config.weighting,
                bounds=config.bounds,
                memory=self.memory,
                threads=self.threads,
                temporary=self.temporary,
            )
        choice = self._choose(None)
        if choice.engine == "native":
            return GloVeEngine(config, matrix, tables, self.threads, self.memory, self.temporary)
        if choice.engine == "triton":
            from fastnlp.training.triton_glove_engine import TritonGloVeEngine

            return TritonGloVeEngine(config, matrix, tables, choice.device, self.memory, self.temporary)
        from fastnlp.training.torch_glove_engine import TorchGloVeEngine

        return TorchGloVeEngine(config, matrix, tables, choice.device, self.memory, self.temporary)

    def _word_vectors(self, vocab: Vocab, tables: GloVeTables) -> WordVectors:
        vectors = {"sum": None, "words": tables.words, "contexts": tables.contexts}[self.config.combine]
        if vectors is None:
            vectors = tables.words + tables.contexts
        return WordVectors(vocab.tokens, vectors, counts=vocab.counts)
