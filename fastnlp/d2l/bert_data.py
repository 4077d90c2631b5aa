"""From paragraphs to BERT's input, one step of the book at a time: lists of tokens in, lists out.

All choices are made by `random`, in the book's order, so that after `random.seed` these functions give what
the book's give.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch

from fastnlp.d2l.vocabulary import Vocab

Pair = tuple[list[str], list[int], bool]
"""(tokens, segments, is_next)"""


def get_tokens_and_segments(
    tokens_a: list[str], tokens_b: list[str] | None = None
) -> tuple[list[str], list[int]]:
    """BERT's input sequence of one text or two, and the segment of each of its tokens.

    Args:
        tokens_a: of the first text.
        tokens_b: of the second one, or None.

    Returns:
        `<cls>`, the first text, `<sep>`, and if there is a second text that and `<sep>`; the segments, 0 up
        to the first `<sep>` and 1 behind it.

    Example:
        >>> get_tokens_and_segments(["a", "b"], ["c"])
        (['<cls>', 'a', 'b', '<sep>', 'c', '<sep>'], [0, 0, 0, 0, 1, 1])
    """
    tokens = ["<cls>", *tokens_a, "<sep>"]
    segments = [0] * len(tokens)
    if tokens_b is not None:
        tokens += [*tokens_b, "<sep>"]
        segments += [1] * (len(tokens_b) + 1)
    return tokens, segments


def _get_next_sentence(
    sentence: list[str], next_sentence: list[str], paragraphs: Sequence[Sequence[list[str]]]
) -> tuple[list[str], list[str], bool]:
    """Half of the time the next sentence, else a random one of a random paragraph.

    The random one may by chance be the next one; it counts as random.

    Args:
        sentence: the tokens of the first sentence.
        next_sentence: those of the one that follows.
        paragraphs: of the whole text, lists of sentences.

    Returns:
        The first sentence, the second one, and whether it is the next one.
    """
    if random.random() < 0.5:
        return sentence, next_sentence, True
    return sentence, random.choice(random.choice(paragraphs)), False


def _get_nsp_data_from_paragraph(
    paragraph: Sequence[list[str]], paragraphs: Sequence[Sequence[list[str]]], max_len: int
) -> list[Pair]:
    """Examples of next-sentence prediction: each sentence of a paragraph but the last with another.

    Args:
        paragraph: its sentences, lists of tokens.
        paragraphs: of the whole text.
        max_len: pairs that with `<cls>` and two `<sep>` are longer are left out.

    Returns:
        (tokens, segments, is_next) of each pair.

    Example:
        >>> paragraph = [["a", "b"], ["c"]]
        >>> random.seed(1)
        >>> _get_nsp_data_from_paragraph(paragraph, [paragraph], 6)
        [(['<cls>', 'a', 'b', '<sep>', 'c', '<sep>'], [0, 0, 0, 0, 1, 1], True)]
    """
    pairs = []
    for i in range(len(paragraph) - 1):
        first, second, is_next = _get_next_sentence(paragraph[i], paragraph[i + 1], paragraphs)
        if len(first) + len(second) + 3 <= max_len:
            pairs.append((*get_tokens_and_segments(first, second), is_next))
    return pairs


def _replace_mlm_tokens(
    tokens: list[str], candidate_pred_positions: list[int], num_mlm_preds: int, vocab: Vocab
) -> tuple[list[str], list[tuple[int, str]]]:
    """Hides tokens for the masked language model.

    Of the tokens that are to be predicted 80% become `<mask>`, 10% stay, and 10% become a random one of
    `vocab.idx_to_token`, special ones too.

    Args:
        tokens: BERT's input.
        candidate_pred_positions: the places that may be predicted; they are shuffled in place.
        num_mlm_preds: how many are.
        vocab: random tokens come from it.

    Returns:
        The tokens with some of them hidden, and (place, token) of each that is to be predicted, in the order
        in which they were drawn.
    """
    hidden = list(tokens)
    random.shuffle(candidate_pred_positions)
    predicted = candidate_pred_positions[:num_mlm_preds]
    for position in predicted:
        if random.random() < 0.8:
            hidden[position] = "<mask>"
        elif random.random() >= 0.5:
            hidden[position] = random.choice(vocab.idx_to_token)
    return hidden, [(position, tokens[position]) for position in predicted]


def _get_mlm_data_from_tokens(tokens: list[str], vocab: Vocab) -> tuple[list[int], list[int], list[int]]:
    """An example of the masked language model: 15% of the tokens are to be predicted, one at least.

    `round` goes to the even number: 4 of 30 tokens, 8 of 50.

    Args:
        tokens: BERT's input; `<cls>` and `<sep>` are never predicted.
        vocab: gives the indices.

    Returns:
        The indices of the tokens with some hidden, the places of these, rising, and the indices of what they
        were.
    """
    candidates = [i for i, token in enumerate(tokens) if token not in ("<cls>", "<sep>")]
    hidden, predicted = _replace_mlm_tokens(tokens, candidates, max(1, round(len(tokens) * 0.15)), vocab)
    predicted.sort(key=lambda pair: pair[0])
    return vocab[hidden], [place for place, _ in predicted], vocab[[token for _, token in predicted]]


def _pad_bert_inputs(
    examples: Sequence[tuple[list[int], list[int], list[int], list[int], bool]], max_len: int, vocab: Vocab
) -> tuple[list[torch.Tensor], ...]:
    """Examples as tensors of one length: `max_len` tokens and round(0.15 * max_len) predictions.

    Args:
        examples: (indices, places, labels, segments, is_next) of each.
        max_len: of all rows.
        vocab: has `<pad>`.

    Returns:
        Seven lists of a tensor for each example: indices, segments, valid length (float32), places, weights
        (float32; 0 for what is no prediction), labels, and whether the second sentence is the next one.

    Example:
        >>> vocab = Vocab([["a"]], reserved_tokens=["<pad>", "<mask>", "<cls>", "<sep>"])
        >>> padded = _pad_bert_inputs([([3, 2, 4], [1], [5], [0, 0, 0], True)], 10, vocab)
        >>> padded[0][0], padded[3][0], padded[4][0]
        (tensor([3, 2, 4, 1, 1, 1, 1, 1, 1, 1]), tensor([1, 0]), tensor([1., 0.]))
    """
    most = round(max_len * 0.15)

    def row(values: Sequence[float], size: int, filler: float, dtype: torch.dtype) -> torch.Tensor:
        return torch.tensor([*values, *[filler] * (size - len(values))], dtype=dtype)

    whole, real = torch.long, torch.float32
    return (
        [row(ids, max_len, vocab["<pad>"], whole) for ids, _, _, _, _ in examples],
        [row(segments, max_len, 0, whole) for _, _, _, segments, _ in examples],
        [torch.tensor(len(ids), dtype=real) for ids, _, _, _, _ in examples],
        [row(places, most, 0, whole) for _, places, _, _, _ in examples],
        [row([1.0] * len(labels), most, 0.0, real) for _, _, labels, _, _ in examples],
        [row(labels, most, 0, whole) for _, _, labels, _, _ in examples],
        [torch.tensor(is_next, dtype=whole) for _, _, _, _, is_next in examples],
    )
