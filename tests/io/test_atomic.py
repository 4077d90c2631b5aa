import pytest

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
