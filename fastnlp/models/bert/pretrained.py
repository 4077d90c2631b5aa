"""Folders of pretrained models, as transformers writes and reads them."""

from __future__ import annotations

import json
import logging
import os
import pickle
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from fastnlp.io.arrays_file import map_arrays, write_arrays
from fastnlp.io.atomic import atomic_directory, atomic_write
from fastnlp.io.vector_table import refuse_file
from fastnlp.models.bert.config import BertConfig
from fastnlp.tokenizers import BPE, WordPiece, post_processing

__all__ = [
    "Pretrained",
    "Tokenizer",
    "as_tokenizer",
    "load_tokenizer",
    "load_tokenizer_file",
    "read_state",
    "save_tokenizer",
]

Tokenizer = WordPiece | BPE

_log = logging.getLogger("fastnlp")

_CONFIG, _WEIGHTS, _INDEX, _PICKLED = (
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
)
_TOKENIZER = ("tokenizer.json", "vocab.txt", "tokenizer_config.json")
_SPECIAL = {"unk": "[UNK]", "sep": "[SEP]", "pad": "[PAD]", "cls": "[CLS]", "mask": "[MASK]"}


class Pretrained(nn.Module):
    """`save_pretrained` and `from_pretrained` of a model whose parameters have transformers' names."""

    config: BertConfig
    tokenizer: Tokenizer | None = None

    def save_pretrained(self, folder: str | os.PathLike[str], tokenizer: Any = None) -> None:
        """Writes `config.json`, `model.safetensors` and the tokenizer's files, all of them or nothing.

        What transformers' BERT can express, it reads with `from_pretrained`. Other architectures have a
        `model_type` of their own, which its `AutoModel` refuses; its `BertModel` warns, and then computes
        something else.

        Args:
            folder: to create, or to replace if it holds a pretrained model and nothing else.
            tokenizer: as `as_tokenizer` takes it; None for the one of the model, if it has one.

        Raises:
            FileExistsError: the folder holds something else.
            TypeError, ValueError: the tokenizer is none, or of a kind that is not here.
            OSError: writing failed; the old folder is untouched.
        """
        _refuse_other_folder(Path(folder))
        with atomic_directory(folder) as new:
            self.write_files(new, tokenizer)

    def write_files(
        self,
        folder: Path,
        tokenizer: Any = None,
        parameters: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        """Writes the files of `save_pretrained` into a folder that is there.

        Args:
            folder: an existing one.
            tokenizer: None for the one of the model, if it has one.
            parameters: to write instead of the model's own, by their names; those of a model in shards.
        """
        tokenizer = self.tokenizer if tokenizer is None else tokenizer
        parameters = self.state_dict() if parameters is None else parameters
        (folder / _CONFIG).write_text(self.config.to_json(type(self).__name__), encoding="utf-8")
        arrays = {name: _as_array(tensor) for name, tensor in parameters.items()}
        # Where nothing is tied, transformers has the bias of the words twice.
        if self.config.is_standard and "cls.predictions.decoder.weight" in arrays:
            arrays["cls.predictions.decoder.bias"] = arrays["cls.predictions.bias"]
        write_arrays(folder / _WEIGHTS, arrays, {"format": "pt"})
        if tokenizer is not None:
            save_tokenizer(folder, as_tokenizer(tokenizer), self.config.max_position_embeddings)

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> Self:
        """Reads what `save_pretrained` of this library or of transformers wrote.

        The weights are those of `model.safetensors`, of several such files with an index, or of
        `pytorch_model.bin`, which is read without running code that it may hold. Heads that the folder lacks
        start anew, with a warning.

        Args:
            folder: a folder on this machine.

        Returns:
            The model, in evaluation mode, in float32; with its tokenizer if the folder has one.

        Raises:
            FileNotFoundError: there is no such folder, or no weights in it.
            ValueError: a file is damaged, or the model is not a BERT; the message names file and place.
        """
        path = Path(folder)
        if not (path / _CONFIG).is_file():
            inner = sorted(path.glob(f"*/{_CONFIG}"))  # of a run, whose checkpoints are models
            hint = f"; {inner[-1].parent} has one" if inner else ""
            raise FileNotFoundError(2, f"expected {_CONFIG} in the folder{hint}", os.fspath(folder))
        try:
            config = BertConfig.from_json((path / _CONFIG).read_text(encoding="utf-8"))
        except (ValueError, TypeError, RecursionError) as error:
            refuse_file(path / _CONFIG, error)
        file, state = read_state(path)
        state = _our_names(state, config, "bert." if hasattr(cls, "losses") else "")
        with torch.device("meta"):
            model = cls(config)
        wanted = model.state_dict()
        missing = [name for name in wanted if name not in state]
        if missing:
            heads = [name for name in missing if name.startswith("cls.") or ".pooler." in f".{name}"]
            if heads != missing:
                refuse_file(
                    file, f"expected {next(n for n in missing if n not in heads)}, found no such array"
                )
            _log.warning("%s: no %s among the weights; they start anew", file, ", ".join(missing))
            model = cls(config)
        for name, tensor in state.items():
            if name not in wanted:
                refuse_file(file, f"{name}: expected an array of a BERT, got one of another model")
            if tensor.shape != wanted[name].shape:
                refuse_file(file, f"{name}: expected {tuple(wanted[name].shape)}, got {tuple(tensor.shape)}")
            if not bool(torch.isfinite(tensor).all()):
                refuse_file(file, f"{name}: expected finite numbers, found NaN or infinity")
        model.load_state_dict(state, strict=False, assign=True)
        for parameter in model.parameters():
            parameter.requires_grad_(True)
        model.tokenizer = load_tokenizer(path)
        return model.eval()


def _refuse_other_folder(folder: Path) -> None:
    if not folder.is_dir():
        return
    others = sorted({entry.name for entry in folder.iterdir()} - {_CONFIG, _WEIGHTS, *_TOKENIZER})
    if others:
        raise FileExistsError(
            f"folder: expected a free name or a pretrained model alone, got {folder} with {others[0]}"
        )


def _as_array(tensor: torch.Tensor) -> Any:
    return tensor.detach().to("cpu", torch.float32).contiguous().numpy()


def read_state(folder: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    """The tensors of a folder by name, as float32, and the file to name in errors.

    Raises:
        FileNotFoundError: there are no weights.
        ValueError: a file is damaged.
    """
    if (folder / _WEIGHTS).is_file():
        return folder / _WEIGHTS, _read_safetensors(folder / _WEIGHTS)
    if (folder / _INDEX).is_file():
        return folder / _INDEX, _read_sharded(folder)
    file = folder / _PICKLED
    if not file.is_file():
        raise FileNotFoundError(2, f"expected {_WEIGHTS} or {_PICKLED} in the folder", os.fspath(folder))
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        refuse_file(file, f"not the weights of a model, or damaged ({str(error).splitlines()[0]})")
    if not isinstance(state, Mapping) or not all(isinstance(t, torch.Tensor) for t in state.values()):
        refuse_file(file, "expected tensors by name")
    return file, {str(name): tensor.float().contiguous() for name, tensor in state.items()}


def _read_safetensors(file: Path) -> dict[str, torch.Tensor]:
    arrays = map_arrays(file, bfloat16=True)
    # Copies: the file may change, and parameters are written to. Integers are no parameters.
    return {
        name: torch.from_numpy(np.array(array, np.float32))
        for name, array in arrays.items()
        if array.dtype.kind == "f"
    }


def _read_sharded(folder: Path) -> dict[str, torch.Tensor]:
    index = folder / _INDEX
    try:
        places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        files = sorted({str(name) for name in places.values()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        refuse_file(index, f"damaged index of weights ({type(error).__name__}: {error})")
    state: dict[str, torch.Tensor] = {}
    for name in files:
        if Path(name).name != name:
            refuse_file(index, f"expected the name of a file beside it, got {name!r}")
        state.update(_read_safetensors(folder / name))
    missing = sorted(set(places) - set(state))
    if missing:
        refuse_file(index, f"{missing[0]}: expected it in {places[missing[0]]}, found no such array")
    return state


def _our_names(state: dict[str, torch.Tensor], config: BertConfig, prefix: str) -> dict[str, torch.Tensor]:
    """Names as our modules have them; what is a copy, or of a head that this class lacks, is left out."""
    if prefix and not any(name.startswith(prefix) for name in state):
        state = {prefix + name: tensor for name, tensor in state.items()}
    if not prefix and any(name.startswith("bert.") for name in state):
        state = {name[5:]: tensor for name, tensor in state.items() if name.startswith("bert.")}
    state = {
        name.replace("LayerNorm.gamma", "LayerNorm.weight").replace(
            "LayerNorm.beta", "LayerNorm.bias"
        ): tensor
        for name, tensor in state.items()
    }
    decoder = "cls.predictions.decoder."
    bias = state.pop(decoder + "bias", None)
    if bias is not None and (not config.tie_word_embeddings or "cls.predictions.bias" not in state):
        state["cls.predictions.bias"] = bias
    if config.tie_word_embeddings:
        state.pop(decoder + "weight", None)
    state.pop(prefix + "embeddings.position_ids", None)
    if not config.next_sentence:
        state = {
            name: t
            for name, t in state.items()
            if "seq_relationship" not in name and ".pooler." not in f".{name}"
        }
    return state


def save_tokenizer(folder: Path, tokenizer: Tokenizer, longest: int) -> None:
    """Writes the files by which transformers knows a tokenizer.

    With byte pairs it puts [CLS] and [SEP] around texts and pairs as with word pieces, and the space before a
    [MASK] belongs to the mask, so that it gives what `encode` and `fill_mask` give the model.

    Args:
        folder: an existing one.
        tokenizer: word pieces or byte pairs.
        longest: tokens that the model takes.
    """
    if isinstance(tokenizer, BPE):
        tokenizer = _as_berts(tokenizer)
    tokenizer.save(folder / _TOKENIZER[0])
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": longest,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
    }
    if isinstance(tokenizer, WordPiece):
        tokenizer.save(folder / _TOKENIZER[1])
        settings |= {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": tokenizer.lowercase,
            "strip_accents": tokenizer.strip_accents,
            "tokenize_chinese_chars": True,
        }
    special = tokenizer.special_tokens
    settings |= {f"{name}_token": token for name, token in _SPECIAL.items() if token in special}
    with atomic_write(folder / _TOKENIZER[2], "w", encoding="utf-8") as file:
        file.write(json.dumps(settings, indent=2) + "\n")


def _as_berts(tokenizer: BPE) -> BPE:
    """The same ids, with the post-processor of BERT's tokenizer where there is none that adds tokens."""
    definition, special = tokenizer.definition, tokenizer.special_tokens
    before = definition.post_processor
    if not {"[CLS]", "[SEP]"} <= set(special) or post_processing.read(before, len(tokenizer)).adds:
        return tokenizer
    around: dict[str, Any] = {
        "type": "BertProcessing",
        "sep": ["[SEP]", special["[SEP]"]],
        "cls": ["[CLS]", special["[CLS]"]],
    }
    if before is not None:
        around = {"type": "Sequence", "processors": [before, around]}
    tokens = tuple(
        replace(token, takes_space_before=True) if token.text == "[MASK]" else token
        for token in definition.special_tokens
    )
    return BPE(replace(definition, special_tokens=tokens, post_processor=around))


def as_tokenizer(tokenizer: Any) -> Tokenizer:
    """A tokenizer as a model keeps it, whoever's it is.

    Args:
        tokenizer: word pieces or byte pairs: ours, a `tokenizers.Tokenizer`, or a fast one of transformers.

    Returns:
        Ours, as given or with the same ids.

    Raises:
        TypeError: it is none of these.
        ValueError: its model is of a kind that is not here.
        OSError: there is no room for its file, which is written once.

    Example:
        >>> ours = BPE.train({"tall": 5}, 257)
        >>> as_tokenizer(ours) is ours
        True
    """
    if isinstance(tokenizer, Tokenizer):
        return tokenizer
    inner = getattr(tokenizer, "backend_tokenizer", tokenizer)
    name = type(tokenizer).__name__
    if not hasattr(inner, "to_str"):
        raise TypeError(
            f"tokenizer: expected a BPE, a WordPiece or a fast tokenizer of the packages tokenizers or "
            f"transformers, got {name}; without one the model takes ids"
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, _TOKENIZER[0])
        try:
            file.write_text(inner.to_str(), encoding="utf-8")
            return load_tokenizer_file(file)
        except OSError:
            raise
        except Exception as error:  # whatever a part written in Python raises
            reason = str(error).removeprefix(f"{file}: ")
            raise ValueError(
                f"tokenizer: expected word pieces or byte pairs, got a {name} that cannot be kept with the "
                f"model ({reason}); without it the model takes ids"
            ) from error


def load_tokenizer_file(file: Path) -> Tokenizer:
    """The tokenizer of a `tokenizer.json`, of byte pairs or word pieces.

    Raises:
        ValueError: it is damaged, or of another kind.
    """
    try:
        kind = json.loads(file.read_text(encoding="utf-8"))["model"]["type"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        refuse_file(file, f"damaged ({type(error).__name__}: {error})")
    return BPE.load(file) if kind == "BPE" else WordPiece.load(file)


def load_tokenizer(folder: Path) -> Tokenizer | None:
    """The tokenizer of a folder, or None where it has none.

    Raises:
        ValueError: its files are damaged, or of a kind that is not here.
    """
    if (folder / _TOKENIZER[0]).is_file():
        return load_tokenizer_file(folder / _TOKENIZER[0])
    if not (folder / _TOKENIZER[1]).is_file():
        return None
    settings = folder / _TOKENIZER[2]
    lowercase = True
    if settings.is_file():
        try:
            lowercase = bool(json.loads(settings.read_text(encoding="utf-8")).get("do_lower_case", True))
        except (ValueError, AttributeError, RecursionError) as error:
            refuse_file(settings, f"damaged ({type(error).__name__}: {error})")
    return WordPiece.load(folder / _TOKENIZER[1], lowercase=lowercase)
