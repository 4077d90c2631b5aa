"""The folder of a corpus: three arrays, the vocabulary and a small description.

`corpus.json` says what the others hold; `ids.npy` (int32), `sentence_offsets.npy` and `document_offsets.npy`
(int64) are mapped into memory; `words.vocab` is the file of `Vocab.save`.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnlp.text.array_file import ArrayWriter, map_array
from fastnlp.text.vocab import Vocab

DESCRIPTION = "corpus.json"
_FORMAT = "fastnlp-corpus"
_VERSION = 1


class FolderWriter:
    """Writes ids and offsets of a corpus into an empty folder, piece by piece.

    Args:
        folder: where to create the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ids = ArrayWriter(folder / "ids.npy", np.int32)
        self._sentences = ArrayWriter(folder / "sentence_offsets.npy", np.int64)
        self._documents = ArrayWriter(folder / "document_offsets.npy", np.int64)
        self._sentences.write(np.zeros(1, np.int64))
        self._documents.write(np.zeros(1, np.int64))

    def write(
        self,
        ids: NDArray[np.int32] | None = None,
        sentence_ends: NDArray[np.int64] | None = None,
        document_ends: NDArray[np.int64] | None = None,
    ) -> None:
        """Appends tokens, and the ends of the sentences and documents that end there.

        Args:
            ids: (N,) int32.
            sentence_ends: int64, in tokens from the start of the corpus.
            document_ends: int64, in sentences from the start of the corpus.
        """
        if ids is not None:
            self._ids.write(ids)
        if sentence_ends is not None:
            self._sentences.write(sentence_ends)
        if document_ends is not None:
            self._documents.write(document_ends)

    def describe(self, vocab: Vocab) -> None:
        """Adds the vocabulary and the description, after the last piece.

        Args:
            vocab: the words of the ids.
        """
        vocab.save(self._folder / "words.vocab")
        about = {
            "format": _FORMAT,
            "version": _VERSION,
            "tokens": self._ids.length,
            "sentences": self._sentences.length - 1,
            "documents": self._documents.length - 1,
            "words": len(vocab),
        }
        (self._folder / DESCRIPTION).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")

    def __enter__(self) -> FolderWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in (self._ids, self._sentences, self._documents):
            writer.__exit__(kind, value, trace)


def open_folder(
    folder: Path,
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64], Vocab]:
    """Maps the arrays of a corpus folder and reads its vocabulary.

    Args:
        folder: what `FolderWriter` filled.

    Returns:
        ids, sentence offsets, document offsets, vocabulary.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it is no corpus, or a file of it is missing, cut short or changed; the message names it.
    """
    if not folder.is_dir():
        problem = NotADirectoryError if folder.exists() else FileNotFoundError
        raise problem(f"path: expected the folder of a corpus, got {folder}; build one with Corpus.from_text")
    tokens, sentences, documents, words = _description(folder / DESCRIPTION)
    ids = map_array(folder / "ids.npy", np.int32, tokens)
    sentence_offsets = map_array(folder / "sentence_offsets.npy", np.int64, sentences + 1)
    document_offsets = map_array(folder / "document_offsets.npy", np.int64, documents + 1)
    for name, offsets, total in (
        ("sentence_offsets", sentence_offsets, tokens),
        ("document_offsets", document_offsets, sentences),
    ):
        if offsets[0] != 0 or offsets[-1] != total:
            raise ValueError(
                f"{folder / name}.npy: damaged corpus: expected offsets from 0 to {total}, got "
                f"{offsets[0]} to {offsets[-1]}"
            )
    path = folder / "words.vocab"
    if not path.is_file():
        raise ValueError(f"{path}: damaged corpus: the file is missing")
    vocab = Vocab.load(path)
    if len(vocab) != words:
        raise ValueError(f"{path}: damaged corpus: expected {words} words, got {len(vocab)}")
    return ids, sentence_offsets, document_offsets, vocab


def _description(path: Path) -> list[int]:
    if not path.is_file():
        raise ValueError(f"{path}: expected the folder of a corpus, but this file is missing")
    try:
        about: Any = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(about, dict) or about.get("format") != _FORMAT:
            raise ValueError(f"expected format {_FORMAT!r}")
    except ValueError as error:
        raise ValueError(f"{path}: damaged corpus: {error}") from None
    if about.get("version") != _VERSION:
        raise ValueError(f"{path}: expected format version {_VERSION}, got {about.get('version')!r}")
    numbers: list[int] = []
    for key in ("tokens", "sentences", "documents", "words"):
        number = about.get(key)
        if type(number) is not int or not 0 <= number < 1 << 56:
            raise ValueError(f"{path}: damaged corpus: expected the number of {key}, got {number!r}")
        numbers.append(number)
    return numbers
