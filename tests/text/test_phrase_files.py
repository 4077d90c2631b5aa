"""Phrases in files and in folders, and what they cost: memory, and time until Ctrl-C."""

import json
import re
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import numpy as np
import pytest

from fastnlp import Corpus, Phrases
from fastnlp.text import phrase_pass

LINES = ["new york is big", "i like new york", "big apple", "is it new", "i like york"]


def test_a_corpus_in_a_folder_stays_one(docs, tmp_path):
    corpus = Corpus.from_text(docs, min_count=1, path=tmp_path / "plain")
    phrases = Phrases(passes=2).fit(corpus)
    memory = phrases.apply(corpus, min_count=2)
    folder = phrases.apply(corpus, min_count=2, path=tmp_path / "joined")
    opened = Corpus.open(tmp_path / "joined")
    for each in (folder, opened):
        assert each.vocab == memory.vocab
        assert np.array_equal(each.ids, memory.ids)
        assert np.array_equal(each.sentence_offsets, memory.sentence_offsets)
        assert np.array_equal(each.document_offsets, memory.document_offsets)
    assert memory.vocab.min_count == 2 and memory.vocab.counts.min() == 2
    assert phrases.apply(corpus).n_documents == corpus.n_documents >= memory.n_documents


def test_long_results_go_to_a_temporary_folder(docs, monkeypatch):
    corpus = Corpus.from_text(docs, min_count=1)
    phrases = Phrases().fit(corpus)
    memory = phrases.apply(corpus)
    monkeypatch.setattr(phrase_pass, "MEMORY_LIMIT", 1000)
    mapped = phrases.apply(corpus)
    assert np.array_equal(mapped.ids, memory.ids) and mapped.vocab == memory.vocab
    folders = [line for line in Path("/proc/self/maps").read_text().splitlines() if "fastnlp-corpus-" in line]
    folder = Path(folders[0].split()[-1]).parent
    del mapped
    assert not folder.exists()


def test_saved_phrases_join_as_before(docs, tmp_path):
    phrases = Phrases(
        min_count=3,
        threshold=[20.5, 10],
        scoring="gensim",
        passes=2,
        delimiter="·",
        connector_words={"of", "ü"},
    ).fit(docs)
    phrases.save(tmp_path / "phrases")
    loaded = Phrases.load(tmp_path / "phrases", threads=1)
    assert loaded.found == phrases.found
    assert loaded.scores == phrases.scores
    assert list(loaded.join_all(docs[:500])) == list(phrases.join_all(docs[:500]))
    for name in ("scoring", "min_count", "thresholds", "connector_words", "delimiter", "passes"):
        assert getattr(loaded, name) == getattr(phrases, name)
    empty = Phrases().fit(["a b"])
    empty.save(tmp_path / "empty")
    assert Phrases.load(tmp_path / "empty").found == [[]]


def test_a_damaged_file_is_refused_with_its_place(tmp_path):
    path = tmp_path / "phrases"
    Phrases(min_count=1, threshold=0.1).fit(LINES).save(path)
    content = path.read_bytes()
    header, *lines = content.splitlines(keepends=True)

    def check(damaged, message):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"{re.escape(str(path))}: .*{message}"):
            Phrases.load(path)

    check(b"", "expected phrases, whose first line names the format")
    check(b"a b c\n", "expected phrases")
    check(b"\xff\xfe\n", "expected phrases")
    check(content.replace(b'"version": 1', b'"version": 2'), "expected format version 1, got 2")
    check(header + b"".join(lines[:-1]), f"expected {len(lines)} lines after the first, got {len(lines) - 1}")
    check(content[:-3], "expected .* lines after the first")
    check(content.replace(b'["new"', b'["now"'), "do not match their CRC-32")
    check(content.replace(b'"word2phrase"', b'"wordphrase"'), "line 1: scoring: expected")
    check(content.replace(b'"passes": 1', b'"passes": 2'), "line 1: threshold: expected one number")
    check(content.replace(b'"min_count"', b'"mincount"'), "line 1 lacks a setting")
    for bad in (["a"], 1, 0.5), (["a", ""], 1, 0.5), (["a", "b"], 1.5, 0.5), (["a", "b"], 1, None), "abc", 7:
        body = json.dumps(bad).encode() + b"\n"
        about = json.loads(header) | {"phrases": [1], "crc32": zlib.crc32(body)}
        check(json.dumps(about).encode() + b"\n" + body, "damaged phrases: line 2: ")
    with pytest.raises(FileNotFoundError):
        Phrases.load(tmp_path / "missing")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fit", "apply"])
def test_ctrl_c_is_answered_at_once(method, tmp_path):
    program = f"""
        import signal, sys, threading, time, os
        import numpy as np
        import fastnlp as fn
        ids = np.random.default_rng(0).zipf(1.2, 12_000_000) % 100_000
        n = len(ids)
        corpus = fn.Corpus.from_ids(ids.astype(np.int32), [0, n], fn.Vocab(map(str, range(100_000))))
        corpus.vocab.ids
        phrases = fn.Phrases(threads=2, scoring="gensim")
        if {method!r} == "apply":
            phrases.fit(fn.Corpus.from_ids(corpus.ids[:1_000_000], [0, 1_000_000], corpus.vocab))
        pressed = []
        def press():
            time.sleep(0.1)
            pressed.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Thread(target=press).start()
        try:
            while True:
                getattr(phrases, {method!r})(corpus)
        except KeyboardInterrupt:
            print(time.monotonic() - pressed[0])
    """
    waits = []
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
        )
        waits.append(float(run.stdout.split()[-1]))
    assert min(waits) < 0.2, waits


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from /proc")
def test_memory_stays_within_the_budget():
    program = """
        import re
        from pathlib import Path
        import numpy as np
        import fastnlp as fn
        def peak():
            return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
        ids = np.random.default_rng(0).integers(0, 20_000, 10_000_000, dtype=np.int32)
        corpus = fn.Corpus.from_ids(ids, [0, len(ids)], fn.Vocab(map(str, range(20_000))))
        before = peak()
        phrases = fn.Phrases(scoring="gensim", threads=2, min_count=3, memory=64 << 20).fit(corpus)
        print(before, peak())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    before, after = map(float, done.stdout.split()[-2:])
    assert after - before < 64 * 1.2 + 8, "about 9.9 million pairs, which would take 470 MiB"
