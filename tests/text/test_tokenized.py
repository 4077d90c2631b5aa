"""Corpora of a tokenizer's ids: line by line what the tokenizer gives, however the text is read."""

import gzip
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnlp import BPE, Corpus, WordPiece
from fastnlp.text import tokenized


@pytest.fixture(scope="module")
def bpe():
    return BPE.train(
        ["the lazy dog and the quick fox é 中文"] * 3, vocab_size=280, special_tokens=["<|end|>"]
    )


def expected(tokenizer, text, documents="blank_line"):
    """Sentences as lists of ids, by document."""
    found = [[]]
    for line in text.split("\n"):
        ids = tokenizer.encode(line.rstrip("\t\n\v\f\r ")).tolist()
        if ids:
            found[-1].append(ids)
        if (documents == "blank_line" and not ids) or (documents == "line" and ids):
            found.append([])
    return [document for document in found if document]


def documents_of(corpus):
    return [
        [corpus.sentence(i).tolist() for i in range(a, b)]
        for a, b in zip(corpus.document_offsets[:-1], corpus.document_offsets[1:], strict=True)
    ]


LINES = st.lists(st.sampled_from(["the dog", "", "  fox \r", "é中", " ", "quick\t"]), min_size=1).map(
    "\n".join
)


@given(LINES, st.sampled_from(["blank_line", "line", "file"]), st.integers(1, 9))
def test_lines_become_what_the_tokenizer_gives(bpe, text, documents, block):
    right = expected(bpe, text, documents)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenized, "_BLOCK", block)
        if not right:
            with pytest.raises(ValueError, match="empty one: no token in it"):
                Corpus.from_text(io.BytesIO(text.encode()), tokenizer=bpe, documents=documents)
            return
        corpus = Corpus.from_text(io.BytesIO(text.encode()), tokenizer=bpe, documents=documents)
        lines = Corpus.from_text(iter(text.split("\n")), tokenizer=bpe, documents=documents)
    assert documents_of(corpus) == right == documents_of(lines)
    assert np.array_equal(corpus.vocab.counts, np.bincount(corpus.ids, minlength=len(bpe)))
    assert corpus.vocab.tokens == bpe.tokens and corpus.ids.dtype == np.int32


def test_files_end_documents_and_lose_their_mark(bpe, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfthe dog")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"the fox\nand\n\n\nfox\n"))
    corpus = Corpus.from_text([tmp_path / "a.txt", tmp_path / "b.txt.gz"], tokenizer=bpe)
    assert documents_of(corpus) == [
        [bpe.encode("the dog").tolist()],
        [bpe.encode("the fox").tolist(), bpe.encode("and").tolist()],
        [bpe.encode("fox").tolist()],
    ]


def test_a_long_line_is_encoded_in_parts(bpe, monkeypatch, tmp_path):
    text = "the lazy dog and é 中文 fox, the  quick " * 3000 + "\nfox\n"
    right = Corpus.from_text(io.BytesIO(text.encode()), tokenizer=bpe)
    monkeypatch.setattr(tokenized, "_LONGEST_LINE", 10_000)
    monkeypatch.setattr(tokenized, "_BLOCK", 3_000)
    parts = Corpus.from_text(io.BytesIO(text.encode()), tokenizer=bpe)
    assert np.array_equal(parts.ids, right.ids) and parts.n_sentences == right.n_sentences == 2
    assert np.array_equal(parts.sentence_offsets, right.sentence_offsets)


def test_a_folder_and_memory_hold_the_same(bpe, tmp_path, monkeypatch):
    lines = ["the dog", "", "fox"] * 50
    memory = Corpus.from_text(lines, tokenizer=bpe)
    folder = Corpus.from_text(lines, tokenizer=bpe, path=tmp_path / "corpus")
    monkeypatch.setattr(tokenized, "_BLOCK", 64)
    from fastnlp.text.building import BuildOptions

    spilled = tokenized.build_tokenized(lines, bpe, BuildOptions(memory_limit=100), 1)
    assert spilled.temporary is not None and spilled.temporary.is_dir()
    for other in (folder, spilled, Corpus.open(tmp_path / "corpus")):
        assert np.array_equal(other.ids, memory.ids)
        assert np.array_equal(other.sentence_offsets, memory.sentence_offsets)
        assert np.array_equal(other.document_offsets, memory.document_offsets)
        assert other.vocab == memory.vocab
    import shutil

    shutil.rmtree(spilled.temporary)


def test_word_pieces_make_a_corpus_too():
    pieces = WordPiece(["[UNK]", "the", "dog", "##s"])
    corpus = Corpus.from_text(["The dogs", "cat"], tokenizer=pieces)
    assert documents_of(corpus) == [[[1, 2, 3], [0]]]


def test_word2vec_trains_on_it(bpe):
    from fastnlp import Word2Vec

    corpus = Corpus.from_text(["the lazy dog and the quick fox"] * 50, tokenizer=bpe)
    model = Word2Vec(dim=8, epochs=1, threads=1, seed=1).fit(corpus)
    assert model.vectors["Ġthe" if "Ġthe" in corpus.vocab else "t"].shape == (8,)


@pytest.mark.parametrize(
    ("source", "settings", "error", "message"),
    [
        (io.BytesIO(b"the\n\xff\n"), {}, ValueError, "expected UTF-8, got the byte 0xFF at offset 4"),
        (["<|end|>"], {}, ValueError, "no special token"),
        ([["the"]], {}, TypeError, r"expected lines \(str\) for a tokenizer, got list"),
        (["the"], {"tokenizer": "bpe"}, TypeError, "tokenizer: expected a BPE"),
        ([], {}, ValueError, "no token in it"),
        (["x"], {"documents": "page"}, ValueError, "documents: expected"),
    ],
)
def test_what_is_wrong_is_named(bpe, source, settings, error, message):
    with pytest.raises(error, match=message):
        Corpus.from_text(source, **({"tokenizer": bpe} | settings))


def test_a_special_token_in_a_text_has_its_file_and_line(tmp_path):
    bpe = BPE.train(["the dog"], 260, special_tokens=["<s>"])
    (tmp_path / "one.txt").write_text("the\n\ndog\n")
    (tmp_path / "two.txt").write_text("the dog\n" * 999 + "\n a <s> dog\n" + "<s>\n" * 9)
    with pytest.raises(ValueError, match=r"two\.txt: line 1001: text: expected no special .*'<s>' at byte 3"):
        Corpus.from_text([tmp_path / "one.txt", tmp_path / "two.txt"], tokenizer=bpe)
    with pytest.raises(ValueError, match="source: line 2: text: expected no special token, got '<s>'"):
        Corpus.from_text(["the", "<s>"], tokenizer=bpe)


def test_a_packed_file_cut_short_is_an_error(bpe, tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"the dog\n" * 99)[:-9])
    with pytest.raises(ValueError, match=r"x\.gz: damaged gzip file"):
        Corpus.from_text(tmp_path / "x.gz", tokenizer=bpe)


def test_bytes_that_are_no_text_are_replaced_if_asked_to(bpe):
    corpus = Corpus.from_text(io.BytesIO(b"the\xff"), tokenizer=bpe, errors="replace")
    assert bpe.decode(corpus.ids) == "the\ufffd"
