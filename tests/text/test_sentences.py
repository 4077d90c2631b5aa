import gzip
import io
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnlp import Corpus
from fastnlp.text import sentence_lines, split_sentences, tokenized

WHOLE = [
    "Dr. Smith met Mrs. Jones.",
    "J. R. R. Tolkien wrote it.",
    "It cost 3.50 dollars in the U.S. in 1950.",
    "The U.S. President spoke.",
    "See Fig. 3 and pp. 12 to 14, vol. 2.",
    "Rebels, e.g. Spartacus, lost.",
    "Yahoo! is a name.",
    "He asked “why?” and left.",
    "Acme Inc. Chairman Bob Roe resigned.",
    "1. Introduction",
    "no end at all",
    "She said ... nothing",
    "version 2.0.1 is out",
    "a.b.c stays",
]
CUT = [
    "It rained. It stopped.|It rained.",
    "It rained! It stopped?! Yes.|It rained!|It stopped?!",
    "He lives in the U.S. The others do not.|He lives in the U.S.",
    "They sell pens, etc. They also buy.|They sell pens, etc.",
    "“Go.” “Why?” (Because.) 1984 came.|“Go.”|“Why?”|(Because.)",
    "It ended in 1990. Then came 1991.|It ended in 1990.",
    "No. That is all.|No.",
    "the lords . The game began , see . it , p . 5 . Then|the lords .|The game began , see . it , p .|5 .",
    "He left... Nobody knew.|He left...",
    "今天天气很好。我们去吗？去！|今天天气很好。|我们去吗？",
    "吾輩は猫である。名前はまだ無い。|吾輩は猫である。",
    "他说：“走吧。”她走了。|他说：“走吧。”",
    "Ende gut. Äpfel gibt es. Это конец. Новое.|Ende gut.|Äpfel gibt es.|Это конец.",
]


@pytest.mark.parametrize("text", WHOLE)
def test_a_sentence_stays_whole(text):
    assert split_sentences(text) == [text]


@pytest.mark.parametrize("case", CUT)
def test_sentences_are_cut(case):
    text, *expected = case.split("|")
    found = split_sentences(text)
    assert found[:-1] == expected
    assert found[-1] == text[text.rindex(expected[-1]) + len(expected[-1]) :].strip()


pieces = st.lists(
    st.sampled_from([*"aB1.!?…。？」と”)(\"' \t\n", ". ", "Dr.", "U.S.", "The ", "x"]), max_size=40
).map("".join)


@given(pieces | st.text(max_size=60))
def test_nothing_is_lost_but_white_space_between(text):
    found = split_sentences(text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(sentence == sentence.strip() != "" for sentence in found)


@given(st.lists(pieces.map(lambda text: text.replace("\n", " ")), max_size=6), st.integers(1, 9))
def test_streams_give_what_the_lines_do_however_they_are_read(lines, block):
    expected = [sentence for line in lines for sentence in (split_sentences(line) or [""])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenized, "_BLOCK", block)
        text = "".join(line + "\n" for line in lines).encode()
        assert list(sentence_lines(io.BytesIO(text))) == [*expected, ""]
        assert list(sentence_lines(iter(lines))) == [*expected, ""]


def test_a_line_that_is_too_long_to_be_held_is_cut_where_sentences_end(monkeypatch):
    monkeypatch.setattr(tokenized, "_LONGEST_LINE", 50)
    monkeypatch.setattr(tokenized, "_BLOCK", 16)
    line = "One came. Two went. " * 30 + "End"
    assert list(sentence_lines(io.BytesIO(line.encode()))) == [*split_sentences(line), ""]


def test_files_end_documents_and_are_unpacked(tmp_path):
    (tmp_path / "a.txt").write_text("One. Two.\n\nThree.", encoding="utf-8")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"\xef\xbb\xbfFour. Five."))
    files = [tmp_path / "a.txt", tmp_path / "b.txt.gz"]
    assert list(sentence_lines(files)) == ["One.", "Two.", "", "Three.", "", "Four.", "Five.", ""]
    seen = []
    corpus = Corpus.from_text(
        sentence_lines(files, progress=lambda done, total: seen.append((done, total))), min_count=1
    )
    assert corpus.document_offsets.tolist() == [0, 2, 3, 5]
    assert seen[-1][0] == seen[-1][1]


def test_bytes_that_are_no_text_are_refused_with_their_place(tmp_path):
    (tmp_path / "bad").write_bytes(b"Fine.\nNot \xff.")
    with pytest.raises(ValueError, match=r"bad: expected UTF-8, got the byte 0xFF at offset 10"):
        list(sentence_lines(tmp_path / "bad"))
    assert list(sentence_lines(tmp_path / "bad", errors="replace"))[1] == "Not \ufffd."
    with pytest.raises(FileNotFoundError):
        list(sentence_lines("there-is-no-such-file"))
    with pytest.raises(TypeError, match="expected lines"):
        list(sentence_lines([1]))


@pytest.mark.parametrize("unit", [".", ". ", "“", '." ', "。", "A. ", "1. ", "\t", "「」と", ".!"])
def test_hostile_text_takes_linear_time(unit):
    begin = time.process_time()
    split_sentences(unit * 200_000)
    assert time.process_time() - begin < 5


def test_paragraphs_of_wikipedia_have_sentences_of_usual_length():
    path = Path(os.environ.get("FASTNLP_DATA", "")) / "enwiki" / "enwiki2015-docs-60MB.txt.gz"
    if not path.is_file():
        pytest.skip("enwiki/enwiki2015-docs-60MB.txt.gz is not in the folder that FASTNLP_DATA names")
    with gzip.open(path) as file:
        text = file.read(2_000_000).decode(errors="ignore")
    found = [line for line in sentence_lines(text.split("\n")) if line]
    words = sum(len(line.split()) for line in found) / len(found)
    assert 15 < words < 25
    assert sum(len(line.split()) > 100 for line in found) < 0.005 * len(found)
    assert sum(line[0].islower() for line in found) < 0.02 * len(found)
