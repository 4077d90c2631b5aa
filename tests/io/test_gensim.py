import io
import pickle
import pickletools
from pathlib import Path

import numpy as np
import pytest

from fastnlp import KeyedVectors
from fastnlp.io.gensim import is_gensim, read_gensim


class Call:
    """A pickle of it calls a function when it is loaded."""

    def __init__(self, function, *arguments):
        self.made = function, arguments

    def __reduce__(self):
        return self.made


@pytest.fixture
def saved(tmp_path):
    gensim = pytest.importorskip("gensim.models")
    vectors = gensim.KeyedVectors(4)
    vectors.add_vectors(["a", "b", "naïve"], np.arange(12, dtype=np.float32).reshape(3, 4))
    vectors.set_vecattr("b", "count", 7)
    vectors.set_vecattr("naïve", "tag", "noun")
    return tmp_path / "saved.kv", vectors


@pytest.mark.interop
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_gensim_saves_is_read(saved, protocol):
    path, theirs = saved
    theirs.save(str(path), pickle_protocol=protocol)
    assert is_gensim(path)
    ours = KeyedVectors.load(path)
    assert ours.index_to_key == theirs.index_to_key and (ours.vectors == theirs.vectors).all()
    assert [ours.get_vecattr(word, "count") for word in ours.index_to_key] == [0, 7, 0]
    assert ours.get_vecattr("naïve", "tag") == "noun"


@pytest.mark.interop
def test_large_arrays_lie_beside_and_can_be_mapped(saved):
    path, theirs = saved
    theirs.save(str(path), sep_limit=1)
    assert path.with_name("saved.kv.vectors.npy").exists()
    ours = KeyedVectors.load(path, mmap="r")
    assert isinstance(ours.vectors, np.memmap) and (ours.vectors == theirs.vectors).all()
    assert ours.most_similar("a", topn=1) == [
        (w, pytest.approx(s)) for w, s in theirs.most_similar("a", topn=1)
    ]
    ours["a"] = [1, 2, 3, 4]  # copied first: the file stays
    assert (KeyedVectors.load(path)["a"] == theirs["a"]).all()
    path.with_name("saved.kv.vectors.npy").unlink()
    with pytest.raises(FileNotFoundError):
        KeyedVectors.load(path)


@pytest.mark.interop
def test_the_vectors_of_a_saved_model_are_read(tmp_path):
    gensim = pytest.importorskip("gensim.models")
    model = gensim.Word2Vec([["a", "b", "c"]] * 9, vector_size=8, min_count=1, workers=1, seed=1)
    for name, options in (("whole.model", {}), ("apart.model", {"sep_limit": 1})):
        model.save(str(tmp_path / name), **options)
        ours = KeyedVectors.load(tmp_path / name)
        assert ours.index_to_key == model.wv.index_to_key and (ours.vectors == model.wv.vectors).all()
        assert ours.get_vecattr("a", "count") == 9


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (exec, ("import pathlib; pathlib.Path('called').touch()",)),
        (Path.touch, (Path("called"),)),
        (np.load, ("called",)),
        (getattr, (Path, "touch")),
        (io.open, ("called", "w")),
    ],
)
@pytest.mark.parametrize("protocol", [2, 5])
def test_nothing_in_a_file_is_called(tmp_path, monkeypatch, function, arguments, protocol):
    monkeypatch.chdir(tmp_path)
    Path("bad.kv").write_bytes(pickle.dumps(Call(function, *arguments), protocol))
    with pytest.raises(ValueError, match=r"bad\.kv: expected word vectors saved by gensim, found it names "):
        read_gensim("bad.kv")
    assert not Path("called").exists()


@pytest.mark.parametrize(
    "value", [{"a": 1}, [1, 2], None, "text", {"vectors": np.ones((2, 2)), "index_to_key": ["a", "b"]}]
)
def test_other_pickles_are_refused(tmp_path, value):
    path = tmp_path / "other.kv"
    path.write_bytes(pickle.dumps(value))
    with pytest.raises(ValueError, match="expected word vectors saved by gensim, found"):
        read_gensim(path)


@pytest.mark.interop
def test_damaged_files_are_refused_or_read_but_never_crash(saved):
    path, theirs = saved
    theirs.save(str(path))
    whole = path.read_bytes()
    for length in range(2, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"saved\.kv: expected word vectors saved by gensim"):
            read_gensim(path)
    generator = np.random.default_rng(1)
    for place, byte in zip(
        generator.integers(2, len(whole), 300), generator.integers(0, 256, 300), strict=True
    ):
        path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
        try:
            found = read_gensim(path)
        except (ValueError, FileNotFoundError):
            continue
        assert len(found.words) == len(found.vectors)


def test_a_promise_of_many_numbers_allocates_nothing(tmp_path):
    path = tmp_path / "bomb.kv"
    # A pickle that announces 2^40 bytes and ends.
    path.write_bytes(
        b"\x80\x04" + pickletools.code2op["\x8e"].code.encode("latin-1") + (1 << 40).to_bytes(8, "little")
    )
    with pytest.raises(ValueError, match="expected word vectors saved by gensim"):
        read_gensim(path)
