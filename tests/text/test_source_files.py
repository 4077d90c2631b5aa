"""Files as sources of a corpus: read ahead, packed, many and small, damaged."""

import gzip
import io
import threading
import time

import numpy as np
import pytest
from oracles import corpus as oracle
from oracles.built import corpus_of

from fastnlp.text import Corpus


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_is_read_ahead_is_counted_whole_and_bad_bytes_keep_their_place(tmp_path, packed):
    text = b"".join(b"w%d v%d%s" % (i % 977, i % 13, b"\n\n" if i % 7 == 0 else b" ") for i in range(20_000))
    path = tmp_path / "text"
    path.write_bytes(gzip.compress(text) if packed else text)
    whole = corpus_of(io.BytesIO(text))
    for block_bytes in (4096, 100_001):
        ahead = corpus_of(path, threads=2, block_bytes=block_bytes)
        assert ahead.vocab.tokens == whole.vocab.tokens
        assert ahead.vocab.counts.tolist() == whole.vocab.counts.tolist()
        assert oracle.as_documents(ahead) == oracle.as_documents(whole)
    bad = text + b"\xff"
    path.write_bytes(gzip.compress(bad) if packed else bad)
    before = threading.active_count()
    with pytest.raises(ValueError, match=f"byte 0xff at offset {len(text)}, line"):
        corpus_of(path, threads=2, block_bytes=4096)
    assert threading.active_count() == before


def test_a_file_is_read_where_the_system_starts_no_thread(tmp_path, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    path = tmp_path / "text"
    path.write_bytes(b"a b\nb c\n" * 5000)
    whole = corpus_of(path)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    alone = corpus_of(path, threads=2, block_bytes=4096)
    assert alone.vocab.tokens == whole.vocab.tokens
    assert oracle.as_documents(alone) == oracle.as_documents(whole)


def test_small_files_cost_no_more_where_blocks_are_large(tmp_path):
    for i in range(100):
        (tmp_path / f"{i}.txt").write_bytes(b"a b")
    files = sorted(tmp_path.iterdir())
    before = time.process_time()
    assert corpus_of(files, threads=2, block_bytes=32 << 20).n_documents == 100
    assert time.process_time() - before < 1.0  # with all of each block written beforehand it is 4


def test_gzip_is_recognised_and_a_cut_file_is_refused(tmp_path):
    path = tmp_path / "text"
    whole = gzip.compress(b"a b\n" * 10_000)
    path.write_bytes(whole + whole)
    corpus = Corpus.from_text(path)
    assert corpus.n_tokens == 40_000
    with path.open("rb") as file:
        assert np.array_equal(Corpus.from_text(file).ids, corpus.ids)
    for damaged in (whole[:-10], whole[:20] + b"\0\0\0\0" + whole[24:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"{path}: damaged gzip file"):
            Corpus.from_text(path)
