"""Ctrl-C in the middle of a word of millions of bytes."""

import subprocess
import sys
import textwrap

import pytest

SCRIPT = textwrap.dedent("""
    import os, signal, sys, threading, time
    import numpy as np
    from fastnlp import BPE
    signal.signal(signal.SIGINT, signal.default_int_handler)
    def mixed(n):
        return np.random.default_rng(1).integers(*map(ord, "ae"), n, np.uint8).tobytes()
    bpe = BPE.train(["a" * 4096, mixed(4096).decode()], vocab_size=330)
    expected = bpe.encode(mixed(5000)).tolist()
    text = eval(sys.argv[4])  # some seconds of work
    def interrupt():
        time.sleep(float(sys.argv[1]))
        interrupt.at = time.process_time()  # a shared machine may take the processor away
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        bpe.encode_batch(["b " * 200_000, text], threads=int(sys.argv[2]), **eval(sys.argv[3]))
    except KeyboardInterrupt:
        print(time.process_time() - interrupt.at)
    assert bpe.encode(mixed(5000)).tolist() == expected
""")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("{}", "mixed(20_000_000)"),
        ("{'dropout': 0.1}", "'a' * 30_000_000"),
        ("{'method': 'longest'}", "mixed(60_000_000)"),
    ],
)
@pytest.mark.parametrize("threads", ["1", "2"])
def test_ctrl_c_stops_the_encoding_of_one_long_word(threads, options, text):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "0.5", threads, options, text],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout and float(done.stdout.split()[-1]) < 1.0  # CPU s of all threads
