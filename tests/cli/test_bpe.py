"""`fastnlp bpe`: train, encode, decode, info."""

import io
import json
import subprocess
import sys

import pytest

from fastnlp import BPE, Corpus
from fastnlp.cli.main import main

TEXT = "the lazy dog\n\nand the quick fox é\n" * 20


@pytest.fixture
def trained(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    output = tmp_path / "tokenizer.json"
    arguments = ["bpe", "train", str(tmp_path / "text.txt"), "-o", str(output), "--vocab-size", "270"]
    assert main([*arguments, "--special", "<|end|>", "--quiet"]) == 0
    return output


def test_training_says_what_it_wrote(trained, tmp_path, capsys):
    assert main(["bpe", "train", str(tmp_path / "text.txt"), "-o", str(trained), "--vocab-size", "260"]) == 0
    assert "260 tokens, 4 merges" in capsys.readouterr().err


def test_text_becomes_ids_and_text_again(trained, tmp_path):
    ids, again = tmp_path / "ids", tmp_path / "again.txt"
    assert main(["bpe", "encode", str(trained), str(tmp_path / "text.txt"), "-o", str(ids)]) == 0
    bpe = BPE.load(trained)
    first = ids.read_text().split("\n")[0]
    assert first == " ".join(map(str, bpe.encode("the lazy dog").tolist()))
    assert main(["bpe", "decode", str(trained), str(ids), "-o", str(again)]) == 0
    assert again.read_text(encoding="utf-8") == TEXT


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"no end",
        b"the fox\n\nno end",
        b"a\r\nb c\r\n\r\n",
        b"caf\xe9 \xff\xfe\n\0\x1f\x85",
        b"<|end|>\n",
    ],
)
def test_every_file_comes_back_byte_for_byte(trained, tmp_path, content):
    text, ids, again = (tmp_path / name for name in ("any.txt", "any.ids", "again.txt"))
    text.write_bytes(content)
    options = ["--special", "text", "--errors", "keep"]
    assert main(["bpe", "encode", str(trained), str(text), "-o", str(ids), *options]) == 0
    assert ids.read_bytes().count(b"\n") == content.count(b"\n")
    assert main(["bpe", "decode", str(trained), str(ids), "-o", str(again)]) == 0
    assert again.read_bytes() == content


def test_files_are_lines_one_after_the_other(trained, tmp_path, capsys):
    (tmp_path / "open").write_bytes(b"a")
    (tmp_path / "ended").write_bytes(b"b\n")
    names = [str(tmp_path / name) for name in ("open", "ended", "open")]
    assert main(["bpe", "encode", str(trained), *names, "--to", "tokens"]) == 0
    assert capsys.readouterr().out == "a\nb\na"


def test_any_bytes_are_learned_from_if_asked_to(tmp_path, capsys):
    (tmp_path / "latin").write_bytes(b"caf\xe9 caf\xe9\n")
    arguments = [
        "bpe",
        "train",
        str(tmp_path / "latin"),
        "-o",
        str(tmp_path / "t.json"),
        "--vocab-size",
        "258",
    ]
    assert main(arguments) == 1
    assert (
        "byte 3: expected UTF-8, got what is no character in it; pass --errors keep"
        in capsys.readouterr().err
    )
    assert main([*arguments, "--errors", "keep"]) == 0
    assert main([*arguments, "--errors", "keep", "--kind", "char"]) == 1
    assert "errors: expected 'strict' with kind='char'" in capsys.readouterr().err


def test_tokens_go_to_the_standard_output(trained, capsysbinary, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("the é<|end|>\n".encode())))
    assert main(["bpe", "encode", str(trained), "-", "--to", "tokens", "--special", "allow"]) == 0
    assert capsysbinary.readouterr().out.decode().split()[-3:] == ["Ġ", "Ã©", "<|end|>"]


@pytest.mark.parametrize("what", ["ids", "tokens"])
def test_a_reader_that_leaves_ends_it_without_a_traceback(trained, tmp_path, what):
    many = tmp_path / "many.txt"
    many.write_text(TEXT * 2_000, encoding="utf-8")  # far more than a pipe holds
    program = "import sys; from fastnlp.cli.main import main; sys.exit(main())"
    arguments = ["bpe", "encode", str(trained), str(many), "--to", what]
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        line = run.stdout.readline()
        run.stdout.close()
        messages = run.stderr.read()
    assert line and run.returncode == 1
    assert "Traceback" not in messages and "BrokenPipe" not in messages


def test_a_corpus_is_a_folder(trained, tmp_path):
    folder = tmp_path / "corpus"
    arguments = ["bpe", "encode", str(trained), str(tmp_path / "text.txt"), "--to", "corpus"]
    assert main([*arguments, "-o", str(folder)]) == 0
    assert Corpus.open(folder).n_sentences == 40
    assert main(arguments) == 1


def test_special_tokens_are_put_around_lines(trained, tmp_path, capsys):
    content = json.loads(trained.read_text())
    side = ["<|end|>", 0]
    content["post_processor"] = {"type": "BertProcessing", "cls": side, "sep": side}
    (tmp_path / "around.json").write_text(json.dumps(content))
    (tmp_path / "two.txt").write_text("a\nb\n")
    arguments = [
        "bpe",
        "encode",
        str(tmp_path / "around.json"),
        str(tmp_path / "two.txt"),
        "--add-special-tokens",
    ]
    assert main([*arguments, "--to", "tokens"]) == 0
    assert capsys.readouterr().out == "<|end|> a <|end|>\n<|end|> b <|end|>\n"
    assert main([*arguments, "--to", "corpus", "-o", str(tmp_path / "corpus")]) == 1
    assert "--add-special-tokens: expected none for a corpus" in capsys.readouterr().err


def test_info_shows_what_is_in_a_file(trained, capsys):
    assert main(["bpe", "info", str(trained)]) == 0
    shown = capsys.readouterr().out
    assert "tokens          270" in shown and "<|end|> = 0" in shown and "gpt2" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["encode", "{json}", "{text}", "{special}"],
            "special, line 2: text: expected no special token, got '<|end|>' at byte 4; --special allow",
        ),
        (
            ["encode", "{json}", "{latin}"],
            "latin, line 2: expected UTF-8, got b'\\xe9' at byte 3; --errors keep",
        ),
        (
            ["encode", "{json}", "{text}", "--errors", "keep", "--to", "corpus", "-o", "x"],
            "--errors: expected 'strict' for a corpus",
        ),
        (["decode", "{json}", "{text}"], "line 1: expected ids, got 'the lazy dog'"),
        (["decode", "{json}", "{bad}"], "line 1: ids[1]: expected"),
        (["info", "{text}"], "no known format"),
        (["train", "{text}", "-o", "x.bin"], "OUT: expected a name"),
        (["train", "{text}", "-o", "{json}", "--vocab-size", "5"], "vocab_size: expected at least 256"),
    ],
)
def test_errors_are_one_line(trained, tmp_path, capsys, arguments, message):
    (tmp_path / "special").write_text("the lazy dog\nend <|end|>\n")
    (tmp_path / "bad").write_text("5 99999\n")
    (tmp_path / "latin").write_bytes(b"the\ncaf\xe9\n")
    names = {name: str(tmp_path / name) for name in ("special", "bad", "latin")}
    names |= {"json": str(trained), "text": str(tmp_path / "text.txt")}
    assert main(["bpe", *(argument.format(**names) for argument in arguments)]) == 1
    error = capsys.readouterr().err.strip()
    assert message in error.split("\n")[-1]


@pytest.mark.parametrize("missing", ["missing.txt", ""])
def test_a_missing_file_is_no_text(trained, tmp_path, monkeypatch, capsys, missing):
    monkeypatch.chdir(tmp_path)
    for arguments in (
        ["train", missing, "-o", "new.json", "--quiet"],
        ["encode", str(trained), missing, "-o", "new.ids"],
        ["encode", str(trained), missing, "-o", "new.corpus", "--to", "corpus"],
        ["decode", str(trained), missing, "-o", "new.txt"],
    ):
        assert main(["bpe", *arguments]) == 1
        assert capsys.readouterr().err == (
            f"fastnlp: error: INPUT: expected a file, but {missing!r} does not exist\n"
        )
    assert not list(tmp_path.glob("new*"))


def test_an_id_beyond_64_bits_has_its_line(trained, tmp_path, capsys):
    (tmp_path / "ids").write_text("65\n99999999999999999999999\n")
    assert main(["bpe", "decode", str(trained), str(tmp_path / "ids")]) == 1
    assert "ids, line 2: ids[0]: expected an id of the vocabulary, got 99999" in capsys.readouterr().err
