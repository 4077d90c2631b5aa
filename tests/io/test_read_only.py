"""Every writer in a folder that takes no new files, as a user who is not root."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from fastnlp.io.atomic import atomic_directory, check_place

_SCRIPT = """
    import os, sys
    from pathlib import Path

    import numpy as np

    import fastnlp as fn
    from fastnlp.io.atomic import atomic_directory, atomic_write, check_place
    from fastnlp.io.glove import write_glove_cooccurrences, write_glove_vocab
    from fastnlp.sampling import Cooccurrences

    folder = Path(sys.argv[1])
    text = ["the cat sat on the mat", "the dog sat on the rug"] * 20
    corpus = fn.Corpus.from_text(text, min_count=1)
    vectors = fn.WordVectors(["cat", "dog"], np.eye(2, 4, dtype=np.float32))
    phrases = fn.Phrases(min_count=1).fit(corpus)
    bpe = fn.BPE.train(text, vocab_size=260)
    wordpiece = fn.WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"])
    word2vec = fn.Word2Vec(dim=4, epochs=1, threads=1).fit(corpus)
    fasttext = fn.FastText(dim=4, epochs=1, buckets=50, threads=1).fit(corpus)
    matrix = Cooccurrences.from_corpus(corpus, window=2)


    def never(progress):
        raise AssertionError("trained before the checkpoint was refused")


    files = ["w.vec", "w.bin", "w.vec.gz", "w.npz", "w.safetensors", "w.fnv"]
    writers = {
        **dict.fromkeys(files, vectors.save),
        "glove.txt": lambda path: vectors.save(path, format="glove"),
        "words.bin": lambda path: vectors.save(path, format="fasttext"),
        "subwords.bin": lambda path: fasttext.vectors.save(path, format="fasttext"),
        "fasttext.bin": fasttext.save,
        "word2vec.model": word2vec.save,
        "run": lambda path: word2vec.fit(corpus, checkpoint=path, callbacks=[never]),
        "words.vocab": corpus.vocab.save,
        "corpus": corpus.save,
        "built": lambda path: fn.Corpus.from_text(text, min_count=1, path=path),
        "joined": lambda path: phrases.apply(corpus, path=path),
        "corpus.txt": corpus.save_text,
        "phrases.json": phrases.save,
        "matrix": lambda path: Cooccurrences.from_corpus(corpus, path, window=2),
        "vocab": lambda path: write_glove_vocab(path, ["a"], [1]),
        "records": lambda path: write_glove_cooccurrences(path, matrix.records()),
        "tokenizer.json": bpe.save,
        "gpt2.tiktoken": bpe.save,
        "vocab.txt": wordpiece.save,
        "log.jsonl": fn.RunLog,
        "place": check_place,
    }
    if "usearch" in sys.argv:
        writers["graph"] = fn.ApproximateIndex(vectors, threads=1).save
    folder.chmod(0o555)
    for name, write in writers.items():
        path = os.fspath(folder / name)
        try:
            write(path)
        except PermissionError as error:
            if error.filename != path:
                print(f"{name}: {error}")
        else:
            print(f"{name}: no error")
"""


def plain_user():
    """What stands in front of a command so that it runs without root's right to write anywhere."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write anywhere, and there is no setpriv to give that up")
    command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("root may write anywhere, and may not give that up here")
    return command


def test_a_read_only_folder_is_named_and_stays_as_it_is(tmp_path):
    folder = tmp_path / "read-only"
    folder.mkdir()
    old = {
        name: f"old {name}" for name in ("w.vec", "w.fnv", "tokenizer.json", "words.vocab", "phrases.json")
    }
    for name, content in old.items():
        (folder / name).write_text(content)
    (folder / "corpus").mkdir()
    (folder / "corpus" / "corpus.json").write_text("old")
    try:
        import usearch  # noqa: F401

        more = ["usearch"]
    except ImportError:
        more = []
    done = subprocess.run(
        [*plain_user(), sys.executable, "-c", textwrap.dedent(_SCRIPT), folder, *more],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    folder.chmod(0o755)
    wrong = [line for line in done.stdout.splitlines() if ": " in line]
    assert done.returncode == 0 and not wrong, (wrong, done.stderr)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*old, "corpus"])
    assert all((folder / name).read_text() == content for name, content in old.items())
    assert (folder / "corpus" / "corpus.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["read-only"]


def test_a_place_is_looked_at_before_long_work(tmp_path):
    check_place(tmp_path / "new")
    check_place("/dev/null")
    check_place(tmp_path / "a" / "b" / "new", makes_folders=True)
    with pytest.raises(FileNotFoundError) as raised:
        check_place(tmp_path / "a" / "new")
    assert raised.value.filename == str(tmp_path / "a" / "new")
    (tmp_path / "file").touch()
    check_place(tmp_path / "file")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "file")
    with pytest.raises(FileNotFoundError):
        check_place(tmp_path / "link")
    for makes_folders in (False, True):
        with pytest.raises(NotADirectoryError):
            check_place(tmp_path / "file" / "new", makes_folders=makes_folders)


def test_a_device_may_be_written_to_though_its_folder_may_not(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    check_place("/dev/null")
    with pytest.raises(PermissionError) as raised:
        check_place(tmp_path / "new")
    assert raised.value.filename == str(tmp_path / "new")


def test_a_folder_that_cannot_be_made_is_named_as_the_user_named_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    mkdir = Path.mkdir

    def full(self, *args, **options):
        if ".partial-" in self.name:
            raise OSError(28, "No space left on device", os.fspath(self))
        mkdir(self, *args, **options)

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(OSError, match="No space left on device: 'corpus'"), atomic_directory("corpus"):
        raise AssertionError("entered")
