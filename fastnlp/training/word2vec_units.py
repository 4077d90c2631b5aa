"""The units of word2vec over a corpus, and what is drawn in them: the same for every engine."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.models.fasttext import FastTextTables
from fastnlp.models.word2vec import Word2VecConfig, Word2VecTables
from fastnlp.sampling import keep_probabilities, noise_weights
from fastnlp.text import Corpus, Vocab
from fastnlp.training.damping import updates_per_center

__all__ = ["Word2VecUnits", "special_ids"]


class Word2VecUnits:
    """Cuts an epoch into units, and knows the learning rate and the distributions of each.

    An engine of word2vec or fastText is one of these that can train. The core checks the corpus and says
    where units and pieces of sentences end, so a checkpoint of one engine is one of all.

    Attributes:
        size: T, corpus positions an epoch.
        items: "words".
        units: how many units of up to 4,000 positions an epoch has.
        at_once: units that an engine needs at a time to be busy.
        neighbours_share: whether negatives are shared by groups where nothing else is asked for.
        loss_limit: four times the loss of a model that knows nothing, log 2 an output.
        keep: (V,) float64, the probability that a token of a word is kept.
        noise: (V,) float64, weights of the negatives; None with a tree.
    """

    items = "words"
    at_once = 1
    neighbours_share = False

    def __init__(
        self, config: Word2VecConfig, corpus: Corpus, tables: Word2VecTables | FastTextTables
    ) -> None:
        """Checks the corpus and prepares the draws.

        Raises:
            ValueError: the corpus has no word that can be a negative for another.
        """
        ignored = special_ids(corpus.vocab)
        self.keep = keep_probabilities(corpus.vocab.counts, config.subsample, config.subsample_rule)
        self.keep[ignored] = 0.0
        self.noise = None
        outputs: dict[str, Any]
        if tables.tree is None:
            self.noise = noise_weights(corpus.vocab.counts, config.noise_power, exclude=ignored)
            outputs = {"noise": self.noise}
            most = 1 + config.negatives
        else:
            outputs = {"path": tables.tree.path, "path_offsets": tables.tree.path_offsets}
            most = tables.tree.longest
        cbow = config.architecture == "cbow"
        shared_by = config.negatives_shared_by or ("group" if self.neighbours_share or cbow else "distant")
        if cbow and shared_by == "pair":
            shared_by = "center"  # the contexts together are one pair with it
        self.size = corpus.n_tokens
        self.loss_limit = 4 * most * math.log(2)
        self._native = _core.Word2Vec(
            corpus.ids,
            corpus.sentence_offsets,
            self.keep,
            **outputs,
            architecture=config.architecture,
            cbow_contexts=config.cbow_contexts,
            deterministic=config.deterministic,
            dim=config.dim,
            window=config.window,
            shrink=config.shrink_windows,
            negatives=config.negatives,
            shared_by=shared_by,
            seed=config.seed,
            lr=config.lr,
            min_lr=config.final_lr,
            epochs=config.epochs,
            **(tables.composition() if isinstance(tables, FastTextTables) else {}),
        )
        self.units: int = self._native.units
        self._updates = updates_per_center(config, corpus.vocab.counts, self.keep, self.noise, tables)

    def updates(self) -> list[NDArray[np.float32] | None]:
        """How often a center is expected to update each input row, and each output row."""
        return list(self._updates)

    def position(self, unit: int) -> int:
        """Corpus positions of an epoch that lie before a unit."""
        return min(unit * self._native.unit_size, self.size)

    def lr_at(self, epoch: int, unit: int) -> float:
        """The learning rate of a unit: linear in the position, from lr to min_lr."""
        return self._native.lr_at(epoch, min(unit, self.units - 1))


def special_ids(vocab: Vocab) -> list[int]:
    """Ids of the tokens that stand for no word: they are neither trained nor drawn."""
    special = (*(() if vocab.unknown is None else (vocab.unknown,)), *vocab.reserved)
    return [vocab[token] for token in special]
