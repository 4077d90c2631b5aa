"""The evaluations of `fastnlp.evaluate` by gensim's names, with what gensim returns."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from fastnlp.vectors.comparison import Comparisons
from fastnlp.vectors.evaluation.judgements import Correlation, correlations, judge
from fastnlp.vectors.evaluation.questions import Question, answer
from fastnlp.vectors.evaluation.reading import KnownWords, numbered_lines, refuse_line
from fastnlp.vectors.nearest import NearestRows

__all__ = ["Evaluations"]

_METHODS = {"most_similar": "3cosadd", "most_similar_cosmul": "3cosmul"}
_log = logging.getLogger("fastnlp")


class Evaluations(NearestRows, Comparisons):
    """The part of `WordVectors` that is measured; `fastnlp.evaluate` gives the same figures as results."""

    def evaluate_word_analogies(
        self,
        analogies: str | os.PathLike[str],
        restrict_vocab: int | None = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
        similarity_function: str = "most_similar",
    ) -> tuple[float, list[dict[str, Any]]]:
        """The share of analogies answered as expected, and which were.

        Args:
            analogies: a file like Google's questions-words.txt; lines of more or fewer words are passed over.
            restrict_vocab: words beyond the first so many count as unknown; None takes all.
            case_insensitive: compare words in upper case; of several spellings the first row counts.
            dummy4unknown: count a question with an unknown word as wrong instead of leaving it out.
            similarity_function: "most_similar" (3CosAdd) or "most_similar_cosmul" (3CosMul).

        Returns:
            The share, and a dictionary a section: its name under "section", and under "correct" and
            "incorrect" the questions, tuples of four words as they were compared. The last one, "Total
            accuracy", has all.

        Raises:
            ValueError: a question comes before the first section, there is none, or the function is another.
            OSError: the file cannot be read.
        """
        if similarity_function not in _METHODS:
            raise ValueError(
                f"similarity_function: expected one of {tuple(_METHODS)}, got {similarity_function!r}"
            )
        known = KnownWords(self, restrict_vocab, case_insensitive)
        names, asked = _read_leniently(analogies)
        if not asked:
            raise ValueError(f"{os.fspath(analogies)}: expected at least one question, found none")
        sections: list[dict[str, Any]] = [{"section": name, "correct": [], "incorrect": []} for name in names]
        method = _METHODS[similarity_function]
        answered = answer(self, [question for _, question in asked], known, method, None)
        for (place, question), (_, is_known, right) in zip(asked, answered, strict=True):
            if is_known or dummy4unknown:
                words = tuple(known.spelled(word) for word in (*question.words, *question.accepted))
                sections[place]["correct" if right else "incorrect"].append(words)
        total: dict[str, Any] = {"section": "Total accuracy"}
        for kind in ("correct", "incorrect"):
            total[kind] = [words for section in sections for words in section[kind]]
        sections.append(total)
        for section in sections:
            self.log_accuracy(section)
        counted = len(total["correct"]) + len(total["incorrect"])
        return (len(total["correct"]) / counted if counted else 0.0), sections

    def evaluate_word_pairs(
        self,
        pairs: str | os.PathLike[str],
        delimiter: str = "\t",
        encoding: str = "utf8",
        restrict_vocab: int | None = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[Correlation, Correlation, float]:
        """The correlation of cosines with human judgements of similarity.

        Args:
            pairs: a file with two words and a number a line; other lines are passed over.
            delimiter: what separates the three.
            encoding: of the file.
            restrict_vocab: words beyond the first so many count as unknown; None takes all.
            case_insensitive: compare words in upper case; of several spellings the first row counts.
            dummy4unknown: count a pair with an unknown word with a cosine of 0 instead of leaving it out.

        Returns:
            Pearson's correlation and its two-sided p-value, Spearman's, and the percentage of pairs with an
            unknown word.

        Raises:
            ValueError: no pair is compared.
            OSError: the file cannot be read.
        """
        known = KnownWords(self, restrict_vocab, case_insensitive)
        lines = Path(pairs).read_text(encoding=encoding).split("\n")
        judged = judge(self, lines, known, delimiter, dummy4unknown, strict=False)
        compared = len(judged.judgements)
        if not compared:
            raise ValueError(
                f"{os.fspath(pairs)}: expected pairs of known words with a judgement, found none"
            )
        spearman, pearson = correlations(judged)
        share = 100 * judged.unknown / (compared if dummy4unknown else compared + judged.unknown)
        self.log_evaluate_word_pairs(pearson, spearman, share, pairs)
        return pearson, spearman, share

    @staticmethod
    def log_accuracy(section: dict[str, Any]) -> None:
        """Logs the share of one section of `evaluate_word_analogies`."""
        correct, total = len(section["correct"]), len(section["correct"]) + len(section["incorrect"])
        if total:
            _log.info("%s: %.1f%% (%d/%d)", section["section"], 100 * correct / total, correct, total)

    @staticmethod
    def log_evaluate_word_pairs(
        pearson: tuple[float, float], spearman: tuple[float, float], oov: float, pairs: object
    ) -> None:
        """Logs what `evaluate_word_pairs` gives."""
        _log.info("%s: Pearson %.4f, Spearman %.4f, %.1f%% unknown", pairs, pearson[0], spearman[0], oov)


def _read_leniently(path: str | os.PathLike[str]) -> tuple[list[str], list[tuple[int, Question]]]:
    """The names of sections, and the questions with the number of theirs, as gensim reads them."""
    names: list[str] = []
    asked: list[tuple[int, Question]] = []
    for number, line, source in numbered_lines(path, comments=False):
        if line.startswith(":"):
            names.append(line.lstrip(": "))
            continue
        if not names:
            refuse_line(source, number, "expected the name of a section (': name') before the first question")
        words = line.split()
        if len(words) == 4:
            asked.append((len(names) - 1, Question(names[-1], (words[0], words[1], words[2]), (words[3],))))
    return names, asked
