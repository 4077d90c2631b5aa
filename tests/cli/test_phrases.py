import gzip
import subprocess
import sys

import pytest

import fastnlp as fn
from fastnlp.cli.main import main
from fastnlp.text import ENGLISH_CONNECTOR_WORDS

TEXT = (
    "in new york the new york times wrote\n\nnew york times of the bank of america\nbank of america\n" * 3
    + "a york b bank\nthe times of times c new d america e f g h i j\n" * 2
)
FLAGS = ["--min-count", "2", "--threshold", "1.5", "--quiet"]


@pytest.fixture
def text(tmp_path):
    file = tmp_path / "text.txt"
    file.write_text(TEXT)
    return str(file)


def expected(corpus=None, **options):
    phrases = fn.Phrases(min_count=2, threshold=1.5, **options)
    corpus = corpus or fn.Corpus.from_text(TEXT.splitlines(), min_count=1)
    return phrases.fit(corpus).apply(corpus)


def words(corpus):
    return [corpus.vocab.decode(corpus.sentence(i)) for i in range(corpus.n_sentences)]


def test_text_comes_out_as_python_joins_it(text, tmp_path, capsys):
    out = tmp_path / "out.txt"
    assert main(["phrases", text, "-o", str(out), *FLAGS]) == 0
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
    again = fn.Corpus.from_text(out, min_count=1)
    assert words(again) == words(expected())
    assert again.n_documents == fn.Corpus.from_text(text, min_count=1).n_documents
    assert out.read_text().startswith("in_new york the new_york times_wrote\n\nnew_york times_of")


def test_every_way_in_and_out_gives_the_same(text, tmp_path, capsysbinary):
    plain, packed, folder = (str(tmp_path / name) for name in ("a.txt", "b.txt.gz", "c.corpus"))
    assert main(["phrases", text, "-o", plain, *FLAGS]) == 0
    assert main(["phrases", text, "-o", packed, *FLAGS]) == 0
    assert main(["phrases", text, "-o", folder, "--to", "corpus", "--keep", "1", *FLAGS]) == 0
    assert main(["phrases", text, "-o", "-", *FLAGS]) == 0
    written = (tmp_path / "a.txt").read_bytes()
    assert gzip.decompress((tmp_path / "b.txt.gz").read_bytes()) == written
    assert capsysbinary.readouterr().out == written
    program = "import sys; from fastnlp.cli.main import main; sys.exit(main())"
    piped = subprocess.run(
        [sys.executable, "-c", program, "phrases", "-", "-o", "-", *FLAGS],
        input=TEXT.encode(),
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    assert piped.endswith(written)  # an editable build may report in front that it is up to date
    assert words(fn.Corpus.open(folder)) == words(fn.Corpus.from_text(plain, min_count=1))


def test_a_corpus_gives_a_corpus_or_text(text, tmp_path):
    corpus = fn.Corpus.from_text(text, min_count=3, path=tmp_path / "in.corpus")
    source = str(tmp_path / "in.corpus")
    assert main(["phrases", source, "-o", str(tmp_path / "out.corpus"), *FLAGS]) == 0
    assert main(["phrases", source, "-o", str(tmp_path / "out.txt"), "--to", "text", *FLAGS]) == 0
    ours = fn.Corpus.open(tmp_path / "out.corpus")
    assert ours.vocab.min_count == 3 and ours.vocab.counts.min() >= 3
    joined = expected(corpus)
    assert words(fn.Corpus.from_text(tmp_path / "out.txt", min_count=1)) == words(joined)


def test_settings_reach_the_phrases_and_saved_ones_join_again(text, tmp_path, capsys):
    file, out, again = (str(tmp_path / name) for name in ("phrases", "out.txt", "again.txt"))
    settings = ["--scoring", "gensim", "--min-count", "2", "--threshold", "1.5,0.5", "--passes", "2"]
    settings += ["--connector-words", "english", "--delimiter", "+", "--memory", "64", "--threads", "1"]
    assert main(["phrases", text, "-o", out, *settings, "--save-phrases", file]) == 0
    report = capsys.readouterr().err
    phrases = fn.Phrases.load(file)
    assert f"pass 2: {len(phrases.found[1])} phrases: " in report and "words became" in report
    assert phrases.scoring == "gensim" and phrases.thresholds == (1.5, 0.5) and phrases.passes == 2
    assert set(phrases.connector_words) == ENGLISH_CONNECTOR_WORDS and phrases.min_count == 2
    assert "bank+of+america" in phrases.scores
    assert main(["phrases", text, "-o", again, "--phrases", file, "--quiet"]) == 0
    assert (tmp_path / "again.txt").read_bytes() == (tmp_path / "out.txt").read_bytes()
    assert main(["phrases", text, "-o", again, "--connector-words", "of,by", "--save-phrases", file]) == 0
    assert fn.Phrases.load(file).connector_words == ("by", "of")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--threshold", "0"], "threshold: expected a number above 0, got 0.0"),
        (["--threshold", "1,2"], "threshold: expected one number, or one for each of 1 passes, got 2"),
        (["--memory", "1"], "memory: expected a whole number >= 16777216"),
        (["--keep", "2"], "--keep: expected --to corpus"),
        (["--save-phrases", "missing/x"], "--save-phrases: expected a folder that can be written to"),
        (["--phrases", "x", "--min-count", "2"], "--min-count: expected no --phrases, got both"),
        (["--phrases", "missing"], "missing: No such file"),
        (["missing.txt"], "missing.txt: No such file"),
    ],
)
def test_bad_settings_are_one_line(text, tmp_path, capsys, more, message):
    command = ["phrases", text, "-o", str(tmp_path / "out.txt"), "--quiet"]
    command[2:2] = more if not more[0].startswith("--") else []
    command += more if more[0].startswith("--") else []
    assert main(command) == 1
    captured = capsys.readouterr().err
    assert captured.startswith("fastnlp: error: ") and captured.count("\n") == 1
    assert message in captured
    assert not (tmp_path / "out.txt").exists()


def test_outputs_that_cannot_be_written_are_refused_before_the_work(text, tmp_path, capsys):
    folder = tmp_path / "corpus"
    fn.Corpus.from_text(text, min_count=1, path=folder)
    for command, message in (
        (
            [text, "-o", str(tmp_path / "no" / "out.txt")],
            "--output: expected a folder that can be written to",
        ),
        ([text, "-o", str(folder)], f"--output: expected a file, got the folder {folder}"),
        ([str(folder), text, "-o", "x"], "INPUT: expected text files or one corpus folder"),
        ([str(folder), "-o", "x", "--lowercase"], "--lowercase: expected a text"),
        ([str(folder), "-o", "x", "--errors", "replace"], "--errors: expected a text"),
    ):
        assert main(["phrases", *command]) == 1
        assert message in capsys.readouterr().err


@pytest.mark.parametrize("threshold", ["x", "1,", ""])
def test_a_threshold_that_is_no_number_is_a_wrong_command_line(text, threshold, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["phrases", text, "-o", "x", "--threshold", threshold])
    assert "expected a number, or several and commas" in capsys.readouterr().err
