"""`FastText`: word vectors with character n-grams, for unseen words too."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.fasttext import FastTextFile, FastTextSettings, is_fasttext, read_fasttext, write_fasttext
from fastnlp.models.fasttext import FastTextConfig, FastTextTables
from fastnlp.text import Corpus, Vocab, WordList
from fastnlp.training.checkpoint import Checkpoint
from fastnlp.training.engine import Engine
from fastnlp.training.estimator import Estimator
from fastnlp.training.word2vec_engines import engine_for, unfit
from fastnlp.vectors import NgramRows, SubwordVectors, WordVectors

__all__ = ["FastText"]

_ROWS = 1 << 14  # rows of a file that are looked at at a time


class FastText(Estimator[FastTextConfig, FastTextTables]):
    """Word vectors by skip-gram or CBOW over character n-grams (Bojanowski et al. 2017, arXiv:1607.04606).

    A word's vector is the mean of its own row and of those of its n-grams, so that `vectors` has one for
    words that were never seen. N-grams are hashed as the fastText program does, and `save("m.bin")` writes a
    model that it reads.

    Example:
        >>> corpus = Corpus.from_text(["walk walks walked", "talk talks talked"] * 50, min_count=1)
        >>> model = FastText(dim=8, window=2, epochs=5, subsample=0, buckets=10_000, threads=1).fit(corpus)
        >>> "talking" in model.vectors.key_to_index
        False
        >>> model.vectors["talking"].shape
        (8,)
        >>> model.vectors.similarity("talking", "talk") > model.vectors.similarity("talking", "walks")
        True
    """

    def __init__(
        self,
        dim: int = 100,
        min_n: int = 3,
        max_n: int = 6,
        buckets: int = 2_000_000,
        window: int = 5,
        architecture: Literal["skipgram", "cbow"] = "skipgram",
        loss: Literal["ns"] = "ns",
        negatives: int = 5,
        subsample: float = 1e-4,
        epochs: int = 5,
        lr: float = 0.05,
        min_lr: float | None = None,
        threads: int | None = None,
        seed: int = 1,
        device: str = "auto",
        engine: Literal["native", "torch", "triton"] | None = None,
        *,
        composition: Literal["mean", "sum"] = "mean",
        shrink_windows: bool = True,
        subsample_rule: Literal["word2vec", "book"] = "word2vec",
        noise_power: float = 0.5,
        negatives_shared_by: Literal["distant", "group", "center", "pair"] | None = "center",
        cbow_contexts: Literal["word2vec", "mean", "sum"] = "word2vec",
        deterministic: bool = False,
    ) -> None:
        """Fixes the configuration; nothing is allocated before `fit`. Defaults are those of fastText.

        Args:
            dim: D, the length of a vector.
            min_n: characters in the shortest n-gram, `<` and `>` included.
            max_n: characters in the longest, at most 64.
            buckets: rows that n-grams are hashed into; those that no word reaches take no memory.
            window: words on each side of a center, at most.
            architecture: "skipgram" (a context predicts its center) or "cbow" (the contexts together do;
                fastText's pools all of their rows, so that words with many n-grams weigh more there).
            loss: "ns", negative sampling.
            negatives: K, noise words a center or a pair.
            subsample: t, the frequency above which words are dropped at random; 0 keeps all.
            epochs: passes over the corpus.
            lr: learning rate at the start; it falls linearly with the position in the corpus.
            min_lr: learning rate at the end; lr / 10,000 by default.
            threads: None for one a core; with 1 the same seed gives the same bits, as in `Word2Vec`.
            seed: of every random draw.
            device: "cpu", "cuda", "cuda:1" and so on, or "auto", which is the CPU and says so in
                the log.
            engine: "native" (C++ threads), "triton" (kernels on a GPU), "torch" (plain, slow, anywhere), or
                None for the fastest on the device. They draw the same and differ in when rows move; see
                docs/gpu.md. A checkpoint of one is one of all.
            composition: "mean" of a word's rows, as in fastText, or "sum", as in the book.
            shrink_windows: draw each window from 1..window.
            subsample_rule: "word2vec" (fastText's too) or "book".
            noise_power: exponent of the counts in the noise distribution; 0.5 in fastText, 0.75 in gensim.
            negatives_shared_by: "distant", "group", "center" or "pair"; see `fastnlp.models.Word2VecConfig`.
            cbow_contexts: "word2vec", "mean" or "sum"; see there too.
            deterministic: give the same bits for any number of threads, for a quarter of skip-gram's speed
                and two fifths of CBOW's; sentences of more than 120 words are cut.

        Raises:
            ValueError: a value is out of range; the message names it.
            TypeError: a value is of the wrong type.
            RuntimeError: the device, or what the engine needs, is not on this machine.
        """
        config = FastTextConfig(
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
            cbow_contexts=cbow_contexts,
            deterministic=deterministic,
            min_n=min_n,
            max_n=max_n,
            buckets=buckets,
            composition=composition,
        )
        super().__init__(config, threads, device, engine)

    @property
    def context_vectors(self) -> WordVectors:
        """The output vectors u, of words as contexts.

        Raises:
            RuntimeError: the model has not been fitted.
        """
        vocab, tables = self._fitted()
        return WordVectors(vocab.tokens, tables.output, counts=vocab.counts)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the whole model: a name in `.bin` in fastText's format, any other in fastnlp's own.

        fastText's format has no place for the learning rate, the seed and the history, and calls the mean of
        rows a word's vector, so "sum" cannot be stored in it. Buckets without a row are written as zeros.

        Args:
            path: the file to create or replace.

        Raises:
            RuntimeError: the model has not been fitted.
            ValueError: fastText's format cannot hold the model.
            OSError: writing failed; an old file stays as it was.

        Example:
            >>> import tempfile, pathlib
            >>> model = FastText(dim=4, buckets=100, subsample=0)
            >>> _ = model.fit(Corpus.from_text(["the cat sat"] * 9, min_count=1))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     model.save(pathlib.Path(folder, "cats.bin"))
            ...     again = FastText.load(pathlib.Path(folder, "cats.bin"))
            >>> bool((again.vectors["catlike"] == model.vectors["catlike"]).all())
            True
        """
        if Path(path).suffix.lower() != ".bin":
            super().save(path)
            return
        vocab, tables = self._fitted()
        config = self.config
        if config.composition != "mean":
            raise ValueError(
                "composition: expected 'mean', as fastText composes what it reads, got "
                f"{config.composition!r}; a name that does not end in .bin keeps all of the model"
            )
        settings = FastTextSettings(
            dim=config.dim,
            window=config.window,
            epochs=config.epochs,
            min_count=vocab.min_count,
            negatives=config.negatives,
            buckets=config.buckets,
            min_n=config.min_n,
            max_n=config.max_n,
            subsample=config.subsample,
            architecture=config.architecture,
        )
        write_fasttext(
            path,
            settings,
            vocab.words.data,
            vocab.words.offsets,
            vocab.counts,
            tables.word_rows,
            tables.ngram_rows,
            tables.row_bucket,
            tables.output,
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
        """Reads a model that `save` or the fastText program wrote, or the checkpoint of a run.

        To look words up without learning on, `WordVectors.load` maps a `.bin` instead of reading it all.

        Args:
            path: the file; fastText's format is known by its first bytes.
            threads: how many threads train on; None for one per processor.
            device: where to train on; see the class.
            engine: by what; see the class.

        Returns:
            The model: its vectors work, and `partial_fit` goes on with new text.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged or holds another kind of model.
        """
        if not is_fasttext(path):
            return super().load(path, threads=threads, device=device, engine=engine)
        where: dict[str, Any] = {"threads": threads, "device": device, "engine": engine}
        file = read_fasttext(path)
        settings = file.settings
        if settings.loss != "ns" or not settings.max_n:
            raise ValueError(
                f"{os.fspath(path)}: expected negative sampling over n-grams, got {settings.loss}, "
                f"max_n={settings.max_n}; WordVectors.load reads it"
            )
        model = cls(
            dim=settings.dim,
            min_n=settings.min_n,
            max_n=settings.max_n,
            buckets=settings.buckets,
            window=settings.window,
            negatives=settings.negatives,
            subsample=settings.subsample,
            epochs=settings.epochs,
            architecture=settings.architecture,
            **where,
        )
        try:
            tokens = WordList(file.words, file.offsets).strings
        except UnicodeDecodeError:
            raise ValueError(f"{os.fspath(path)}: expected words in UTF-8, found other bytes") from None
        vocab = Vocab(tokens, file.counts, min_count=max(1, settings.min_count))
        tables = FastTextTables(vocab, model.config, model.threads)
        if _holds_more(file, tables.row_bucket):
            tables = FastTextTables(vocab, model.config, model.threads, all_buckets=True)
        tables.word_rows[...] = _floats(file.word_rows)
        tables.output[...] = _floats(file.output)
        for start in range(0, len(tables.row_bucket), _ROWS):
            buckets = tables.row_bucket[start : start + _ROWS]
            tables.ngram_rows[start : start + _ROWS] = _floats(file.ngram_rows[buckets])
        if not math.isfinite(tables.largest()):
            raise ValueError(f"{os.fspath(path)}: expected finite numbers, found NaN or infinity")
        model._vocab, model._tables = vocab, tables
        return model

    def _new_tables(self, vocab: Vocab) -> FastTextTables:
        return FastTextTables(vocab, self.config, self.threads)

    def _saved_tables(self, vocab: Vocab, saved: Checkpoint) -> FastTextTables:
        every = saved.rows("ngrams") == self.config.buckets
        return FastTextTables(vocab, self.config, self.threads, all_buckets=every)

    def _grown_tables(self, tables: FastTextTables, vocab: Vocab) -> FastTextTables:
        every = len(tables.row_bucket) == self.config.buckets
        grown = FastTextTables(vocab, self.config, self.threads, all_buckets=every)
        grown.take(tables)
        return grown

    def _take_vectors(
        self, tables: FastTextTables, ids: NDArray[np.int64], vectors: NDArray[np.float32]
    ) -> None:
        tables.word_rows[ids] = vectors

    def _engine(self, config: FastTextConfig, corpus: Corpus, tables: FastTextTables) -> Engine:
        return engine_for(self._choose(unfit(config, tables)), config, corpus, tables, self.threads)

    def _word_vectors(self, vocab: Vocab, tables: FastTextTables) -> SubwordVectors:
        config = self.config
        ngrams = NgramRows(
            tables.ngram_rows.view(np.uint8),
            tables.row_bucket,
            config.buckets,
            config.min_n,
            config.max_n,
            config.composition,
        )
        own = np.arange(len(vocab), dtype=np.int64)
        vectors = ngrams.compose(vocab.words, own, tables.word_rows.view(np.uint8), self.threads)
        return SubwordVectors(vocab.tokens, vectors, ngrams, counts=vocab.counts)

    @property
    def vectors(self) -> SubwordVectors:
        """The vectors of the words, which answer for unseen words too.

        Raises:
            RuntimeError: the model has not been fitted.
        """
        vectors = super().vectors
        assert isinstance(vectors, SubwordVectors)
        return vectors


def _floats(rows: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, D) float32 from (N, 4 D) bytes at any address."""
    return np.require(rows, requirements=["C"]).view("<f4")


def _holds_more(file: FastTextFile, row_bucket: NDArray[np.int32]) -> bool:
    """Whether a bucket outside of `row_bucket` has a row that is not zero."""
    for start in range(0, file.settings.buckets, _ROWS):
        block = file.ngram_rows[start : start + _ROWS]
        first, last = np.searchsorted(row_bucket, [start, start + len(block)])
        filled = np.asarray(block.any(axis=1))
        filled[row_bucket[first:last] - start] = False
        if filled.any():
            return True
    return False
