"""Checkpoints of word2vec: everything a run needs to go on as if it had never stopped.

The file is an uncompressed NumPy .npz (a zip archive, so each array carries a CRC-32) with the two tables and
a JSON header. It holds no code and is read without pickle.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fastnlp.io.atomic import atomic_write
from fastnlp.models.word2vec import Word2VecConfig, Word2VecTables
from fastnlp.text import Corpus
from fastnlp.training.progress import EpochReport

__all__ = ["RunState", "corpus_fingerprint", "load_checkpoint", "save_checkpoint"]

_FORMAT = "fastnlp.word2vec.checkpoint"
_VERSION = 1


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
    config: Word2VecConfig,
    tables: Word2VecTables,
    state: RunState,
    fingerprint: str,
) -> None:
    """Writes a checkpoint whole or not at all.

    Raises:
        OSError: the disk is full or the folder is not writable; an old checkpoint stays as it was.
    """
    header = {
        "format": _FORMAT,
        "version": _VERSION,
        "config": config.to_dict(),
        "state": asdict(state),
        "corpus": fingerprint,
    }
    with atomic_write(path) as file:
        np.savez(file, header=np.array(json.dumps(header)), input=tables.input, output=tables.output)


def load_checkpoint(
    path: str | os.PathLike[str], config: Word2VecConfig, tables: Word2VecTables, fingerprint: str
) -> RunState:
    """Fills the tables from a checkpoint of the same configuration and corpus.

    Returns:
        Where the run stood.

    Raises:
        ValueError: the file is damaged, or belongs to another configuration or corpus.
        FileNotFoundError: there is no such file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(
                f"{Path(path)}: the checkpoint is damaged: {damaged} does not match its checksum"
            )
        with np.load(path, allow_pickle=False) as arrays:
            header = json.loads(str(arrays["header"]))
            _check_header(path, header, config, fingerprint)
            _fill(path, tables.input, arrays["input"], "input")
            _fill(path, tables.output, arrays["output"], "output")
    except (zipfile.BadZipFile, KeyError, EOFError, json.JSONDecodeError) as error:
        raise ValueError(f"{Path(path)}: not a checkpoint of fastnlp, or cut short ({error})") from error
    saved = dict(header["state"])
    saved["history"] = [EpochReport(**report) for report in saved["history"]]
    return RunState(**saved)


def _check_header(
    path: str | os.PathLike[str], header: dict[str, Any], config: Word2VecConfig, fingerprint: str
) -> None:
    if header.get("format") != _FORMAT or header.get("version") != _VERSION:
        raise ValueError(
            f"{Path(path)}: expected {_FORMAT} version {_VERSION}, "
            f"got {header.get('format')} version {header.get('version')}"
        )
    ours = config.to_dict()
    for name, saved in header["config"].items():
        if ours.get(name) != saved:
            raise ValueError(
                f"{name}: expected {saved!r}, as in the checkpoint {Path(path)}, got {ours.get(name)!r}"
            )
    if header["corpus"] != fingerprint:
        raise ValueError(
            f"corpus: expected the one that the checkpoint {Path(path)} was trained on, got another"
        )


def _fill(path: str | os.PathLike[str], table: Any, saved: Any, name: str) -> None:
    if saved.shape != table.shape or saved.dtype != table.dtype:
        raise ValueError(
            f"{Path(path)}: {name}: expected {table.dtype} {table.shape}, got {saved.dtype} {saved.shape}"
        )
    table[...] = saved
