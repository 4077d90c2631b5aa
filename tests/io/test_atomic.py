import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from fastnlp.io import atomic
from fastnlp.io.atomic import atomic_directory, atomic_write


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_an_error_leaves_the_old_file_and_no_trace(tmp_path):
    target = tmp_path / "model.bin"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError), atomic_write(target) as file:
        file.write(b"half")
        raise RuntimeError
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["model.bin"]


def test_a_dead_process_is_swept_up(tmp_path):
    orphan = tmp_path / ".model.bin.partial-999999999-abcd"
    orphan.write_bytes(b"orphan")
    with atomic_write(tmp_path / "model.bin") as file:
        file.write(b"new")
    assert names(tmp_path) == ["model.bin"]


def test_a_folder_is_replaced_whole(tmp_path):
    target = tmp_path / "corpus"
    for content in ("one", "two"):
        with atomic_directory(target) as folder:
            (folder / content).write_text(content)
    assert names(target) == ["two"]
    with pytest.raises(RuntimeError), atomic_directory(target) as folder:
        (folder / "three").write_text("three")
        raise RuntimeError
    assert names(target) == ["two"]
    assert names(tmp_path) == ["corpus"]


def test_a_file_in_the_way_of_a_folder_is_refused(tmp_path):
    (tmp_path / "corpus").write_text("file")
    with pytest.raises(NotADirectoryError, match="expected a folder"), atomic_directory(tmp_path / "corpus"):
        pass


@pytest.mark.parametrize("exchanges", [True, False])
def test_the_old_folder_survives_where_the_new_one_cannot_take_its_place(tmp_path, monkeypatch, exchanges):
    target = tmp_path / "corpus"
    with atomic_directory(target) as folder:
        (folder / "old").touch()
    if exchanges:
        monkeypatch.setattr(atomic, "_exchange", lambda one, other: (_ for _ in ()).throw(OSError("disk")))
    else:
        monkeypatch.setattr(atomic, "_exchange", lambda one, other: False)
        replace = Path.replace

        def fails_for_the_new(self, to):
            if ".partial-" in self.name:
                raise OSError("disk")
            return replace(self, to)

        monkeypatch.setattr(Path, "replace", fails_for_the_new)
    with pytest.raises(OSError, match="disk"), atomic_directory(target) as folder:
        (folder / "new").touch()
    assert [file.name for file in target.iterdir()] == ["old"]
    assert [file.name for file in tmp_path.iterdir()] == ["corpus"]


def test_a_folder_is_replaced_where_the_system_cannot_exchange(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "_exchange", lambda one, other: False)
    for name in ("old", "new"):
        with atomic_directory(tmp_path / "corpus") as folder:
            (folder / name).touch()
    assert [file.name for file in (tmp_path / "corpus").iterdir()] == ["new"]
    assert [file.name for file in tmp_path.iterdir()] == ["corpus"]


def test_a_process_killed_at_any_moment_leaves_a_whole_folder(tmp_path):
    """Whatever the moment, the folder is there and holds both of its files, from one and the same save."""
    script = """
        import sys
        from fastnlp.io.atomic import atomic_directory
        for turn in range(10**9):
            with atomic_directory(sys.argv[1]) as folder:
                for name in ("a", "b"):
                    (folder / name).write_text(str(turn))
            if turn == 3:
                print("ready", flush=True)
    """
    for pause in (0.0, 0.003, 0.007, 0.012, 0.02, 0.03):
        command = [sys.executable, "-c", textwrap.dedent(script), tmp_path / "corpus"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert any(line.strip() == "ready" for line in child.stdout)
            time.sleep(pause)
            child.kill()
        assert len({(tmp_path / "corpus" / name).read_text() for name in ("a", "b")}) == 1


def test_what_is_no_file_is_named_as_the_user_named_it(tmp_path):
    with pytest.raises(IsADirectoryError, match=f"got the folder {tmp_path}$"), atomic_write(tmp_path):
        pass
    missing = tmp_path / "missing" / "a.bin"
    with pytest.raises(FileNotFoundError) as raised, atomic_write(missing):
        pass
    assert raised.value.filename == str(missing)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_named_by_what_was_to_be_written(tmp_path):
    with (
        pytest.raises(OSError, match="No space left on device: '/dev/full'"),
        atomic_write("/dev/full") as file,
    ):
        file.write(b"more than a buffer holds" * 10_000)
    for target, writing in ((tmp_path / "a.bin", atomic_write), (tmp_path / "corpus", atomic_directory)):
        with pytest.raises(OSError, match=f"No space left on device: '{target}'"), writing(target):  # noqa: SIM117
            with Path("/dev/full").open("wb", buffering=0) as full:
                full.write(b"a")
    with pytest.raises(FileNotFoundError) as raised, atomic_write(tmp_path / "b.bin"):
        (tmp_path / "nowhere").read_bytes()
    assert raised.value.filename == str(tmp_path / "nowhere")
    assert names(tmp_path) == []


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE)
    with atomic_write(pipe) as file:
        file.write(b"through")
    assert reader.communicate(timeout=10)[0] == b"through"
    assert pipe.is_fifo()


def test_a_folder_of_something_else_is_not_replaced(tmp_path):
    (tmp_path / "letter").write_text("dear")
    with pytest.raises(FileExistsError, match="which holds something else"):  # noqa: SIM117
        with atomic_directory(tmp_path, mark="corpus.json"):
            raise AssertionError("entered")
    assert names(tmp_path) == ["letter"]
    for content in ("one", "two"):
        with atomic_directory(tmp_path / "corpus", mark="corpus.json") as folder:
            (folder / "corpus.json").write_text(content)
    assert (tmp_path / "corpus" / "corpus.json").read_text() == "two"


def test_a_name_may_look_like_a_pattern(tmp_path):
    (tmp_path / ".a**[b].partial-999999999-abcd").touch()
    with atomic_write(tmp_path / "a**[b]") as file:
        file.write(b"new")
    assert names(tmp_path) == ["a**[b]"]


@pytest.mark.parametrize("save", [atomic_write, atomic_directory])
def test_a_link_to_itself_is_an_error_of_the_system(save, tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OSError, match="Too many levels of symbolic links"), save(tmp_path / "loop"):
        pass
