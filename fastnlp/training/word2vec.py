"""`Word2Vec`: from a corpus to word vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fastnlp.models.word2vec import (
    Word2VecConfig,
    Word2VecTables,
    hidden_vector,
    softmax_log_probabilities,
    tree_log_probabilities,
)
from fastnlp.sampling import HuffmanTree
from fastnlp.text import Corpus, Vocab
from fastnlp.training.engine import Engine
from fastnlp.training.estimator import Estimator
from fastnlp.training.word2vec_engines import engine_for, unfit
from fastnlp.training.word2vec_units import special_ids
from fastnlp.vectors import WordVectors

__all__ = ["Word2Vec"]


class Word2Vec(Estimator[Word2VecConfig, Word2VecTables]):
    """Word vectors by skip-gram or CBOW (Mikolov et al. 2013, arXiv:1301.3781 and 1310.4546).

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
        architecture: Literal["skipgram", "cbow"] = "skipgram",
        loss: Literal["ns", "hs"] = "ns",
        negatives: int = 5,
        subsample: float = 1e-3,
        epochs: int = 5,
        lr: float | None = None,
        min_lr: float | None = None,
        threads: int | None = None,
        seed: int = 1,
        device: str = "auto",
        engine: Literal["native", "torch", "triton"] | None = None,
        *,
        shrink_windows: bool = True,
        subsample_rule: Literal["word2vec", "book"] = "word2vec",
        noise_power: float = 0.75,
        negatives_shared_by: Literal["distant", "group", "center", "pair"] | None = None,
        cbow_contexts: Literal["word2vec", "mean", "sum"] = "word2vec",
        deterministic: bool = False,
    ) -> None:
        """Fixes the configuration; nothing is allocated before `fit`.

        Args:
            dim: D, the length of a vector.
            window: words on each side of a center, at most.
            architecture: "skipgram" (a context predicts its center) or "cbow" (the contexts together do).
            loss: "ns", negative sampling, or "hs", hierarchical softmax.
            negatives: K, noise words of a prediction; not used by "hs".
            subsample: t, the frequency above which words are dropped at random; 0 keeps all.
            epochs: passes over the corpus.
            lr: learning rate at the start, 0.025 by default and 0.05 for CBOW; it falls linearly with the
                position in the corpus.
            min_lr: learning rate at the end; lr / 10,000 by default.
            threads: None for one a core. With 1 the same seed gives the same bits on the same kind of
                processor; more race on the tables and give slightly different vectors each time.
            seed: of every random draw.
            device: "cpu", "cuda", "cuda:1" and so on, or "auto", which is the CPU and says so in
                the log.
            engine: "native" (C++ threads), "triton" (kernels on a GPU), "torch" (plain, slow, anywhere), or
                None for the fastest on the device. They draw the same and differ in when rows move; see
                docs/gpu.md. A checkpoint of one is one of all.
            shrink_windows: draw each window from 1..window.
            subsample_rule: "word2vec" or "book".
            noise_power: exponent of the counts in the noise distribution.
            negatives_shared_by: "distant", "group", "center" or "pair"; None is "distant" for skip-gram, and
                "group" for CBOW and for the kernels of a GPU. See `fastnlp.models.Word2VecConfig`.
            cbow_contexts: "word2vec", "mean" or "sum"; see there too.
            deterministic: give the same bits for any number of threads, for a quarter of skip-gram's speed
                and two fifths of CBOW's; sentences of more than 120 words are cut.

        Raises:
            ValueError: a value is out of range; the message names it.
            TypeError: a value is of the wrong type.
            RuntimeError: the device, or what the engine needs, is not on this machine.
        """
        config = Word2VecConfig(
            dim=dim,
            window=window,
            architecture=architecture,
            loss=loss,
            negatives=negatives,
            subsample=subsample,
            epochs=epochs,
            lr=lr if lr is not None else 0.05 if architecture == "cbow" else 0.025,
            min_lr=min_lr,
            seed=seed,
            shrink_windows=shrink_windows,
            subsample_rule=subsample_rule,
            noise_power=noise_power,
            negatives_shared_by=negatives_shared_by,
            cbow_contexts=cbow_contexts,
            deterministic=deterministic,
        )
        super().__init__(config, threads, device, engine)

    @property
    def context_vectors(self) -> WordVectors:
        """The output vectors u, of words as contexts.

        Raises:
            RuntimeError: the model has not been fitted.
            ValueError: the outputs of hierarchical softmax are nodes of a tree, not words.
        """
        vocab, tables = self._fitted()
        if tables.tree is not None:
            raise ValueError("context_vectors: expected loss='ns', got 'hs', whose outputs are no words")
        return WordVectors(vocab.tokens, tables.output, counts=vocab.counts)

    def log_prob(self, word: str, given: str | Sequence[str]) -> float:
        """How likely the model holds a word: log P(word | given), in nats.

        Trained by hierarchical softmax, the model's own probability. Trained by negative sampling, the
        softmax over all words of the same scores (Mikolov et al. 2013, arXiv:1310.4546, eq. 2), which its
        objective stands in for without being normalised.

        Args:
            word: what is predicted.
            given: the word that predicts it, or with CBOW the words.

        Returns:
            The logarithm of a probability; those of all words sum to 1.

        Raises:
            KeyError: a word is not in the vocabulary.
            ValueError: skip-gram was given several words, or CBOW none.
            RuntimeError: the model has not been fitted.

        Example:
            >>> corpus = Corpus.from_text(["a b a b", "c d c d"] * 50, min_count=1)
            >>> settings = dict(dim=8, window=1, epochs=20, subsample=0, lr=0.1, threads=1)
            >>> model = Word2Vec(**settings, loss="hs").fit(corpus)
            >>> model.log_prob("b", "a") > model.log_prob("c", "a")
            True
        """
        return float(self._log_probabilities(given)[self._id(word)])

    def predict(self, given: str | Sequence[str], topn: int = 10) -> list[tuple[str, float]]:
        """The likeliest words beside one, or with CBOW between several, and their probabilities.

        Args:
            given: the word that predicts, or with CBOW the words.
            topn: how many.

        Returns:
            Words and probabilities in [0, 1], the likeliest first.

        Raises:
            KeyError, ValueError, RuntimeError: as `log_prob`.

        Example:
            >>> corpus = Corpus.from_text(["a b a b", "c d c d"] * 50, min_count=1)
            >>> settings = dict(dim=8, window=1, epochs=20, subsample=0, lr=0.1, threads=1)
            >>> Word2Vec(**settings).fit(corpus).predict("a", topn=1)[0][0]
            'b'
        """
        if topn < 1:
            raise ValueError(f"topn: expected at least 1, got {topn}")
        vocab, _ = self._fitted()
        found = self._log_probabilities(given)
        best = np.argsort(-found, kind="stable")[:topn]
        return [(vocab.tokens[i], float(np.exp(found[i]))) for i in best]

    def _log_probabilities(self, given: str | Sequence[str]) -> NDArray[np.float64]:
        _, tables = self._fitted()
        words = [given] if isinstance(given, str) else list(given)
        if not words or (len(words) > 1 and self.config.architecture == "skipgram"):
            raise ValueError(
                f"given: expected {'one word' if self.config.architecture == 'skipgram' else 'words'}, "
                f"got {words!r}"
            )
        h = hidden_vector(tables.input[[self._id(word) for word in words]], self.config.cbow_contexts)
        if tables.tree is None:
            return softmax_log_probabilities(h, tables.output)
        return tree_log_probabilities(h, tables.output, tables.tree)

    def _id(self, word: str) -> int:
        vocab, _ = self._fitted()
        if word not in vocab:
            raise KeyError(f"{word!r} is not in the vocabulary of the model")
        return vocab[word]

    def _new_tables(self, vocab: Vocab) -> Word2VecTables:
        tree = None
        if self.config.loss == "hs":
            tree = HuffmanTree.from_counts(_counts_of_words(vocab))
        return Word2VecTables(len(vocab), self.config.dim, self.config.seed, self.threads, tree)

    def _grown_tables(self, tables: Word2VecTables, vocab: Vocab) -> Word2VecTables:
        old = len(tables.input)
        tree = None
        if tables.tree is not None:
            tree = tables.tree.grown(_counts_of_words(vocab)[old:])
        grown = Word2VecTables(len(vocab), self.config.dim, self.config.seed, self.threads, tree)
        grown.input[:old] = tables.input
        grown.output[:old] = tables.output
        return grown

    def _take_vectors(
        self, tables: Word2VecTables, ids: NDArray[np.int64], vectors: NDArray[np.float32]
    ) -> None:
        tables.input[ids] = vectors

    def _engine(self, config: Word2VecConfig, corpus: Corpus, tables: Word2VecTables) -> Engine:
        return engine_for(self._choose(unfit(config, tables)), config, corpus, tables, self.threads)

    def _word_vectors(self, vocab: Vocab, tables: Word2VecTables) -> WordVectors:
        return WordVectors(vocab.tokens, tables.input, counts=vocab.counts)


def _counts_of_words(vocab: Vocab) -> NDArray[np.int64]:
    """The counts, without those of tokens that stand for no word."""
    counts = vocab.counts.copy()
    counts[special_ids(vocab)] = 0
    return counts
