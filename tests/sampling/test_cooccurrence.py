import errno
import itertools
import json
import resource
import signal
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.cooccurrences import cooccurrences
from oracles.strategies import corpora

from fastnlp import _core
from fastnlp.sampling import Cooccurrences
from fastnlp.text import Corpus, Vocab

SMALLEST = 170_000  # bytes that suffice for the vocabularies here on three threads


def corpus_of(ids, offsets, vocabulary=7, documents=None, **special):
    return Corpus.from_ids(ids, offsets, Vocab([f"w{i}" for i in range(vocabulary)], **special), documents)


def as_dict(matrix):
    found = {}
    for block in matrix.records():
        for i, j, count in zip(*(array.tolist() for array in block), strict=True):
            assert (i, j) not in found
            found[i, j] = count
    return found


def assert_same(left, right):
    for name in ("row_offsets", "columns", "counts"):
        assert np.array_equal(getattr(left, name), getattr(right, name)), name


@given(
    corpora(longest=40),
    st.integers(1, 45),
    st.booleans(),
    st.sampled_from(["distance", "flat"]),
    st.integers(1, 3),
)
def test_counts_are_those_of_the_definition(text, window, symmetric, weighting, threads):
    ids, offsets = text
    matrix = Cooccurrences.from_corpus(
        corpus_of(ids, offsets), window=window, symmetric=symmetric, weighting=weighting, threads=threads
    )
    expected = cooccurrences(ids, offsets, window, symmetric, weighting == "distance")
    assert as_dict(matrix) == pytest.approx({pair: float(x) for pair, x in expected.items()}, rel=1e-9)
    assert len(matrix) == len(expected)
    for begin, end in itertools.pairwise(matrix.row_offsets):
        assert (np.diff(matrix.columns[begin:end]) > 0).all()


@given(corpora(), st.integers(1, 20), st.booleans())
def test_counts_are_rounded_once(text, window, symmetric):
    ids, offsets = text
    matrix = Cooccurrences.from_corpus(corpus_of(ids, offsets), window=window, symmetric=symmetric, threads=1)
    exact = cooccurrences(ids, offsets, window, symmetric)
    assert as_dict(matrix) == {pair: float(x) for pair, x in exact.items()}


@pytest.fixture(scope="module")
def long_text():
    """30,000 tokens, in sentences longer and shorter than a window."""
    random = np.random.default_rng(5)
    ids = np.minimum(random.zipf(1.3, 30_000) - 1, 299).astype(np.int32)
    ends = np.unique(random.integers(1, 30_000, 900))
    offsets = np.concatenate([[0], ends, [30_000]])
    return corpus_of(ids, offsets, 300, documents=[0, 10, 500, len(offsets) - 1])


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("window", [3, 15, 100])
def test_memory_and_threads_do_not_show(long_text, tmp_path, window, symmetric):
    settings = {"window": window, "symmetric": symmetric}
    whole = Cooccurrences.from_corpus(long_text, threads=1, **settings)
    for memory, threads in ((1 << 30, 3), (60_000, 1), (SMALLEST, 3), (90_000, 1), (SMALLEST * 3, 2)):
        matrix = Cooccurrences.from_corpus(
            long_text, tmp_path / "x", memory=memory, threads=threads, **settings
        )
        assert_same(matrix, whole)
        assert sorted(path.name for path in (tmp_path / "x").iterdir()) == [
            "columns.npy",
            "cooccurrences.json",
            "counts.npy",
            "row_offsets.npy",
        ]


def counter_of(corpus, folder, temporary=None, **options):
    for name in "abc":
        (folder / name).touch()
    settings = {"window": 5, "symmetric": True, "by_distance": True, "memory": 1 << 26, "threads": 1}
    return _core.CooccurrenceCounter(
        corpus.ids,
        corpus.sentence_offsets,
        len(corpus.vocab),
        np.zeros(0, np.int32),
        paths=tuple(str(folder / name) for name in "abc"),
        header=0,
        temporary=str(temporary or folder),
        **{**settings, **options},
    )


def test_a_small_memory_cuts_the_text_in_parts(long_text, tmp_path):
    assert counter_of(long_text, tmp_path).chunks == 1
    assert counter_of(long_text, tmp_path, memory=60_000).chunks > 3


def test_where_slices_end_does_not_show(long_text, tmp_path):
    for memory in (1 << 26, 60_000):
        counter = counter_of(long_text, tmp_path, memory=memory)
        done = [counter.step(0.0)]
        while done[-1] < 1.0:
            done.append(counter.step(0.0))
        assert len(done) > 5 and done == sorted(done) and done[0] >= 0.0
        whole = Cooccurrences.from_corpus(long_text, window=5, threads=1)
        assert np.array_equal(np.fromfile(tmp_path / "c"), whole.counts)
        assert counter.entries == len(whole.columns)


def test_windows_stay_in_sentences_or_documents(long_text):
    ids = long_text.ids.tolist()
    for bounds, offsets in (
        ("sentence", long_text.sentence_offsets),
        ("document", long_text.sentence_offsets[long_text.document_offsets]),
    ):
        matrix = Cooccurrences.from_corpus(long_text, window=4, bounds=bounds, threads=2)
        expected = cooccurrences(ids[: offsets[2]], offsets[:3].tolist(), 4)
        part = corpus_of(ids[: offsets[2]], offsets[:3], 300)
        assert as_dict(Cooccurrences.from_corpus(part, window=4)) == pytest.approx(dict(expected))
        total = sum(2.0 * sum((n - d) / d for d in range(1, 5) if n > d) for n in np.diff(offsets).tolist())
        assert sum(as_dict(matrix).values()) == pytest.approx(total)


def test_special_tokens_take_up_a_place_and_count_with_nothing():
    ids = [0, 1, 2, 0, 3, 3, 1]
    corpus = corpus_of(ids, [0, 7], 4, unknown="w0", reserved=["w1"])
    matrix = Cooccurrences.from_corpus(corpus, window=3)
    expected = cooccurrences(ids, [0, 7], 3, left_out=(0, 1))
    assert as_dict(matrix) == {pair: float(x) for pair, x in expected.items()}


def test_a_matrix_without_entries(tmp_path):
    for ids, offsets in (([], [0]), ([1, 2], [0, 1, 2])):
        matrix = Cooccurrences.from_corpus(corpus_of(ids, offsets), tmp_path / "x")
        assert len(matrix) == 0 and list(matrix.records()) == []
        assert Cooccurrences.open(tmp_path / "x").row_offsets.tolist() == [0] * 8
    assert len(Cooccurrences.from_records([], 3)) == 0


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.sampled_from([0.25, 1.0, 2.5])), max_size=80),
    st.integers(1, 9),
)
def test_records_in_any_order_add_up(records, block):
    expected = {}
    for i, j, x in records:
        expected[i, j] = expected.get((i, j), 0.0) + x
    parts = (
        tuple(zip(*records[start : start + block], strict=True)) for start in range(0, len(records), block)
    )
    matrix = Cooccurrences.from_records(parts, 7)
    assert as_dict(matrix) == expected
    assert not matrix.symmetric


def test_records_sort_in_any_memory(long_text, tmp_path):
    matrix = Cooccurrences.from_corpus(long_text)
    blocks = [tuple(array[::-1] for array in block) for block in matrix.records()]
    whole = Cooccurrences.from_records(blocks, 300)
    small = Cooccurrences.from_records(iter(blocks), 300, tmp_path / "x", memory=100_000)
    assert_same(small, whole)
    assert as_dict(small) == as_dict(matrix)
    assert len(small) == len(matrix) == len(small.columns)


@pytest.mark.parametrize(
    ("records", "error", "message"),
    [
        (([0], [7], [1.0]), IndexError, r"columns\[2\]: expected an id in \[0, 7\), got 7"),
        (([-1], [0], [1.0]), IndexError, r"rows\[2\]"),
        (([0], [0], [0.0]), ValueError, r"values\[2\]: expected a finite number above 0, got 0"),
        (([0], [0], [np.inf]), ValueError, r"values\[2\]"),
        (([0], [0], [np.nan]), ValueError, r"values\[2\]"),
        (([0], [0, 1], [1.0]), ValueError, "values: expected one for each of the 1 rows"),
        (([0.5], [0], [1.0]), TypeError, "words: expected integers"),
    ],
)
def test_bad_records_are_named(records, error, message):
    with pytest.raises(error, match=message):
        Cooccurrences.from_records([([1, 2], [0, 1], [1.0, 2.0]), records], 7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, "window: expected 1 to 10000, got 0"),
        ({"window": 10_001}, "window: expected 1 to 10000"),
        ({"weighting": "linear"}, "weighting: expected 'distance' or 'flat', got 'linear'"),
        ({"bounds": "page"}, "bounds: expected 'sentence' or 'document', got 'page'"),
        ({"memory": 1000}, "memory: expected at least .* bytes for this vocabulary"),
        ({"threads": 0}, "threads: expected 1 to 1024 or None, got 0"),
    ],
)
def test_wrong_arguments_are_named(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        Cooccurrences.from_corpus(corpus_of([0, 1], [0, 2]), tmp_path / "x", **options)
    assert list(tmp_path.iterdir()) == []


def test_only_a_corpus_is_counted():
    with pytest.raises(TypeError, match="corpus: expected a Corpus"):
        Cooccurrences.from_corpus(["a b"])
    with pytest.raises(ValueError, match="vocabulary: expected 1 to"):
        Cooccurrences.from_records([], 0)


def test_an_id_out_of_range_is_named():
    corpus = Corpus(np.array([0, 9], np.int32), np.array([0, 2]), np.array([0, 1]), Vocab(["a", "b"]))
    with pytest.raises(IndexError, match=r"ids\[1\]: expected an id in \[0, 2\), got 9"):
        Cooccurrences.from_corpus(corpus)


def test_a_full_disk_is_an_os_error_and_leaves_the_old_matrix(long_text, tmp_path):
    target = tmp_path / "x"
    old = Cooccurrences.from_corpus(long_text, target, window=1)
    before = {path.name: path.read_bytes() for path in target.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        for memory in (1 << 26, 60_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
            with pytest.raises(OSError, match="File too large") as caught:
                Cooccurrences.from_corpus(long_text, target, memory=memory, threads=1)
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            assert caught.value.errno == errno.EFBIG
            assert caught.value.filename
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert len(old.columns) == len(Cooccurrences.open(target).columns)


def test_a_missing_folder_for_temporary_files_is_an_os_error(long_text, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        Cooccurrences.from_corpus(long_text, memory=60_000, threads=1, temporary=tmp_path / "nowhere")
    assert caught.value.filename == str(tmp_path / "nowhere")


def test_temporary_files_go_with_the_matrix(long_text, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    matrix = Cooccurrences.from_corpus(long_text, memory=60_000, threads=1)
    assert len(list(tmp_path.iterdir())) == 1
    del matrix
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="window"):
        Cooccurrences.from_corpus(long_text, window=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["row_offsets.npy", "columns.npy", "counts.npy", "cooccurrences.json"])
def test_damage_is_named(long_text, tmp_path, name):
    target = tmp_path / "x"
    Cooccurrences.from_corpus(long_text, target)
    content = (target / name).read_bytes()
    for damaged in (content[:-3], content + b"x" if name.endswith("npy") else b"{}", b"", None):
        if damaged is None:
            (target / name).unlink()
        else:
            (target / name).write_bytes(damaged)
        with pytest.raises(ValueError, match=f"{name}: damaged co-occurrence matrix"):
            Cooccurrences.open(target)
    if name.endswith("npy"):
        (target / name).write_bytes(b"\x93NUMPY\x02" + content[7:])
        with pytest.raises(ValueError, match=f"{name}.*header"):
            Cooccurrences.open(target)


def test_a_description_that_lies_is_refused(long_text, tmp_path):
    target = tmp_path / "x"
    Cooccurrences.from_corpus(long_text, target)
    about = json.loads((target / "cooccurrences.json").read_text())
    for change in ({"words": -1}, {"entries": 1 << 60}, {"symmetric": 1}, {"version": 2}, {"format": "x"}):
        (target / "cooccurrences.json").write_text(json.dumps({**about, **change}))
        with pytest.raises(ValueError, match="damaged co-occurrence matrix"):
            Cooccurrences.open(target)
    with pytest.raises(FileNotFoundError, match="path: expected the folder"):
        Cooccurrences.open(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError, match="path: expected the folder"):
        Cooccurrences.open(target / "counts.npy")


def test_a_counter_that_failed_is_not_used_again(long_text, tmp_path):
    counter = counter_of(long_text, tmp_path, memory=60_000, temporary=tmp_path / "nowhere")
    with pytest.raises(OSError, match="nowhere"):
        while counter.step(1.0) < 1.0:
            pass
    with pytest.raises(RuntimeError, match="has not failed"):
        counter.step(1.0)


def test_ctrl_c_between_two_slices_leaves_nothing(long_text, tmp_path, monkeypatch):
    monkeypatch.setattr("fastnlp.sampling.cooccurrence._SLICE", 0.0)
    seen = []

    def press(done):
        seen.append(done)
        if len(seen) == 3:
            signal.raise_signal(signal.SIGINT)

    for path in (tmp_path / "x", None):
        seen.clear()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        with pytest.raises(KeyboardInterrupt):
            Cooccurrences.from_corpus(long_text, path, memory=60_000, threads=1, progress=press)
        assert len(seen) == 3
        assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_slice_is_short_on_a_long_text(tmp_path):
    """Two slices must not last over 0.2 s; the bound leaves room for a busy machine."""
    ids = np.minimum(np.random.default_rng(0).zipf(1.2, 1 << 24) - 1, 9999).astype(np.int32)
    corpus = corpus_of(ids, [0, len(ids)], 10_000)
    counter = counter_of(corpus, tmp_path, window=20, memory=16_000_000)
    lasted, done = [], 0.0
    while done < 1.0:
        start = time.thread_time()
        done = counter.step(0.1)
        lasted.append(time.thread_time() - start)
    assert len(lasted) > 10
    assert max(lasted) < 0.2
