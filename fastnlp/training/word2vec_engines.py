"""The engines of word2vec and fastText by name; those on torch load when they are asked for."""

from __future__ import annotations

from fastnlp.models.fasttext import FastTextTables
from fastnlp.models.word2vec import Word2VecConfig, Word2VecTables
from fastnlp.text import Corpus
from fastnlp.training.devices import Choice
from fastnlp.training.engine import Engine
from fastnlp.training.native_engine import NativeEngine

__all__ = ["engine_for", "unfit"]


def unfit(config: Word2VecConfig) -> str | None:
    """What of a model the Triton engine cannot train; None where it can all of it."""
    return f"architecture={config.architecture!r}, loss={config.loss!r}"


def engine_for(
    choice: Choice,
    config: Word2VecConfig,
    corpus: Corpus,
    tables: Word2VecTables | FastTextTables,
    threads: int,
) -> Engine:
    """The engine that was chosen.

    Args:
        choice: its name and device.
        config: of the model.
        corpus: to train on.
        tables: the parameters.
        threads: of the native engine.

    Returns:
        It, with its tables where it trains them.
    """
    if choice.engine == "native":
        return NativeEngine(config, corpus, tables, threads)
    from fastnlp.training.torch_engine import TorchEngine

    return TorchEngine(config, corpus, tables, choice.device)
