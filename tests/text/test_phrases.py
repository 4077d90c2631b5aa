"""Phrases against the obvious way, against gensim and word2phrase, and in files."""

import itertools
import math
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import phrases as oracle
from oracles.corpus import as_documents

from fastnlp import Corpus, Phrases, Vocab
from fastnlp.text import ENGLISH_CONNECTOR_WORDS, phrase_pass

LINES = ["new york is big", "i like new york", "big apple", "is it new", "i like york"]

sentences = st.lists(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=25), min_size=1, max_size=8)
settings_of_phrases = st.fixed_dictionaries(
    {
        "scoring": st.sampled_from(phrase_pass.SCORINGS),
        "min_count": st.integers(1, 3),
        "threshold": st.floats(0.01, 1.0),
        "connector_words": st.sets(st.sampled_from("fgxyz")),
    }
)


@settings(max_examples=300, deadline=None)
@given(sentences, settings_of_phrases, st.integers(1, 3), st.integers(1, 3))
def test_phrases_are_those_of_the_obvious_way(text, options, passes, threads):
    connectors = sorted(options["connector_words"])
    longest = phrase_pass.longest_gap(len(connectors))
    phrases = Phrases(**options, passes=passes, threads=threads).fit(text)
    corpus = Corpus.from_text(text, min_count=1)
    expected = text
    for found in phrases.found:
        again = oracle.find(
            expected, options["scoring"], options["min_count"], options["threshold"], connectors, longest
        )
        assert {each.words: each.count for each in found} == {words: n for words, (n, _) in again.items()}
        for each in found:
            assert each.score == pytest.approx(again[each.words][1], rel=1e-12)
        expected = [oracle.join(sentence, again, connectors, longest) for sentence in expected]
    assert list(phrases.join_all(text)) == expected
    joined = phrases.apply(corpus)
    assert np.array_equal(phrases.apply(iter(text)).ids, joined.ids)
    same = Corpus.from_text(expected, min_count=1)
    assert joined.vocab == same.vocab
    assert np.array_equal(joined.ids, same.ids)
    assert np.array_equal(joined.sentence_offsets, same.sentence_offsets)


@settings(max_examples=100, deadline=None)
@given(sentences, st.integers(1, 3), st.booleans(), st.integers(0, 4))
def test_special_tokens_and_rare_words_of_a_corpus(text, least, unknown, after):
    """They are in no phrase, and what is rare after the joining goes the way of what was rare before."""
    special = {"unknown": "<unk>" if unknown else None, "reserved": ("g", "<pad>")}
    try:
        corpus = Corpus.from_text(text, min_count=least, documents="line", **special)
    except ValueError:
        return
    words = [[corpus.vocab.tokens[i] for i in corpus.sentence(s)] for s in range(corpus.n_sentences)]
    phrases = Phrases(min_count=1, threshold=0.5).fit(corpus)
    found = oracle.find(words, "word2phrase", 1, 0.5, apart={"<unk>", "g", "<pad>"})
    assert {each.words: each.count for each in phrases.found[0]} == {
        each: n for each, (n, _) in found.items()
    }
    joined = [oracle.join(sentence, found) for sentence in words]
    try:
        expected = Corpus.from_text(joined, min_count=after, documents="line", **special)
    except ValueError:
        with pytest.raises(ValueError, match="min_count: with min_count="):
            phrases.apply(corpus, min_count=after)
        return
    result = phrases.apply(corpus, min_count=after)
    assert result.vocab == expected.vocab
    assert as_documents(result) == as_documents(expected)


def test_the_three_scorings_are_the_papers_formulas():
    """n(new)=3, n(york)=3, n(new york)=2; 16 tokens, 8 words, 9 different pairs."""
    for scoring, expected in (
        ("word2phrase", (2 - 1) / (3 * 3) * 16),
        ("gensim", (2 - 1) / (3 * 3) * (8 + 9)),
        ("npmi", math.log(2 / 16 / (3 / 16) ** 2) / -math.log(2 / 16)),
    ):
        phrases = Phrases(min_count=1, threshold=0.01, scoring=scoring).fit(LINES)
        assert phrases.scores["new_york"] == pytest.approx(expected, rel=1e-6)


def test_a_phrase_takes_its_words_from_the_left_and_no_word_is_in_two():
    phrases = Phrases(min_count=1, threshold=0.1).fit(["a b c"] * 3 + ["x"] * 3)
    assert set(phrases.scores) == {"a_b", "b_c"}
    assert phrases.join(["a", "b", "c", "b", "c", "a"]) == ["a_b", "c", "b_c", "a"]


def test_passes_make_longer_phrases_with_a_threshold_each():
    text = ["in new york times", "new york times said", "york of times"]
    phrases = Phrases(min_count=1, threshold=[1.5, 0.1], passes=2).fit(text)
    assert [[each.words for each in found] for found in phrases.found] == [
        [("new", "york")],
        [("new_york", "times")],
    ]
    assert phrases.join(["the", "new", "york", "times"]) == ["the", "new_york_times"]
    assert list(phrases.scores) == ["new_york", "new_york_times"]


def test_connector_words_stand_inside_phrases_only():
    text = ["bank of america and bank of england"] * 5 + ["of the bank of of"] * 2 + ["america x", "x x x"]
    phrases = Phrases(min_count=1, threshold=0.5, connector_words=ENGLISH_CONNECTOR_WORDS).fit(text)
    assert "bank_of_america" in phrases.scores and "bank_of_england" in phrases.scores
    assert phrases.join(["the", "bank", "of", "the", "america", "of", "bank", "of", "america", "of"]) == (
        ["the", "bank", "of", "the", "america", "of", "bank_of_america", "of"]
    )


def test_the_result_depends_neither_on_threads_nor_on_memory(docs):
    rng = np.random.default_rng(1)
    ids = rng.integers(0, 3000, 1_200_000).astype(np.int32)
    corpus = Corpus.from_ids(ids, [0, 700_000, 700_000, len(ids)], Vocab([str(i) for i in range(3000)]))
    results = [
        Phrases(min_count=1, threshold=0.5, scoring="gensim", threads=threads, memory=memory).fit(corpus)
        for threads, memory in ((1, 1 << 30), (1, 16 << 20), (3, 16 << 20), (2, 1 << 30))
    ]
    assert len(results[0].found[0]) > 1000
    assert all(each.found == results[0].found for each in results[1:])
    joined = [each.apply(corpus) for each in results]
    assert all(np.array_equal(each.ids, joined[0].ids) and each.vocab == joined[0].vocab for each in joined)
    assert joined[0].sentence_offsets[1] < 700_000


@pytest.mark.parametrize("scoring", phrase_pass.SCORINGS)
def test_real_text_gives_what_the_obvious_way_gives(docs, scoring):
    text = [sentence for sentence in docs if sentence]
    connectors = sorted(ENGLISH_CONNECTOR_WORDS) if scoring == "gensim" else []
    options = {"scoring": scoring, "min_count": 3, "threshold": 0.6 if scoring == "npmi" else 20.0}
    phrases = Phrases(**options, connector_words=connectors).fit(text)
    found = oracle.find(text, *options.values(), connectors, 16)
    assert {each.words: each.count for each in phrases.found[0]} == {
        each: n for each, (n, _) in found.items()
    }
    assert len(found) > 500
    expected = [oracle.join(sentence, found, connectors, 16) for sentence in text]
    assert list(phrases.join_all(text)) == expected
    corpus = phrases.apply(Corpus.from_text(text, min_count=1))
    assert corpus.vocab.decode(corpus.ids) == list(itertools.chain.from_iterable(expected))


@pytest.mark.interop
@pytest.mark.parametrize("connectors", [frozenset(), ENGLISH_CONNECTOR_WORDS])
@pytest.mark.parametrize(("scoring", "threshold"), [("gensim", 10.0), ("gensim", 0.5), ("npmi", 0.4)])
def test_gensim_finds_the_same(docs, connectors, scoring, threshold):
    peer = pytest.importorskip("gensim.models.phrases")
    assert peer.ENGLISH_CONNECTOR_WORDS == ENGLISH_CONNECTOR_WORDS
    # gensim takes words that hold the delimiter for phrases.
    text = [[word.replace("_", "-") for word in sentence] for sentence in docs if sentence]
    theirs = peer.Phrases(
        text,
        min_count=5,
        threshold=threshold,
        scoring="npmi" if scoring == "npmi" else "default",
        connector_words=connectors,
    )
    ours = Phrases(min_count=5, threshold=threshold, scoring=scoring, connector_words=connectors).fit(text)
    expected = theirs.export_phrases()
    assert set(ours.scores) == set(expected)
    assert len(expected) > 200
    for token, score in ours.scores.items():
        assert score == pytest.approx(expected[token], rel=1e-12)
    joined = ours.apply(Corpus.from_text(text, min_count=1))
    tokens = joined.vocab.decode(joined.ids)
    assert tokens == list(itertools.chain.from_iterable(theirs[text]))


@pytest.mark.interop
def test_two_passes_are_gensims_phrases_of_its_phrases(docs):
    peer = pytest.importorskip("gensim.models.phrases")
    text = [[word.replace("_", "-") for word in sentence] for sentence in docs if sentence]
    once = list(peer.Phrases(text, min_count=5, threshold=10)[text])
    theirs = list(peer.Phrases(once, min_count=5, threshold=5)[once])
    ours = Phrases(min_count=5, threshold=[10, 5], scoring="gensim", passes=2).fit(text)
    assert list(ours.join_all(text)) == theirs
    assert sum(word.count("_") > 1 for sentence in theirs for word in sentence) > 500


@pytest.mark.interop
def test_word2phrase_writes_the_same_text(docs, tmp_path):
    """It gets one line of short words without the delimiter, as it counts pairs across the ends of lines,
    cuts words at 59 bytes, and takes `a_b` in a text for the pair of a and b."""
    program = Path(os.environ.get("FASTNLP_PEERS", "/nowhere"), "word2phrase")
    if not program.is_file():
        pytest.skip("FASTNLP_PEERS names no folder with word2phrase")
    words = [word for sentence in docs for word in sentence if len(word) < 25 and "_" not in word]
    (tmp_path / "text").write_text(" ".join(words) + "\n")
    subprocess.run(
        f"{program} -train text -output theirs -debug 0 -min-count 5 -threshold 50".split(),
        cwd=tmp_path,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    corpus = Corpus.from_text(tmp_path / "text", min_count=1)
    joined = Phrases(min_count=5, threshold=50).fit(corpus).apply(corpus)
    theirs = (tmp_path / "theirs").read_text().split()
    assert joined.vocab.decode(joined.ids) == theirs
    assert sum("_" in word for word in theirs) > 5000


def test_a_corpus_with_an_unknown_token_gives_the_phrases_of_the_whole_text(docs):
    whole = Phrases(min_count=5).fit(docs)
    numbered = Phrases(min_count=5).fit(Corpus.from_text(docs, min_count=5, unknown="<unk>"))
    assert numbered.scores == whole.scores


def test_a_word_that_is_spelled_like_a_phrase_is_the_same_token():
    corpus = Corpus.from_text(["new york", "new york", "new_york", "x"], min_count=1)
    joined = Phrases(min_count=1, threshold=0.1).fit(corpus).apply(corpus)
    assert joined.vocab.tokens == ["new_york", "x"]
    assert joined.vocab.counts.tolist() == [3, 1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"scoring": "default"},
            ValueError,
            "scoring: expected 'word2phrase', 'gensim' or 'npmi', got 'default'",
        ),
        ({"min_count": 0}, ValueError, "min_count: expected a whole number >= 1, got 0"),
        ({"min_count": 1.5}, TypeError, "integer"),
        ({"passes": 0}, ValueError, "passes: expected a whole number >= 1, got 0"),
        ({"threshold": 0}, ValueError, "threshold: expected a number above 0, got 0"),
        ({"threshold": math.nan}, ValueError, "threshold: expected a finite number, got nan"),
        ({"threshold": "10"}, ValueError, "threshold: expected a finite number"),
        ({"threshold": 2, "scoring": "npmi"}, ValueError, r"threshold: expected a number in \[-1, 1\]"),
        (
            {"threshold": [1, 2]},
            ValueError,
            "threshold: expected one number, or one for each of 1 passes, got 2",
        ),
        ({"connector_words": "of"}, TypeError, "connector_words: expected the words one by one, got the str"),
        ({"connector_words": [1]}, TypeError, "connector_words: expected words, got 1"),
        (
            {"connector_words": map(str, range(10_001))},
            ValueError,
            "connector_words: expected at most 10,000",
        ),
        ({"delimiter": ""}, ValueError, "delimiter: expected characters without white space, got ''"),
        ({"delimiter": " _"}, ValueError, "delimiter: expected characters without white space, got ' _'"),
        ({"delimiter": b"_"}, TypeError, "delimiter: expected a str, got bytes"),
        ({"threads": 0}, ValueError, "threads: expected 1 to 1024 or None, got 0"),
        ({"memory": 1000}, ValueError, "memory: expected a whole number >= 16777216, got 1000"),
    ],
)
def test_bad_settings_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        Phrases(**options)


def test_bad_input_is_refused():
    phrases = Phrases(min_count=1, threshold=0.1)
    for use in (lambda: phrases.join(["a"]), lambda: phrases.scores, lambda: phrases.save("x")):
        with pytest.raises(RuntimeError, match="expected `fit` to be called first"):
            use()
    with pytest.raises(ValueError, match="source: expected a text"):
        phrases.fit(["\n"])
    with pytest.raises(FileNotFoundError):
        phrases.fit("missing.txt")
    phrases.fit(LINES)
    with pytest.raises(TypeError, match="sentence: expected its words one by one, got the str 'new york'"):
        phrases.join("new york")
    with pytest.raises(TypeError, match="source: expected a file, several"):
        phrases.apply(7)
    corpus = Corpus.from_text(LINES, min_count=1)
    with pytest.raises(ValueError, match="min_count: expected a whole number >= 0, got -1"):
        phrases.apply(corpus, min_count=-1)
    with pytest.raises(ValueError, match="min_count: with min_count=100 none of the"):
        phrases.apply(corpus, min_count=100)
    damaged = Corpus(np.array([0, 99], np.int32), np.array([0, 2]), np.array([0, 1]), corpus.vocab)
    with pytest.raises(IndexError, match=r"ids\[1\]: expected an id in \[0, 8\), got 99"):
        Phrases(min_count=1).fit(damaged)
    with pytest.raises(IndexError, match=r"ids\[1\]: expected an id in \[0, 8\), got 99"):
        phrases.apply(damaged)
    assert "new_york" in phrases.scores


def test_a_corpus_without_tokens_stays_one():
    empty = Corpus.from_ids(np.zeros(0, np.int32), [0, 0], Vocab(["a", "b"]))
    phrases = Phrases().fit(empty)
    assert phrases.found == [[]]
    assert phrases.apply(empty).n_tokens == 0
