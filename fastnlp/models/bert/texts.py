"""What a pretrained BERT does with text: vectors, similarities, masked words."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from fastnlp.models.bert.config import BertConfig
from fastnlp.models.bert.layout import Layout
from fastnlp.models.bert.pretrained import Tokenizer, as_tokenizer
from fastnlp.tokenizers import WordPiece, post_processing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastnlp.models.bert.encoder import BertModel

__all__ = ["Text", "TextMethods"]

Text = str | tuple[str, str]
_SPACED_MASK = re.compile(r"\s+\[MASK\]")
Pooling = Literal["mean", "cls", "tokens"]


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Without dropout and gradients; the mode is restored."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(training)


class TextMethods:
    """Methods of a model that has a tokenizer. The model is in evaluation mode while they run."""

    config: BertConfig
    tokenizer: Tokenizer | None

    def _encoder(self) -> BertModel:
        raise NotImplementedError

    def encode(
        self,
        texts: Text | Sequence[Text],
        *,
        pooling: Pooling = "mean",
        batch_size: int = 32,
        max_length: int | None = None,
    ) -> Any:
        """Vectors of texts, or of pairs of texts, that depend on all their words.

        The book's `get_bert_encoding` for any number of texts. Texts of similar length share a batch, and
        none is padded.

        Args:
            texts: a str, a pair of them as a tuple, or a list of either.
            pooling: "mean" of all tokens, special ones included; "cls", the first one; "tokens" for the
                vectors of all.
            batch_size: texts at a time.
            max_length: tokens to keep of a text; None for as many as the model takes.

        Returns:
            (N, D) float32, or (D,) for a single text. With "tokens" N arrays (n, D), or one.

        Raises:
            ValueError: the model has no tokenizer, or an argument is out of range.
            TypeError: something is neither a text nor a pair.

        Example:
            >>> from fastnlp import BertConfig, BertForPreTraining, WordPiece
            >>> model = BertForPreTraining(BertConfig.book(7))
            >>> model.tokenizer = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "crane"])
            >>> model.encode("a crane", pooling="tokens").shape, model.encode(["a", ("crane", "a")]).shape
            ((4, 128), (2, 128))
        """
        if pooling not in ("mean", "cls", "tokens"):
            raise ValueError(f"pooling: expected mean, cls or tokens, got {pooling!r}")
        if batch_size < 1:
            raise ValueError(f"batch_size: expected at least 1, got {batch_size}")
        single = isinstance(texts, (str, tuple))
        if not single and not isinstance(texts, Iterable):
            raise TypeError(
                f"texts: expected str, pairs of str or a list of them, got {type(texts).__name__}"
            )
        several: list[Any] = [texts] if single else list(texts)
        rows = [_ids(self._tokenizer(), text, self._longest(max_length)) for text in several]
        found: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(rows)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]))
        encoder = self._encoder()
        with _evaluating(encoder):
            for start in range(0, len(order), batch_size):
                chosen = order[start : start + batch_size]
                for i, vectors in zip(chosen, _encode([rows[i] for i in chosen], encoder), strict=True):
                    if pooling == "mean":
                        vectors = vectors.mean(0)
                    elif pooling == "cls":
                        vectors = vectors[0]
                    found[i] = vectors.float().cpu().numpy()
        if single:
            return found[0]
        if pooling == "tokens":
            return found
        return np.stack(found) if found else np.empty((0, self.config.hidden_size), np.float32)

    def similarity(
        self,
        first: Text | Sequence[Text],
        second: Text | Sequence[Text],
        *,
        pooling: Literal["mean", "cls"] = "mean",
    ) -> NDArray[np.float32]:
        """Cosines between the vectors of texts.

        Args:
            first: N texts, or one.
            second: M texts, or one.
            pooling: as for `encode`.

        Returns:
            (N, M) float32 in [-1, 1].

        Raises:
            ValueError, TypeError: as `encode`.
        """
        sides = []
        for texts in (first, second):
            vectors = np.atleast_2d(self.encode(texts, pooling=pooling))
            sides.append(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
        cosines: NDArray[np.float32] = np.clip(sides[0] @ sides[1].T, -1.0, 1.0)
        return cosines

    def _tokenizer(self) -> Tokenizer:
        if self.tokenizer is None:
            raise ValueError("tokenizer: expected one for text; set model.tokenizer, got None")
        self.tokenizer = as_tokenizer(self.tokenizer)
        if len(self.tokenizer) > self.config.vocab_size:
            raise ValueError(
                f"tokenizer: expected at most the model's {self.config.vocab_size} tokens, "
                f"got {len(self.tokenizer)}"
            )
        return self.tokenizer

    def _longest(self, max_length: int | None) -> int:
        longest = self.config.max_position_embeddings
        if max_length is None:
            return longest
        if not 3 <= max_length <= longest:
            raise ValueError(f"max_length: expected 3 to {longest}, got {max_length}")
        return max_length


class MaskFilling(TextMethods):
    """`fill_mask` of a model with a head that predicts words."""

    def fill_mask(self, text: Text, *, top: int = 5) -> list[list[tuple[str, float]]]:
        """The words that the model expects at each [MASK].

        Args:
            text: with at least one "[MASK]".
            top: words for each, the most probable first; 1 to V.

        Returns:
            For each [MASK] its words with their probabilities.

        Raises:
            ValueError: there is no [MASK] in what the model can read, it has no tokenizer, or `top` is out of
                range.

        Example:
            >>> from fastnlp import BertConfig, BertForPreTraining, WordPiece
            >>> model = BertForPreTraining(BertConfig.book(7))
            >>> model.tokenizer = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "crane"])
            >>> [(best, next_best)] = model.fill_mask("a [MASK]", top=2)
            >>> best[1] >= next_best[1] > 0
            True
        """
        if not 1 <= top <= self.config.vocab_size:
            raise ValueError(f"top: expected 1 to {self.config.vocab_size}, got {top}")
        tokenizer = self._tokenizer()
        mask = tokenizer.token_id("[MASK]")
        ids, segments = _ids(tokenizer, text, self.config.max_position_embeddings)
        places = np.flatnonzero(ids == (-1 if mask is None else mask))
        if not len(places):
            raise ValueError(
                f"text: expected at least one [MASK] in its first {len(ids)} tokens, got {reprlib.repr(text)}"
            )
        encoder = self._encoder()
        with _evaluating(encoder), _evaluating(self):  # type: ignore[arg-type]
            hidden = _encode([(ids, segments)], encoder)[0]
            masked = self.cls.predictions.transform(hidden[torch.from_numpy(places).to(hidden.device)])  # type: ignore[attr-defined]
            logits = functional.linear(masked, self._decoder_weight(), self.cls.predictions.bias)  # type: ignore[attr-defined]
            best = logits.float().softmax(-1).topk(top)
        return [
            [(_shown(tokenizer, word), probability) for word, probability in zip(words, values, strict=True)]
            for words, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]


def _shown(tokenizer: Tokenizer, number: int) -> str:
    """A token as text; byte pairs are told as what they decode to."""
    if number >= len(tokenizer):
        return f"<{number}>"
    if isinstance(tokenizer, WordPiece):
        return tokenizer.tokens[number]
    return tokenizer.decode([number])


def _ids(tokenizer: Tokenizer, text: object, longest: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(n,) ids and segments of [CLS] text [SEP] (text [SEP]), or as the post-processor says."""
    parts = (text,) if isinstance(text, str) else text
    if not isinstance(parts, tuple) or len(parts) not in (1, 2) or not all(isinstance(p, str) for p in parts):
        raise TypeError(f"texts: expected str or pairs of str, got {text!r}")
    if isinstance(tokenizer, WordPiece):
        first, second = (*parts, None)[:2]
        return tokenizer.encode_pair(first, second, max_length=longest, allowed_special=True)
    template = post_processing.read(tokenizer.definition.post_processor, len(tokenizer))
    if not template.adds:
        special = tokenizer.special_tokens
        if "[CLS]" not in special or "[SEP]" not in special:
            raise ValueError("tokenizer: expected the special tokens [CLS] and [SEP], got one without")
        template = post_processing.around_texts(special["[CLS]"], special["[SEP]"])
    # The space before a word belongs to its token, and so to the mask that stands for it.
    pieces = [tokenizer.encode(_SPACED_MASK.sub("[MASK]", part), allowed_special="all") for part in parts]
    return template.join(pieces, max_length=longest)


def _encode(
    rows: list[tuple[NDArray[np.int32], NDArray[np.int32]]], encoder: BertModel
) -> list[torch.Tensor]:
    """Texts of rising length, one after another without padding."""
    device = encoder.embeddings.word_embeddings.weight.device
    lengths = [len(ids) for ids, _ in rows]
    tokens, segments = (torch.from_numpy(np.concatenate([row[i] for row in rows])).to(device) for i in (0, 1))
    places = torch.cat([torch.arange(length) for length in lengths]).to(device)
    hidden = encoder.encode_rows(tokens, segments, places, Layout.packed(lengths, device))
    return list(torch.split(hidden, lengths))
