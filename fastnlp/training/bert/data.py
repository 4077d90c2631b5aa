"""The examples that a run is trained on: made from a corpus, or given and fitting."""

from __future__ import annotations

from typing import Any

from fastnlp.models.bert import BertConfig
from fastnlp.sampling import BertExamples
from fastnlp.text import Corpus
from fastnlp.training.bert.settings import PretrainingSettings

__all__ = ["Data", "check_vocabulary", "checked_examples", "examples_of"]

Data = Corpus | BertExamples


def examples_of(
    corpus: Corpus,
    config: BertConfig,
    settings: PretrainingSettings,
    rank: int = 0,
    world_size: int = 1,
    **options: Any,
) -> BertExamples:
    """The examples that suit a model and the settings of its run.

    Args:
        corpus: with the special tokens in its vocabulary.
        config: the model's; without `next_sentence` the examples are running text.
        settings: give the length, the part that is predicted, the seed, and whether rows are padded.
        rank: of this process.
        world_size: how many processes there are.
        **options: what else `BertExamples` takes, or takes otherwise.

    Raises:
        ValueError: as `BertExamples`.
    """
    return BertExamples(
        corpus,
        **{
            "max_len": settings.max_len,
            "mode": "nsp" if config.next_sentence else "full",
            "mask_fraction": settings.mask_fraction,
            "seed": settings.seed,
            "pad_to": "longest" if settings.leaves_out_padding else "max_len",
            "rank": rank,
            "world_size": world_size,
            **options,
        },
    )


def checked_examples(
    data: Data, config: BertConfig, settings: PretrainingSettings, rank: int, world_size: int, name: str
) -> BertExamples:
    """The examples of one process, from a corpus or as given.

    Args:
        data: either of them.
        config: of the model.
        settings: of the run.
        rank: of the process.
        world_size: how many processes there are.
        name: of the argument.

    Raises:
        TypeError: `data` is neither.
        ValueError: they do not fit the model or the process.
    """
    if isinstance(data, Corpus):
        data = examples_of(data, config, settings, rank, world_size)
    if not isinstance(data, BertExamples):
        raise TypeError(f"{name}: expected a Corpus or BertExamples, got {type(data).__name__}")
    if (data.rank, data.world_size) != (rank, world_size):
        raise ValueError(
            f"{name}: expected examples of process {rank} of {world_size}, got {data.rank} of "
            f"{data.world_size}; a Corpus is divided without help"
        )
    if data.n_examples(0) < world_size:
        raise ValueError(
            f"{name}: expected a sequence for each of {world_size} processes, got {data.n_examples(0)}"
        )
    if config.next_sentence and data.mode == "full":
        raise ValueError(
            f"{name}: expected pairs of sentences, or a model with next_sentence=False, got running text"
        )
    if config.type_vocab_size < 2 and data.mode == "nsp":
        raise ValueError(
            f"type_vocab_size: expected at least 2 for pairs of sentences, got {config.type_vocab_size}; "
            f"or take running text, mode='full'"
        )
    if data.max_len > config.max_position_embeddings:
        raise ValueError(
            f"max_len: expected at most the model's {config.max_position_embeddings}, got {data.max_len}"
        )
    if len(data.corpus.vocab) > config.vocab_size:
        raise ValueError(
            f"{name}: expected at most the model's {config.vocab_size:,} words, got "
            f"{len(data.corpus.vocab):,}"
        )
    return data


def check_vocabulary(validation: BertExamples, data: BertExamples) -> None:
    """Refuses validation data whose ids stand for other tokens than those that are trained on.

    Args:
        validation: what is looked at.
        data: what is trained on.

    Raises:
        ValueError: their vocabularies differ.
    """
    ours, theirs = data.corpus.vocab, validation.corpus.vocab
    if theirs is ours or theirs.tokens == ours.tokens:
        return
    pairs = enumerate(zip(theirs.tokens, ours.tokens, strict=False))
    other = next((f", with {a!r} for {b!r} as {i}" for i, (a, b) in pairs if a != b), "")
    raise ValueError(
        f"validation: expected the {len(ours):,} tokens of the data, as Corpus.from_text(..., "
        f"vocab=data.vocab) or the same tokenizer gives them, got {len(theirs):,}{other}"
    )
