"""Checkpoints: everything a run needs to go on as if it had never stopped, which is a model as well.

The file is an uncompressed NumPy .npz (a zip archive, so each array carries a CRC-32) with the vocabulary,
the model's tables and a JSON header. It holds no code and is read without pickle.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.atomic import atomic_write
from fastnlp.models import ParameterTables
from fastnlp.text import Corpus, Vocab
from fastnlp.text.word_list import WordList
from fastnlp.training.engine import RunConfig
from fastnlp.training.progress import EpochReport

__all__ = ["Checkpoint", "RunState", "corpus_fingerprint", "save_checkpoint"]

_FORMAT = "fastnlp.model"
_VERSION = 1
_PIECE = 1 << 22  # bytes that are read from a table at a time


@dataclass
class RunState:
    """Where a run stands: whole units are done, and the next one is `unit` of `epoch`.

    Attributes:
        epoch: epochs completed.
        unit: units of the current epoch completed.
        kept: words that survived subsampling in the current epoch.
        pairs: pairs trained in the current epoch.
        loss: sum of the measured losses of the current epoch, in nats.
        loss_pairs: pairs they were measured on.
        seconds: wall time spent on the current epoch.
        history: the epochs completed.
    """

    epoch: int = 0
    unit: int = 0
    kept: int = 0
    pairs: int = 0
    loss: float = 0.0
    loss_pairs: int = 0
    seconds: float = 0.0
    history: list[EpochReport] = field(default_factory=list)


def corpus_fingerprint(corpus: Corpus) -> str:
    """A digest of the vocabulary's counts and of the shape and a sample of the ids.

    Two corpora with equal digests are the same text for all purposes of resuming; the sample keeps it in
    milliseconds whatever the size.

    Example:
        >>> corpus = Corpus.from_text([["a", "b"], ["b", "a"]], min_count=1)
        >>> len(corpus_fingerprint(corpus))
        64
    """
    digest = hashlib.sha256()
    digest.update(np.array([corpus.n_tokens, corpus.n_sentences, len(corpus.vocab)], np.int64).tobytes())
    digest.update(np.ascontiguousarray(corpus.vocab.counts, np.int64).tobytes())
    step = max(1, corpus.n_tokens // 65_536)
    digest.update(np.ascontiguousarray(corpus.ids[::step]).tobytes())
    return digest.hexdigest()


def save_checkpoint(
    path: str | os.PathLike[str],
    model: str,
    config: RunConfig,
    vocab: Vocab,
    tables: ParameterTables,
    state: RunState,
    fingerprint: str,
    past: list[EpochReport] | None = None,
) -> None:
    """Writes a checkpoint whole or not at all.

    Args:
        path: the file to create or replace.
        model: the name of its class.
        config: of the model.
        vocab: the V words.
        tables: the parameters.
        state: where the run stands.
        fingerprint: of the corpus that it trains on.
        past: the epochs of earlier runs on other text.

    Raises:
        OSError: the disk is full or the folder is not writable; an old checkpoint stays as it was.
    """
    header = {
        "format": _FORMAT,
        "version": _VERSION,
        "model": model,
        "config": config.to_dict(),
        "state": asdict(state),
        "past": [asdict(report) for report in past or []],
        "corpus": fingerprint,
        "vocab": {"unknown": vocab.unknown, "reserved": vocab.reserved, "min_count": vocab.min_count},
    }
    arrays: dict[str, NDArray[Any]] = {
        "header": np.array(json.dumps(header)),
        "vocab/words": np.frombuffer(vocab.words.data, np.uint8),
        "vocab/word_offsets": vocab.words.offsets,
        "vocab/counts": vocab.counts,
    }
    arrays.update({f"tables/{name}": array for name, array in tables.arrays().items()})
    with atomic_write(path) as file:
        np.savez(file, allow_pickle=False, **arrays)


class Checkpoint:
    """A checkpoint file, open for reading.

    Attributes:
        path: the file.
        config: the fields of the model's configuration by name.
        state: where the run stood.
        past: the epochs of the runs before it.

    Raises:
        ValueError: the file is damaged or belongs to another kind of model.
        FileNotFoundError: there is no such file.
    """

    def __init__(self, path: str | os.PathLike[str], model: str | None) -> None:
        """Reads the header.

        Args:
            path: the file.
            model: the name of the class that it has to be of; None for any.
        """
        self.path = Path(path)
        with _arrays(self.path) as arrays:
            header = json.loads(str(arrays["header"]))
            found = (header["format"], header["version"], header["model"])
            if found != (_FORMAT, _VERSION, model or found[2]):
                raise ValueError(
                    f"{self.path}: expected a {model or 'model'} in {_FORMAT} version {_VERSION}, "
                    f"got a {found[2]} in {found[0]} version {found[1]}"
                )
            self.config: dict[str, Any] = header["config"]
            self._corpus: str = header["corpus"]
            self._vocab: dict[str, Any] = header["vocab"]
            self.past = [EpochReport(**report) for report in header.get("past", [])]
            saved = dict(header["state"])
            saved["history"] = [EpochReport(**report) for report in saved["history"]]
            self.state = RunState(**saved)

    def check(self, config: RunConfig, fingerprint: str) -> None:
        """Refuses a run that is not the one that was saved.

        Raises:
            ValueError: the configuration or the corpus is another; the message names the setting.
        """
        ours = config.to_dict()
        for name, saved in self.config.items():
            if ours.get(name) != saved:
                raise ValueError(
                    f"{name}: expected {saved!r}, as in the checkpoint {self.path}, got {ours.get(name)!r}"
                )
        if self._corpus != fingerprint:
            raise ValueError(
                f"corpus: expected the one that the checkpoint {self.path} was trained on, got another"
            )

    def vocab(self) -> Vocab:
        """The words of the model."""
        with _arrays(self.path) as arrays:
            words = WordList(arrays["vocab/words"].tobytes(), arrays["vocab/word_offsets"])
            return Vocab.from_arrays(words, arrays["vocab/counts"], **self._vocab)

    def rows(self, table: str) -> int:
        """How many rows a table of the model has."""
        with (
            _damage_named(self.path),
            zipfile.ZipFile(self.path) as archive,
            archive.open(f"tables/{table}.npy") as file,
        ):
            np.lib.format.read_magic(file)
            return int(np.lib.format.read_array_header_1_0(file)[0][0])

    def fill(self, tables: ParameterTables) -> None:
        """Reads the parameters into tables of the same shapes, without a second copy in memory."""
        with _damage_named(self.path), zipfile.ZipFile(self.path) as archive:
            ours = {f"tables/{name}.npy": table for name, table in tables.arrays().items()}
            for name in sorted(set(archive.namelist()) | set(ours)):
                if name in ours:
                    with archive.open(name) as file:
                        _read_rows(file, ours[name], f"{self.path}: {name}")
                else:
                    archive.read(name)  # a wrong checksum anywhere is damage
            tables.loaded()


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Turns what a damaged archive raises into one error that names the file."""
    try:
        yield
    # zipfile has a RuntimeError for an entry that claims to be encrypted, or compressed by unknown means.
    except (zipfile.BadZipFile, KeyError, EOFError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, ValueError) and str(error).startswith(str(path)):
            raise
        raise ValueError(f"{path}: not a checkpoint of fastnlp, damaged or cut short ({error})") from error


@contextmanager
def _arrays(path: Path) -> Iterator[Any]:
    """The arrays of the archive by name, read when they are asked for."""
    # The file is opened here: NumPy leaves one open that turns out to be no archive.
    with _damage_named(path), path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        yield arrays


def _read_rows(file: IO[bytes], table: NDArray[Any], name: str) -> None:
    """Reads an .npy of a table's shape and dtype into it; the archive compares the checksum at the end."""
    np.lib.format.read_magic(file)
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if shape != table.shape or dtype != table.dtype or fortran:
        raise ValueError(f"{name}: expected {table.dtype} {table.shape}, got {dtype} {shape}")
    row_bytes = table[:1].size * table.itemsize
    rows = max(1, _PIECE // max(row_bytes, 1))
    for start in range(0, len(table), rows):
        part = table[start : start + rows]
        content = file.read(part.size * part.itemsize)
        if len(content) < part.size * part.itemsize:
            raise ValueError(f"{name}: cut short in row {start}")
        part[...] = np.frombuffer(content, table.dtype).reshape(part.shape)
    if file.read(1):
        raise ValueError(f"{name}: longer than its header says")
