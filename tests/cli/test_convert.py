import numpy as np
import pytest

from fastnlp import WordVectors
from fastnlp.cli.main import main

WORDS = ["the", "The", "cat", "dog"]
TABLE = np.random.default_rng(1).standard_normal((4, 6)).astype(np.float32)
NAMES = ["a.vec", "a.txt.gz", "a.bin", "a.npz", "a.safetensors", "a.fnv"]


@pytest.mark.parametrize("source", NAMES)
@pytest.mark.parametrize("target", NAMES)
def test_every_format_becomes_every_other(tmp_path, source, target, capsys):
    given, wanted = tmp_path / source, tmp_path / f"out-{target}"
    WordVectors(WORDS, TABLE).save(given)
    assert main(["convert", str(given), str(wanted)]) == 0
    again = WordVectors.load(wanted)
    assert list(again.index_to_key) == WORDS and (again.vectors == TABLE).all()
    assert "4 words, 6 dimensions" in capsys.readouterr().err


def test_a_file_may_be_converted_onto_itself(tmp_path):
    path = tmp_path / "a.fnv"
    WordVectors(WORDS, TABLE).save(path)
    assert main(["convert", str(path), str(path), "--dtype", "float16"]) == 0
    assert (WordVectors.load(path).vectors == TABLE.astype(np.float16)).all()


def test_options_are_those_of_load(tmp_path):
    source, target = tmp_path / "a.vec", tmp_path / "a.fnv"
    WordVectors(WORDS, TABLE).save(source)
    options = ["--lowercase", "--limit", "3", "--dtype", "int8"]
    assert main(["convert", str(source), str(target), *options]) == 0
    again = WordVectors.load(target)
    assert again.index_to_key == ["the", "cat"]
    np.testing.assert_allclose(again.vectors, TABLE[[0, 2]], atol=0.02)
    glove = tmp_path / "glove"
    assert main(["convert", str(target), str(glove), "--to", "glove"]) == 0
    assert glove.read_text().startswith("the ")
    source.write_bytes(b"a\xff 1\nb 2\nb 3\n")
    lenient = ["--duplicates", "first", "--unicode-errors", "replace", "--format", "glove"]
    assert main(["convert", str(source), str(target), *lenient]) == 0
    assert WordVectors.load(target).index_to_key == ["a\ufffd", "b"]


def test_a_model_of_fasttext_stays_one(tmp_path, capsys):
    alone, model, copy = (tmp_path / name for name in ("a.vec", "m.bin", "copy.bin"))
    WordVectors(WORDS, TABLE).save(alone)
    assert main(["convert", str(alone), str(model), "--to", "fasttext"]) == 0
    assert main(["convert", str(model), str(copy)]) == 0
    assert capsys.readouterr().err.count(", fasttext, ") == 2
    assert copy.read_bytes() == model.read_bytes()
    assert main(["convert", str(model), str(copy), "--to", "word2vec-binary"]) == 0
    assert copy.read_bytes().startswith(b"4 6\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["a.vec", "b.what"], "b.what: the name does not say the format; give --to"),
        (["a.vec", "b.vec", "--dtype", "int8"], "--dtype: expected float32 for word2vec-text, got int8"),
        (["nowhere.vec", "b.vec"], "nowhere.vec: No such file or directory"),
        (["damaged.vec", "b.vec"], "damaged.vec: line 2: expected a word and 2 numbers, got 'x' as number 1"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(tmp_path, monkeypatch, capsys, arguments, reason):
    monkeypatch.chdir(tmp_path)
    WordVectors(WORDS, TABLE).save("a.vec")
    (tmp_path / "damaged.vec").write_text("1 2\na x 2\n")
    assert main(["convert", *arguments]) == 1
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "b.vec").exists()
