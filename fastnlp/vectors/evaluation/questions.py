"""Analogies: Google's, MSR's and BATS, by adding or by multiplying cosines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastnlp.vectors.evaluation.reading import (
    KnownWords,
    Lines,
    columns,
    fields_of,
    numbered_lines,
    refuse_line,
    text_files,
)
from fastnlp.vectors.nearest import NearestRows

__all__ = ["AnalogyMethod", "AnalogyResult", "AnalogySection", "analogies"]

AnalogyMethod: TypeAlias = Literal["3cosadd", "3cosmul"]

_TITLES = (
    ("word1", "a"),
    ("word2", "b"),
    ("word3", "c"),
    ("target", "word4", "d"),
    ("type", "category", "section"),
)

# Other spellings of the question's own words are passed over; among so many answers one is left.
_CANDIDATES = 5


@dataclass(frozen=True)
class AnalogySection:
    """What one section of an analogy test gave.

    Attributes:
        name: the section's name in the file.
        correct: questions answered as expected.
        total: questions counted: those whose words are known, and with `dummy4unknown` the others too.
        unknown: questions with a word that is not known.
    """

    name: str
    correct: int
    total: int
    unknown: int

    @property
    def accuracy(self) -> float:
        """Correct / total, 0 where nothing was asked."""
        return self.correct / self.total if self.total else 0.0

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.accuracy:.1%} ({self.correct:,} of {self.total:,}; {self.unknown:,} unknown)"
        )


@dataclass(frozen=True)
class AnalogyResult:
    """What an analogy test gave.

    Attributes:
        sections: the sections in the order of the file.
    """

    sections: tuple[AnalogySection, ...]

    @property
    def correct(self) -> int:
        """Questions answered as expected."""
        return sum(section.correct for section in self.sections)

    @property
    def total(self) -> int:
        """Questions counted, as in `AnalogySection`."""
        return sum(section.total for section in self.sections)

    @property
    def unknown(self) -> int:
        """Questions with a word that is not known."""
        return sum(section.unknown for section in self.sections)

    @property
    def accuracy(self) -> float:
        """Correct / total, 0 where nothing was asked."""
        return self.correct / self.total if self.total else 0.0

    def __str__(self) -> str:
        return "\n".join(
            map(str, (*self.sections, AnalogySection("all", self.correct, self.total, self.unknown)))
        )


class Question(NamedTuple):
    """What is to c as b is to a, with the words that are right."""

    section: str
    words: tuple[str, str, str]
    accepted: tuple[str, ...]


class Answered(NamedTuple):
    """A question, and whether its words are known and its answer right."""

    question: Question
    known: bool
    right: bool


def analogies(
    vectors: NearestRows,
    questions: Lines,
    *,
    restrict_vocab: int | None = 30_000,
    case_insensitive: bool = True,
    dummy4unknown: bool = False,
    method: AnalogyMethod = "3cosadd",
    threads: int | None = None,
) -> AnalogyResult:
    """The share of questions "a is to b as c is to d" where d is the best word for it.

    By "3cosadd" that is the word w of highest cos(w, b) - cos(w, a) + cos(w, c) (Mikolov et al. 2013,
    arXiv:1301.3781), by "3cosmul" of highest cos(w, b) cos(w, c) / (cos(w, a) + 1e-6), cosines moved to
    [0, 1] (Levy and Goldberg 2014). The three words of the question are no answers.

    Args:
        vectors: the word vectors, frequent words first.
        questions: one of three tests. Google's questions-words.txt, or lines like it: four words each,
            sections headed by ": name"; or a table whose first line names "type" (or "category"), "word1",
            "word2", "word3" and "target". MSR's word_relationship.questions (three words a line) with
            word_relationship.answers beside it (a section such as JJ_JJR, and the answer). A folder of BATS,
            in which each .txt, in folders below too, is a section of lines "word TAB answer/answer/...", or
            with commas between the answers: each pair of lines is a question, and any of the answers will do.
        restrict_vocab: words beyond the first so many count as unknown; None takes all.
        case_insensitive: compare words in upper case; of several spellings the first row counts.
        dummy4unknown: count a question with an unknown word as wrong instead of leaving it out.
        method: "3cosadd" or "3cosmul".
        threads: the number of threads; None is one per CPU.

    Returns:
        Counts by section.

    Raises:
        ValueError: a line is not as above, or there is no question at all.
        OSError: a file cannot be read.

    Example:
        >>> from fastnlp import WordVectors
        >>> table = np.array([[1, 0, 1], [1, 1, 1], [1, 0, -1], [1, 1, -1], [-1, 0, 0]], np.float32)
        >>> vectors = WordVectors(["man", "woman", "king", "queen", "tree"], table)
        >>> print(analogies(vectors, [": family", "man woman king queen", "man woman uncle aunt"]))
        family: 100.0% (1 of 1; 1 unknown)
        all: 100.0% (1 of 1; 1 unknown)
    """
    asked = list(_read(questions))
    if not asked:
        raise ValueError("questions: expected at least one question, got none")
    known = KnownWords(vectors, restrict_vocab, case_insensitive)
    counts: dict[str, list[int]] = {}
    for question, is_known, right in answer(vectors, asked, known, method, threads):
        of_section = counts.setdefault(question.section, [0, 0, 0])
        of_section[0] += right
        of_section[1] += is_known or dummy4unknown
        of_section[2] += not is_known
    return AnalogyResult(tuple(AnalogySection(name, *numbers) for name, numbers in counts.items()))


def answer(
    vectors: NearestRows, asked: list[Question], known: KnownWords, method: str, threads: int | None
) -> list[Answered]:
    """Each question with what came of it."""
    if method not in ("3cosadd", "3cosmul"):
        raise ValueError(f"method: expected '3cosadd' or '3cosmul', got {method!r}")
    given = np.array([[known.row(word) for word in question.words] for question in asked], np.int32)
    accepted = [{row for word in question.accepted if (row := known.row(word)) >= 0} for question in asked]
    is_known = (given >= 0).all(axis=1) & np.array([bool(rows) for rows in accepted])
    best = np.full(len(asked), -1, np.int32)
    if is_known.any():
        best[is_known] = _best(vectors, given[is_known], known.same, method == "3cosmul", threads)
    return [
        Answered(question, bool(of_words), bool(of_words) and int(row) in rows)
        for question, of_words, row, rows in zip(asked, is_known, best, accepted, strict=True)
    ]


def _best(
    vectors: NearestRows,
    given: NDArray[np.int32],
    same: NDArray[np.int32],
    by_products: bool,
    threads: int | None,
) -> NDArray[np.int32]:
    """For (N, 3) rows a, b, c the first row of the best answer's spelling, or -1."""
    found, _ = vectors.answer_analogies(
        given, _CANDIDATES, restrict_vocab=len(same), by_products=by_products, threads=threads
    )
    answers = np.where(found >= 0, same[found], -1)
    allowed = (answers >= 0) & (answers[:, :, None] != given[:, None, :]).all(axis=2)
    first = np.take_along_axis(answers, allowed.argmax(axis=1)[:, None], axis=1)[:, 0]
    best: NDArray[np.int32] = np.where(allowed.any(axis=1), first, -1)
    return best


def _read(questions: Lines) -> Iterator[Question]:
    """The questions of whichever test it is."""
    if isinstance(questions, str | os.PathLike):
        path = Path(questions)
        if path.is_dir():
            return _read_bats(path)
        if path.suffix == ".questions":
            return _read_msr(path)
    return _read_google(questions)


def _read_google(questions: Lines) -> Iterator[Question]:
    section = "questions"
    titled = None
    for place, (number, line, source) in enumerate(numbered_lines(questions)):
        if place == 0 and (titled := columns(line, *_TITLES)):
            continue
        if titled:
            fields = fields_of(line, "\t" if "\t" in line else ",")
            if max(titled) >= len(fields) or not all(fields[column] for column in titled):
                refuse_line(source, number, f"expected four words and a section, got {line[:60]!r}")
            a, b, c, d, section = (fields[column] for column in titled)
            yield Question(section, (a, b, c), (d,))
            continue
        if line.startswith(":"):
            section = line[1:].strip()
            continue
        words = line.split()
        if len(words) != 4:
            refuse_line(source, number, f"expected four words, got {len(words)}")
        yield Question(section, (words[0], words[1], words[2]), (words[3],))


def _read_msr(path: Path) -> Iterator[Question]:
    answers = list(numbered_lines(path.with_suffix(".answers")))
    questions = list(numbered_lines(path))
    if len(answers) != len(questions):
        raise ValueError(
            f"{path.with_suffix('.answers')}: expected {len(questions)} answers, one a question, "
            f"got {len(answers)}"
        )
    for (number, line, source), (answer_number, answer_line, answers_source) in zip(
        questions, answers, strict=True
    ):
        words, fields = line.split(), answer_line.split()
        if len(words) != 3:
            refuse_line(source, number, f"expected three words, got {len(words)}")
        if len(fields) != 2:
            refuse_line(
                answers_source, answer_number, f"expected a section and a word, got {len(fields)} fields"
            )
        yield Question(fields[0], (words[0], words[1], words[2]), (fields[1],))


def _read_bats(folder: Path) -> Iterator[Question]:
    files = text_files(folder)
    if not files:
        raise ValueError(f"{folder}: expected a folder with BATS's files of pairs, found no .txt in it")
    for path in files:
        pairs: list[tuple[str, tuple[str, ...]]] = []
        for number, line, source in numbered_lines(path):
            # Answers may be of several words where a tab stands before them, and have commas for slashes.
            fields = [field.strip() for field in line.split("\t" if "\t" in line else None) if field.strip()]
            mark = "/" if "/" in fields[-1] else ","
            answers = tuple(answer.strip() for answer in fields[-1].split(mark) if answer.strip())
            if len(fields) != 2 or not answers:
                refuse_line(source, number, f"expected a word and its answers, got {len(fields)} fields")
            pairs.append((fields[0], answers))
        for i, (a, answers) in enumerate(pairs):
            for j, (c, accepted) in enumerate(pairs):
                if i != j:
                    yield Question(path.stem, (a, answers[0], c), accepted)
