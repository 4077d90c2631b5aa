import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnlp.io.fasttext import FastTextSettings, is_fasttext, read_fasttext, write_fasttext

SETTINGS = FastTextSettings(dim=3, buckets=50, epochs=7, window=4, min_count=2, negatives=9, subsample=0.25)


def packed(words):
    encoded = [word.encode() for word in words]
    return b"".join(encoded), np.cumsum([0, *map(len, encoded)]).astype(np.int64)


def model(words=("the", "naïve", "</s>"), settings=SETTINGS, seed=0, used=(3, 4, 49)):
    random = np.random.default_rng(seed)
    data, offsets = packed(words)
    counts = random.integers(1, 2**40, len(words))
    word_rows, output = random.normal(size=(2, len(words), settings.dim)).astype(np.float32)
    ngram_rows = random.normal(size=(len(used), settings.dim)).astype(np.float32)
    return settings, data, offsets, counts, word_rows, ngram_rows, np.array(used, np.int32), output


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "m.bin"
    write_fasttext(path, *model())
    return path


def floats(rows):
    return np.ascontiguousarray(rows).view(np.float32)


def test_what_was_written_is_read(file):
    settings, data, offsets, counts, word_rows, ngram_rows, used, output = model()
    found = read_fasttext(file)
    assert is_fasttext(file)
    assert found.settings == settings
    assert (found.words, found.offsets.tolist()) == (data, offsets.tolist())
    assert found.counts.tolist() == counts.tolist()
    assert floats(found.word_rows).tobytes() == word_rows.tobytes()
    assert floats(found.output).tobytes() == output.tobytes()
    ngrams = floats(found.ngram_rows)
    assert ngrams[used].tobytes() == ngram_rows.tobytes()
    assert not np.delete(ngrams, used, 0).any()


def test_the_matrices_are_mapped_and_not_read(file):
    found = read_fasttext(file)
    assert all(isinstance(rows, np.memmap) for rows in (found.word_rows, found.ngram_rows, found.output))
    assert not found.word_rows.flags.writeable


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
        min_size=1,
        max_size=8,
    ),
    st.integers(1, 5),
    st.lists(st.integers(0, 30), unique=True).map(sorted),
    st.sampled_from(["ns", "hs", "softmax"]),
    st.sampled_from(["skipgram", "cbow"]),
)
def test_any_model_survives_the_disk(tmp_path_factory, words, dim, used, loss, architecture):
    path = tmp_path_factory.mktemp("models") / "m.bin"
    settings = FastTextSettings(dim=dim, buckets=31, loss=loss, architecture=architecture)
    parts = model(words, settings, used=used)
    write_fasttext(path, *parts)
    found = read_fasttext(path)
    assert found.settings == settings
    assert found.words == parts[1]
    assert floats(found.ngram_rows)[used].tobytes() == parts[5].tobytes()
    assert floats(found.output).tobytes() == parts[7].tobytes()


def test_rows_of_a_padded_table_are_written_without_the_padding(file, tmp_path):
    settings, data, offsets, counts, word_rows, *rest = model()
    padded = np.full((3, 16), np.nan, np.float32)
    padded[:, :3] = word_rows
    write_fasttext(tmp_path / "p.bin", settings, data, offsets, counts, padded[:, :3], *rest)
    assert (tmp_path / "p.bin").read_bytes() == file.read_bytes()


def test_many_buckets_are_written_block_by_block(tmp_path, monkeypatch):
    monkeypatch.setattr("fastnlp.io.fasttext._BLOCK", 40)
    write_fasttext(tmp_path / "m.bin", *model())
    assert floats(read_fasttext(tmp_path / "m.bin").ngram_rows)[[3, 4, 49]].tobytes() == model()[5].tobytes()


# Places in the header, and behind the words (3 + 6 + 4 bytes and 10 more each) of `model`.
PLACES = dict(
    magic=0, version=4, dim=8, word_ngrams=28, loss=32, kind=36, buckets=40, min_n=44, max_n=48, words=64,
    known=68, labels=72, pruned=84, count=96, type=104, input=135, input_rows=136, input_dim=144,
)  # fmt: skip
SIZE = PLACES["input_dim"] + 8 + 53 * 12 + 17 + 3 * 12


def test_the_places_are_where_the_damage_is_done(file):
    content = file.read_bytes()
    assert len(content) == SIZE
    assert struct.unpack_from("<q", content, PLACES["input_rows"]) == (53,)
    assert struct.unpack_from("<q", content, PLACES["input_dim"]) == (3,)


@pytest.mark.parametrize(
    ("place", "form", "value", "reason"),
    [
        ("magic", "<i", 5, "expected a fastText model, found another magic number"),
        ("version", "<i", 13, "expected version 11 or 12 of fastText's format, got 13"),
        ("dim", "<i", -1, "expected 1 to 65536 dimensions and 0 buckets or more, got -1 and 50"),
        ("dim", "<i", 2**31 - 1, "expected 1 to 65536 dimensions"),
        ("dim", "<i", 4, r"expected 53 x 4 input numbers, got 53 x 3"),
        ("kind", "<i", 3, r"found a supervised model \(a classifier\)"),
        ("kind", "<i", 0, "expected a model from 1 to 2"),
        ("loss", "<i", 4, "a loss from 1 to 3, got 2 and 4"),
        ("buckets", "<i", -5, "0 buckets or more, got 3 and -5"),
        ("buckets", "<i", 2**31 - 1, r"expected 2147483650 x 3 input numbers"),
        ("max_n", "<i", 2**30, "max_n <= 64"),
        ("max_n", "<i", 2, "expected 1 <= min_n <= max_n <= 64"),
        ("min_n", "<i", -7, "min_n"),
        ("words", "<i", 2**31 - 1, "expected only words, at least 1, got 3 and 0 labels of 2147483647"),
        ("words", "<2i", (2**31 - 1, 2**31 - 1), r"byte 92: 2147483647 words do not fit in the \d+ bytes"),
        ("words", "<2i", (0, 0), "expected only words, at least 1, got 0"),
        ("words", "<2i", (-3, -3), "at least 1, got -3"),
        ("labels", "<i", 1, "1 labels of 3"),
        ("pruned", "<q", 0, "found a pruned one of a quantised model"),
        ("count", "<q", -1, "byte 96: expected the count and the kind of word 0, got -1 and 0"),
        ("type", "<b", 1, "found 1 labels of a supervised model"),
        ("type", "<b", 2, r"byte 96: expected the count and the kind of word 0, got \d+ and 2"),
        ("input", "<b", 1, r"byte 135: expected plain numbers, found a quantised input matrix \(\.ftz\)"),
        ("input_rows", "<q", 2**62, "byte 136: expected 53 x 3 input numbers, got 4611686018427387904 x 3"),
        ("input_dim", "<q", -3, "got 53 x -3"),
    ],
)
def test_damage_is_refused_with_its_place(file, place, form, value, reason):
    content = bytearray(file.read_bytes())
    struct.pack_into(form, content, PLACES[place], *(value if isinstance(value, tuple) else (value,)))
    file.write_bytes(content)
    with pytest.raises(ValueError, match=rf"m\.bin: .*{reason}"):
        read_fasttext(file)


def test_a_file_cut_anywhere_is_refused(file):
    content = file.read_bytes()
    for size in range(len(content)):
        file.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"m\.bin: "):
            read_fasttext(file)


def test_bytes_after_the_end_are_refused(file):
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="expected the end of the file, found 1 bytes more"):
        read_fasttext(file)


def test_a_compressed_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="unpack it first"):
        read_fasttext(tmp_path / "m.bin.gz")


@pytest.mark.parametrize(
    ("part", "value", "reason"),
    [
        (1, b"a\0b", r"offsets\[-1\]"),
        (3, np.array([1, 2]), "word_rows: expected float32"),
        (4, np.zeros((3, 3)), r"word_rows: expected float32 \(3, 3\), got float64"),
        (5, np.zeros((2, 3), np.float32), "ngram_rows: expected float32"),
        (6, np.array([3, 3, 49], np.int32), r"ngram_buckets: expected rising numbers in \[0, 50\)"),
        (6, np.array([-1, 3, 49], np.int32), "ngram_buckets"),
        (6, np.array([1, 3, 50], np.int32), "ngram_buckets"),
        (7, np.zeros((3, 4), np.float32), "output: expected float32"),
    ],
)
def test_parts_that_do_not_fit_are_not_written(tmp_path, part, value, reason):
    parts = [*model()]
    parts[part] = value
    with pytest.raises(ValueError, match=reason):
        write_fasttext(tmp_path / "m.bin", *parts)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("word", ["", "a\0"])
def test_words_that_the_format_cannot_hold_are_refused(tmp_path, word):
    with pytest.raises(ValueError, match=r"words\[1\]: expected a word without NUL bytes"):
        write_fasttext(tmp_path / "m.bin", *model(["x", word, "y"]))
