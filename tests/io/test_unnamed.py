"""Arrays in files without a name."""

import errno
import subprocess
import sys
import tempfile
import textwrap

import numpy as np
import pytest

from fastnlp.io.unnamed import unnamed_array


@pytest.mark.parametrize("preallocates", [True, False])
def test_the_room_on_the_disk_is_taken_before_the_array_is_used(tmp_path, monkeypatch, preallocates):
    if not preallocates:
        monkeypatch.delattr("os.posix_fallocate", raising=False)
    name = tmp_path / "file"
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: name.open("w+b"))
    array = unnamed_array((300_000, 3), np.int64)
    assert name.stat().st_blocks * 512 >= array.nbytes == 7_200_000
    assert not array.any()
    array[-1] = 7
    assert np.fromfile(name, np.int64)[-3:].tolist() == [7, 7, 7]


def test_a_full_disk_is_an_error_that_names_the_folder(tmp_path):
    program = """
        import resource, signal, sys, tempfile
        import numpy as np
        from fastnlp.io.unnamed import unnamed_array
        tempfile.tempdir = sys.argv[1]
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            unnamed_array((100_000,), np.int32)
        except OSError as error:
            sys.exit(f"{error.errno} {error.filename}")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), tmp_path], capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1] == f"{errno.EFBIG} {tmp_path}"  # EFBIG stands in for ENOSPC
    assert not list(tmp_path.iterdir())
