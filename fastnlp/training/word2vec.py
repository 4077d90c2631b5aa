"""`Word2Vec`: from a corpus to word vectors."""

from __future__ import annotations

from typing import Literal

from fastnlp.models.word2vec import Word2VecConfig, Word2VecTables
from fastnlp.text import Corpus, Vocab
from fastnlp.training.estimator import Estimator
from fastnlp.training.native_engine import NativeEngine
from fastnlp.vectors import WordVectors

__all__ = ["Word2Vec"]


class Word2Vec(Estimator[Word2VecConfig, Word2VecTables]):
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
        config = Word2VecConfig(
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
        super().__init__(config, threads, device)

    @property
    def context_vectors(self) -> WordVectors:
        """The output vectors u, of words as contexts.

        Raises:
            RuntimeError: the model has not been fitted.
        """
        vocab, tables = self._fitted()
        return WordVectors(vocab.tokens, tables.output, counts=vocab.counts)

    def _new_tables(self, vocab: Vocab) -> Word2VecTables:
        return Word2VecTables(len(vocab), self.config.dim, self.config.seed, self.threads)

    def _grown_tables(self, tables: Word2VecTables, vocab: Vocab) -> Word2VecTables:
        grown = self._new_tables(vocab)
        for name, array in tables.arrays().items():
            grown.arrays()[name][: len(array)] = array
        return grown

    def _engine(self, config: Word2VecConfig, corpus: Corpus, tables: Word2VecTables) -> NativeEngine:
        return NativeEngine(config, corpus, tables, self.threads)

    def _word_vectors(self, vocab: Vocab, tables: Word2VecTables) -> WordVectors:
        return WordVectors(vocab.tokens, tables.input, counts=vocab.counts)
