import io
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from fastnlp import _core
from fastnlp.text import Corpus, Vocab

LINES = ["the cat sat", "on the mat", "", "a dog"]


@pytest.fixture
def corpus():
    return Corpus.from_text(LINES, min_count=1)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def assert_same(left, right):
    assert np.array_equal(left.ids, right.ids)
    assert np.array_equal(left.sentence_offsets, right.sentence_offsets)
    assert np.array_equal(left.document_offsets, right.document_offsets)
    assert left.vocab == right.vocab


def test_a_corpus_says_what_it_holds(corpus):
    assert (corpus.n_tokens, corpus.n_sentences, corpus.n_documents) == (8, 3, 2)
    assert (corpus.ids.dtype, corpus.sentence_offsets.dtype, corpus.document_offsets.dtype) == (
        "i4",
        "i8",
        "i8",
    )
    assert corpus.vocab.decode(corpus.sentence(2)) == ["a", "dog"]
    assert repr(corpus) == "Corpus(8 tokens, 3 sentences, 2 documents, 7 words)"
    for i in (-1, 3):
        with pytest.raises(IndexError, match=rf"i: expected a sentence in \[0, 3\), got {i}"):
            corpus.sentence(i)
    with pytest.raises(ValueError, match="read-only"):
        corpus.ids[0] = 1


def test_every_source_gives_the_same_corpus(corpus, tmp_path, monkeypatch):
    text = "\n".join(LINES) + "\n"
    path = tmp_path / "text"
    path.write_text(text)
    assert_same(Corpus.from_text(path, min_count=1), corpus)
    assert_same(Corpus.from_text(str(path), min_count=1), corpus)
    assert_same(Corpus.from_text([path], min_count=1), corpus)
    assert_same(Corpus.from_text(io.BytesIO(text.encode()), min_count=1), corpus)
    assert_same(Corpus.from_text(io.StringIO(text), min_count=1), corpus)
    assert_same(Corpus.from_text(iter(LINES), min_count=1), corpus)
    assert_same(Corpus.from_text((line.split() for line in LINES), min_count=1), corpus)
    assert_same(Corpus.from_text([text], min_count=1), corpus)
    with path.open() as file:
        assert_same(Corpus.from_text(file, min_count=1), corpus)
    with path.open("rb", buffering=0) as file:
        assert_same(Corpus.from_text(file, min_count=1), corpus)
    with path.open("rb") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
        assert_same(Corpus.from_text("-", min_count=1), corpus)
    program = (
        "import sys; from fastnlp.text import Corpus; Corpus.from_text('-', min_count=1).save(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path / "c"], input=text.encode(), check=True)
    assert_same(Corpus.open(tmp_path / "c"), corpus)


def test_files_separate_documents_and_sentences(tmp_path):
    for name, text in (("a", "one two"), ("b", "three\n\n\nfour"), ("c", "")):
        (tmp_path / name).write_text(text)
    files = [tmp_path / "a", str(tmp_path / "b"), tmp_path / "c"]
    assert Corpus.from_text(files, min_count=1).sentence_offsets.tolist() == [0, 2, 3, 4]
    for documents, offsets in (("blank_line", [0, 1, 2, 3]), ("line", [0, 1, 2, 3]), ("file", [0, 1, 3])):
        assert Corpus.from_text(files, min_count=1, documents=documents).document_offsets.tolist() == offsets


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (
            "no such file.txt",
            FileNotFoundError,
            "the str 'no such file.txt', which is no file; .* put its lines",
        ),
        ("a text\nof lines " * 1000, FileNotFoundError, r"which is no file"),
        ("nul\0", FileNotFoundError, "which is no file"),
        ("/tmp", IsADirectoryError, "source: expected a file, got the folder"),
        (b"bytes", TypeError, "source: .* got bytes"),
        ([b"bytes"], TypeError, "source: expected lines .str. or lists of tokens, got bytes as item 0"),
        (["a", 3], TypeError, "got int as item 1"),
        ([["a", 3]], TypeError, "tokens: expected str, got <class 'int'>"),
        ([["a", ""]], ValueError, "source: tokens: expected words of at least one character"),
        ([["a\udcff"]], ValueError, "source: the token 'a.udcff' holds half a surrogate pair"),
        (["b a\udcff b"], ValueError, "source: a line holds half a surrogate pair.*'b a.udcff b"),
        (io.StringIO("a\udcff"), ValueError, "<file>: half a surrogate pair"),
        (3, TypeError, "source: expected a file, several, '-', or an iterable .* got int"),
        ([], ValueError, "source: expected a text, got an empty one"),
    ],
)
def test_what_is_no_source_is_refused(source, error, message):
    with pytest.raises(error, match=message):
        Corpus.from_text(source)


def test_a_missing_file_among_others_is_named(tmp_path):
    (tmp_path / "a").write_text("a")
    with pytest.raises(FileNotFoundError, match="/b' does not exist"):
        Corpus.from_text([str(tmp_path / "a"), str(tmp_path / "b")])
    with pytest.raises(TypeError, match=r"source\[1\]: expected a file name like those before it, got list"):
        Corpus.from_text([tmp_path / "a", ["a"]])


def test_half_surrogate_pairs_are_replaced_when_asked():
    for source in (["a\udcff"], [["a\udcff"]], io.StringIO("a\udcff")):
        assert Corpus.from_text(source, min_count=1, errors="replace").vocab.tokens == ["a\ufffd"]


def test_progress_tells_bytes_read_and_bytes_in_all(tmp_path):
    for name in "ab":
        (tmp_path / name).write_text("word " * 100)
    calls = []
    Corpus.from_text([tmp_path / "a", tmp_path / "b"], progress=lambda *call: calls.append(call))
    assert calls[-1] == (1000, 1000)
    assert calls == sorted(calls)
    calls.clear()
    Corpus.from_text(["a a a a a"], progress=lambda *call: calls.append(call))
    assert calls[-1] == (10, None)


def test_saving_and_opening_give_it_back(corpus, tmp_path):
    corpus.save(tmp_path / "c")
    opened = Corpus.open(tmp_path / "c")
    assert_same(opened, corpus)
    assert isinstance(np.load(tmp_path / "c" / "ids.npy", mmap_mode="r"), np.memmap)
    assert np.array_equal(np.load(tmp_path / "c" / "sentence_offsets.npy"), corpus.sentence_offsets)
    opened.save(tmp_path / "c")  # over the files that it maps
    assert_same(opened, corpus)
    assert_same(Corpus.open(tmp_path / "c"), corpus)


@pytest.mark.parametrize("threads", [1, 2])
def test_building_into_a_folder_is_building_and_saving(corpus, tmp_path, threads):
    built = Corpus.from_text(LINES, min_count=1, path=tmp_path / "c", threads=threads)
    assert_same(built, corpus)
    corpus.save(tmp_path / "d")
    for name in names(tmp_path / "d"):
        assert (tmp_path / "c" / name).read_bytes() == (tmp_path / "d" / name).read_bytes()
    assert names(tmp_path / "c") == names(tmp_path / "d")


def test_from_ids_takes_what_is_sound_and_says_what_is_not():
    vocab = Vocab(["a", "b", "c"])
    corpus = Corpus.from_ids(np.array([0, 2, 1], np.int32), np.array([0, 1, 1, 3]), vocab)
    assert corpus.document_offsets.tolist() == [0, 3]
    assert corpus.sentence(1).tolist() == []
    assert Corpus.from_ids(np.zeros(0, np.int32), [0], vocab).n_sentences == 0
    for ids, offsets, documents, error, message in (
        ([0, 3], [0, 2], None, IndexError, r"ids\[1\]: expected an id in \[0, 3\), got 3"),
        ([-1, 0], [0, 2], None, IndexError, r"ids\[0\]: expected an id in \[0, 3\), got -1"),
        (
            [0, 2**32],
            [0, 2],
            None,
            IndexError,
            r"ids\[1\]: expected a number that fits int32, got 4294967296",
        ),
        ([0, 1], [0, 3], None, ValueError, r"sentence_offsets\[-1\]: expected 2 "),
        ([0, 1], [1, 2], None, ValueError, r"sentence_offsets\[0\]: expected 0, got 1"),
        ([0, 1], [0, 2, 1, 2], None, ValueError, r"sentence_offsets\[2\]: expected at least 2, got 1"),
        ([0, 1], [], None, ValueError, "sentence_offsets: expected at least one offset"),
        ([0, 1], [0, 2], [0, 2], ValueError, r"document_offsets\[-1\]: expected 1 "),
        ([[0, 1]], [0, 2], None, ValueError, r"ids: expected one dimension, got shape \(1, 2\)"),
        ([0.5, 1], [0, 2], None, TypeError, "ids: expected integers, got float64"),
    ):
        with pytest.raises(error, match=message):
            Corpus.from_ids(ids, offsets, vocab, documents)


def test_every_cut_or_missing_file_is_named(corpus, tmp_path):
    folder = tmp_path / "c"
    corpus.save(folder)
    for name in names(folder):
        path = folder / name
        whole = path.read_bytes()
        for damaged in (b"", whole[: len(whole) // 2], whole[:-2], whole + b"\0", b"\0" + whole[1:]):
            path.write_bytes(damaged)
            with pytest.raises(ValueError, match=rf"{path}: "):
                Corpus.open(folder)
        path.unlink()
        with pytest.raises(ValueError, match=rf"{path}: .*missing"):
            Corpus.open(folder)
        path.write_bytes(whole)
    assert_same(Corpus.open(folder), corpus)


def test_a_folder_that_contradicts_itself_is_refused(corpus, tmp_path):
    folder = tmp_path / "c"
    corpus.save(folder)
    about = json.loads((folder / "corpus.json").read_text())
    for change, message in (
        ({"tokens": 9}, "ids.npy: damaged corpus: expected 164 bytes for 9 values, got 160"),
        ({"tokens": True}, "expected the number of tokens, got True"),
        ({"words": 6}, "words.vocab: damaged corpus: expected 6 words, got 7"),
        ({"version": 2}, "expected format version 1, got 2"),
        ({"format": "other"}, "expected format 'fastnlp-corpus'"),
    ):
        (folder / "corpus.json").write_text(json.dumps(about | change))
        with pytest.raises(ValueError, match=message):
            Corpus.open(folder)
    (folder / "corpus.json").write_text(json.dumps(about))
    offsets = (folder / "sentence_offsets.npy").read_bytes()
    (folder / "sentence_offsets.npy").write_bytes(offsets[:-8] + b"\7" + b"\0" * 7)
    with pytest.raises(
        ValueError, match=r"sentence_offsets.npy: .* expected offsets from 0 to 8, got 0 to 7"
    ):
        Corpus.open(folder)


def test_what_is_no_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected the folder of a corpus"):
        Corpus.open(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="expected the folder of a corpus"):
        Corpus.open(tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        Corpus.from_text(LINES, min_count=1, path=tmp_path / "file")


@pytest.mark.parametrize("action", ["save", "build"])
def test_a_full_disk_leaves_the_old_corpus_as_it_was(corpus, tmp_path, action):
    corpus.save(tmp_path / "c")
    program = """
        import resource, signal, sys
        from fastnlp.text import Corpus
        lines = ["a b c d"] * 10_000
        large = Corpus.from_text(lines, min_count=1)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            if sys.argv[2] == "save":
                large.save(sys.argv[1])
            else:
                Corpus.from_text(lines, min_count=1, path=sys.argv[1])
        except OSError as error:
            sys.exit(f"refused {error.errno}")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), tmp_path / "c", action],
        capture_output=True,
        text=True,
    )
    assert done.stderr.splitlines()[-1] == "refused 27"  # EFBIG stands in for ENOSPC
    assert names(tmp_path) == ["c"]
    assert_same(Corpus.open(tmp_path / "c"), corpus)


class Endless(io.RawIOBase):
    """Text without end, or of a length; reading costs no more than a copy."""

    def __init__(self, block, blocks=None, after=None):
        self._block, self._left, self._after = block, blocks, after or (lambda: None)

    def readable(self):
        return True

    def readinto(self, memory):
        self._after()
        if self._left == 0:
            return 0
        self._left = None if self._left is None else self._left - 1
        size = min(len(memory), len(self._block))
        memory[:size] = self._block[:size]
        return size


def test_control_c_stops_within_a_block_and_leaves_nothing(tmp_path):
    reads = []

    def interrupt_at_the_third():
        reads.append(1)
        if len(reads) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        Corpus.from_text(Endless(b"a b c\n" * 50_000, after=interrupt_at_the_third), path=tmp_path / "c")
    assert len(reads) == 3
    assert names(tmp_path) == []


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from /proc")
@pytest.mark.parametrize("line", ["long", "short"])
def test_memory_does_not_grow_with_the_text(tmp_path, line):
    program = f"""
        import re, sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import numpy as np
        from test_corpus import Endless
        from fastnlp.text import Corpus
        words = np.random.default_rng(0).zipf(1.3, 2_000_000) % 200_000
        block = ({'" "' if line == "long" else "chr(10)"}.join(map(str, words)) + chr(10)).encode()
        def peak(blocks):
            corpus = Corpus.from_text(Endless(block, blocks), path=sys.argv[1], threads=2)
            assert corpus.n_sentences >= blocks
            return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
        few = peak(20)
        many = peak(100)
        print(len(block) * 100 / 1e6, few, many)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), tmp_path / "c"],
        capture_output=True,
        text=True,
        check=True,
    )
    megabytes, few, many = map(float, done.stdout.splitlines()[-1].split())
    assert megabytes > 500
    assert many < few + 32
    assert many < 300


def test_a_corpus_does_not_depend_on_the_salt_of_its_tables(monkeypatch):
    text = [f"w{i % 977} v{i % 13}" for i in range(20_000)]
    corpora = []
    for salt in (0, 1, 2**64 - 1):
        monkeypatch.setattr("secrets.randbits", lambda bits, salt=salt: salt)
        corpora.append(Corpus.from_text(text, min_count=1))
    assert_same(corpora[0], corpora[1])
    assert_same(corpora[0], corpora[2])


def test_ids_at_any_byte_of_a_buffer_are_taken_by_copy_and_refused_by_the_core():
    shifted = np.frombuffer(b"\0" + np.arange(100, dtype=np.int32).tobytes(), np.int32, offset=1)
    corpus = Corpus.from_ids(shifted, [0, 100], Vocab([str(i) for i in range(100)]))
    assert corpus.ids.flags.aligned
    np.testing.assert_array_equal(corpus.ids, shifted)
    with pytest.raises(ValueError, match="array: expected memory aligned to 4 bytes"):
        _core.check_ids("ids", shifted, 100)
