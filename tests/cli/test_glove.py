import numpy as np
import pytest
from oracles.planted import planted

from fastnlp import Corpus, GloVe, WordVectors
from fastnlp.cli.main import main


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("".join(" ".join(line) + "\n" for line in planted(sentences=200)))
    return path


def test_training_from_the_command_line_is_that_from_python(text, tmp_path):
    out = tmp_path / "out.bin"
    options = (
        "--dim 6 --window 4 --epochs 3 --threads 1 --x-max 20 --alpha 0.5 --combine words --no-symmetric"
    )
    assert main(["train", "glove", str(text), "-o", str(out), "--quiet", *options.split()]) == 0
    model = GloVe(
        dim=6, window=4, epochs=3, threads=1, x_max=20, alpha=0.5, combine="words", symmetric=False
    ).fit(Corpus.from_text(text))
    vectors = WordVectors.load(out)
    assert vectors.index_to_key == model.vectors.index_to_key
    assert np.array_equal(vectors.vectors, model.vectors.vectors)


def test_memory_is_a_number_of_bytes(text, tmp_path, capsys):
    out = tmp_path / "out.vec"
    command = ["train", "glove", str(text), "-o", str(out), "--epochs", "1", "--threads", "1", "--quiet"]
    assert main([*command, "--memory", "2e6", "--temporary", str(tmp_path)]) == 0
    assert len(WordVectors.load(out)) == 48
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.vec", "text.txt"]
    assert main([*command, "--memory", "10"]) == 1
    assert "memory: expected at least" in capsys.readouterr().err
