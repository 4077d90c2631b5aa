import inspect

import pytest

import fastnlp as fn
from fastnlp.cli.main import main
from fastnlp.cli.train import _FASTTEXT

TEXT = "the cat walks on the mat\nthe dog walked on the rug\n" * 200
FLAGS = ["--dim", "8", "--epochs", "2", "--threads", "1", "--buckets", "1000", "--quiet"]
MODEL = {"dim": 8, "epochs": 2, "threads": 1, "buckets": 1000}


@pytest.fixture
def text(tmp_path):
    file = tmp_path / "text.txt"
    file.write_text(TEXT)
    return str(file)


@pytest.fixture
def model(text, tmp_path):
    out = tmp_path / "m.bin"
    assert main(["train", "fasttext", text, "-o", str(out), *FLAGS]) == 0
    return out


def test_what_is_written_is_what_python_trains(text, model):
    expected = fn.FastText(**MODEL).fit(fn.Corpus.from_text(text)).vectors
    ours = fn.WordVectors.load(model)
    assert isinstance(ours, fn.SubwordVectors)
    assert ours.vectors.tobytes() == expected.vectors.tobytes()
    assert ours["walking"].tobytes() == expected["walking"].tobytes()


@pytest.mark.parametrize("name", ["m.vec", "m.vec.gz", "m.txt"])
def test_other_names_get_the_vectors_alone(text, tmp_path, model, name):
    assert main(["train", "fasttext", text, "-o", str(tmp_path / name), *FLAGS]) == 0
    vectors = fn.WordVectors.load(tmp_path / name)
    assert not isinstance(vectors, fn.SubwordVectors)
    assert vectors.vectors.tobytes() == fn.WordVectors.load(model).vectors.tobytes()


def test_binary_vectors_can_be_had_by_their_format(text, tmp_path):
    out = tmp_path / "m.bin"
    assert main(["train", "fasttext", text, "-o", str(out), "--format", "word2vec-binary", *FLAGS]) == 0
    assert not isinstance(fn.WordVectors.load(out), fn.SubwordVectors)


def test_nearest_and_analogy_answer_for_unseen_words(model, capsys):
    assert main(["nearest", str(model), "walking", "--topn", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["analogy", str(model), "walks", "walking", "cats", "--topn", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert main(["nearest", str(model), "walking", "", "--topn", "2"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and "'' is not among the 8 words" in captured.err


def test_a_model_is_evaluated(model, tmp_path, capsys):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("cat\tdog\t9\nwalks\twalked\t8\nmat\tthe\t1\n")
    assert main(["eval", str(model), "--pairs", str(pairs)]) == 0
    assert capsys.readouterr().out.split()[-2:] == ["3", "0"]  # pairs, of them with unknown words


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["-o", "m.vec", "--format", "fasttext"], "--output: expected a name in .bin for fastText's format"),
        (["-o", "m.bin", "--composition", "sum"], "--composition: expected mean"),
        (["-o", "m.bin", "--min-n", "7"], "max_n: expected a whole number from min_n (7) to 64, got 6"),
        (["-o", "m.pkl"], "--output: expected a name in .vec, .txt or .bin"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_training(
    text, tmp_path, monkeypatch, capsys, flags, message
):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "fasttext", text, *flags]) == 1
    assert message in capsys.readouterr().err


def test_the_defaults_that_help_states_are_those_of_python():
    stated = {name: text.rsplit("(", 1)[1].rstrip(")") for name, _, text in _FASTTEXT}
    model = inspect.signature(fn.FastText).parameters
    special = {None: ("one per CPU", "lr / 10000", "the fastest on the device")}
    for name, text in stated.items():
        assert text in special.get(model[name].default, (str(model[name].default),)), name
    assert {*stated, "shrink_windows", "deterministic", "loss"} == set(model), (
        "every setting of the model is a flag"
    )
