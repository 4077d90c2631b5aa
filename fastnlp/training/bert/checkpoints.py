"""Checkpoints of pretraining: folders with all that a run needs to go on as if it had never stopped.

    run/step-000002000/
        config.json, model.safetensors, tokenizer files     a pretrained model, which `from_pretrained` reads
        optimizer.safetensors                                both moments and the updates of each parameter
        random.safetensors                                   the generators of each process
        trainer.json                                         where the run stands, settings, CRC-32 of files

A folder appears under its name when it is whole; the older ones are removed afterwards.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fastnlp.io.arrays_file import map_arrays, write_arrays
from fastnlp.io.atomic import atomic_directory, check_place, remove_whole, sweep_folder
from fastnlp.models.bert import BertForPreTraining

__all__ = [
    "RunPosition",
    "check_folder",
    "latest",
    "read_checkpoint",
    "restore_random",
    "save_random",
    "write_checkpoint",
]

_FORMAT, _VERSION = "fastnlp.bert.pretraining", 1
_NAME = re.compile(r"step-(\d{9,})")
_STATE, _OPTIMIZER, _RANDOM = "trainer.json", "optimizer.safetensors", "random.safetensors"
_BLOCK = 1 << 22
_INSTEAD = "remove its folder to go on from the checkpoint before"


@dataclass
class RunPosition:
    """Where a run stands.

    Attributes:
        step: updates done.
        epoch: of the next batch.
        index: of the next batch in it.
        smooth_loss: the loss that progress shows.
        tokens: real tokens trained on, in all processes.
        seconds: of training.
        scaler: state of the scaler of losses in float16.
    """

    step: int = 0
    epoch: int = 0
    index: int = 0
    smooth_loss: float | None = None
    tokens: int = 0
    seconds: float = 0.0
    scaler: dict[str, Any] = field(default_factory=dict)


def _crc(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            value = zlib.crc32(block, value)
    return value


def write_checkpoint(
    folder: Path,
    model: BertForPreTraining,
    parameters: dict[str, torch.Tensor],
    optimizer: dict[str, torch.Tensor],
    random: dict[str, torch.Tensor],
    position: RunPosition,
    run: dict[str, Any],
    keep: int,
) -> Path:
    """Writes a checkpoint whole or not at all, and removes the oldest beyond `keep`.

    Args:
        folder: of the run's checkpoints.
        model: whose configuration and tokenizer are written.
        parameters: its own, each in one piece.
        optimizer: its tensors by name.
        random: states of generators by name.
        position: where the run stands.
        run: what has to be the same to go on: settings, data, processes.
        keep: checkpoints to keep, >= 1.

    Returns:
        The folder of the checkpoint.

    Raises:
        OSError: the disk is full or the folder is not writable; the older checkpoints stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sweep_folder(folder)
    target = folder / f"step-{position.step:09}"
    with atomic_directory(target, mark=_STATE) as new:
        model.write_files(new, parameters=parameters)
        write_arrays(new / _OPTIMIZER, {name: t.cpu().numpy() for name, t in optimizer.items()}, {})
        write_arrays(new / _RANDOM, {name: t.cpu().numpy() for name, t in random.items()}, {})
        files = {path.name: [path.stat().st_size, _crc(path)] for path in sorted(new.iterdir())}
        state = {
            "format": _FORMAT,
            "version": _VERSION,
            "position": vars(position),
            "run": run,
            "files": files,
        }
        (new / _STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    for old in _checkpoints(folder)[:-keep]:
        remove_whole(old)
    return target


def _checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a run, the oldest first."""
    found = [path for path in folder.glob("step-*") if _NAME.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=lambda path: int(path.name[5:]))


def latest(folder: Path) -> Path | None:
    """The newest checkpoint of a run, or None."""
    found = _checkpoints(folder) if folder.is_dir() else []
    return found[-1] if found else None


def check_folder(folder: Path, resume: bool) -> None:
    """Refuses a folder that the checkpoints of a run cannot go to.

    Of two runs in one folder the one with fewer updates would lose its checkpoints to the other.

    Args:
        folder: of the run's checkpoints, to be created where it is missing.
        resume: whether the run goes on from the newest one there.

    Raises:
        ValueError: it is a file, or holds the checkpoints of a run that is not to go on.
        OSError: it is not writable.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"checkpoint: expected a folder or a free name, got the file {folder}")
    check_place(folder / "step", makes_folders=True)
    newest = latest(folder)
    if newest is not None and not resume:
        raise ValueError(
            f"checkpoint: expected a folder without checkpoints for a new run, got {folder} with "
            f"{newest.name}; resume from it, or choose another folder"
        )


@dataclass(frozen=True)
class SavedRun:
    """A checkpoint that has been read.

    Attributes:
        model: as it was.
        optimizer: tensors by name.
        random: states of generators by name.
        position: where the run stood.
        run: what it was.
    """

    model: BertForPreTraining
    optimizer: dict[str, torch.Tensor]
    random: dict[str, torch.Tensor]
    position: RunPosition
    run: dict[str, Any]


def read_checkpoint(path: Path) -> SavedRun:
    """Reads a checkpoint after comparing the checksum of each file.

    Args:
        path: the folder of one.

    Returns:
        What it holds.

    Raises:
        ValueError: it is damaged, or no checkpoint; the message names the file.
        OSError: a file cannot be read.
    """
    file = path / _STATE
    try:
        state = json.loads(file.read_text(encoding="utf-8"))
        found = state["format"], state["version"]
        if found != (_FORMAT, _VERSION):
            raise ValueError(f"expected {_FORMAT} version {_VERSION}, got {found[0]} version {found[1]}")
        position = RunPosition(**state["position"])
        run, files = dict(state["run"]), dict(state["files"])
    except FileNotFoundError:
        raise ValueError(
            f"{os.fspath(path)}: not a checkpoint of pretraining: there is no {_STATE}"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{os.fspath(file)}: not the state of a run, or damaged ({error}); {_INSTEAD}"
        ) from error
    for name, (size, crc) in files.items():
        part = path / Path(name).name
        if not part.is_file():
            raise ValueError(f"{os.fspath(part)}: missing from the checkpoint; {_INSTEAD}")
        if part.stat().st_size != size or _crc(part) != crc:
            raise ValueError(
                f"{os.fspath(part)}: damaged: expected {size:,} bytes with CRC-32 {crc:08x}, got "
                f"{part.stat().st_size:,} with {_crc(part):08x}; {_INSTEAD}"
            )
    optimizer, random = (
        {key: torch.from_numpy(np.array(value)) for key, value in map_arrays(path / name).items()}
        for name in (_OPTIMIZER, _RANDOM)
    )
    model = BertForPreTraining.from_pretrained(path)
    return SavedRun(model, optimizer, random, position, run)


def save_random(rank: int) -> dict[str, torch.Tensor]:
    """The states of torch's generators of this process."""
    states = {f"{rank}.cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states[f"{rank}.cuda"] = torch.cuda.get_rng_state()
    return states


def restore_random(states: dict[str, torch.Tensor], rank: int) -> None:
    """Sets the generators of this process as they were."""
    torch.set_rng_state(states[f"{rank}.cpu"])
    if f"{rank}.cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states[f"{rank}.cuda"])
