"""Processes that train together, started by torchrun and on the CPU."""

import os
import signal
import socket
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from oracles.planted import recall

from fastnlp import Word2Vec, WordVectors
from fastnlp.training import distributed
from fastnlp.training.distributed import Group, SharedEngine, join, joined
from fastnlp.training.native_engine import NativeEngine

SETTINGS = dict(dim=16, window=3, epochs=6, subsample=0, lr=0.05, threads=1)
HEAD = f"""
import os, signal, sys, time
import fastnlp as fn
from fastnlp.training.distributed import join
corpus = fn.Corpus.open(sys.argv[1])
model = fn.Word2Vec(**{SETTINGS!r})
"""


def start(folder, script, processes=2):
    """A run by torchrun, in a group of processes of its own."""
    file = folder / "train.py"
    file.write_text(HEAD + textwrap.dedent(script))
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    command += ["--standalone"]
    return subprocess.Popen(
        [*command, str(file), str(folder / "corpus")],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def folder(groups, tmp_path):
    groups.save(tmp_path / "corpus")
    return tmp_path


@pytest.mark.slow
def test_two_processes_learn_what_one_does_and_only_the_first_writes(folder, groups):
    script = """
    with join() as group:
        shown = []
        show = lambda now: shown.append(now.fraction)
        model.fit(corpus, callbacks=[show], checkpoint=f"run-{group.rank}.npz")
        model.vectors.save(f"vectors-{group.rank}.bin")
        assert bool(shown) == group.first
    last = model.history[-1]
    with open(f"said-{group.rank}", "w") as file:  # on one pipe, lines of two processes run together
        file.write(f"{last.kept} {last.pairs} {last.loss:.6f}")
    """
    run = start(folder, script)
    output = run.communicate(timeout=120)[0]
    assert run.returncode == 0, output
    alone = Word2Vec(**SETTINGS).fit(groups)
    said = [(folder / f"said-{rank}").read_text() for rank in range(2)]
    assert said[0] == said[1]
    kept, pairs, loss = said[0].split()
    assert (int(kept), int(pairs)) == (alone.history[-1].kept, alone.history[-1].pairs)
    assert float(loss) == pytest.approx(alone.history[-1].loss, rel=0.05)
    first, second = (WordVectors.load(folder / f"vectors-{rank}.bin") for rank in range(2))
    assert np.array_equal(first.vectors, second.vectors)
    assert recall(first) == 1.0
    assert (folder / "run-0.npz").exists()
    assert not (folder / "run-1.npz").exists()


@pytest.mark.slow
def test_a_process_that_dies_ends_the_run_with_an_error(folder):
    script = """
    with join() as group:
        def die(now):
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            model.fit(corpus, callbacks=[die])
        except RuntimeError as error:
            print("said:", error, flush=True)
            raise
    """
    # Without torchrun, which ends the others when one dies, perhaps before they have noticed.
    file = folder / "train.py"
    file.write_text(HEAD + textwrap.dedent(script))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    runs = [
        subprocess.Popen(
            [sys.executable, str(file), str(folder / "corpus")],
            env={**os.environ, **common, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    output = runs[1].communicate(timeout=120)[0]
    runs[0].communicate(timeout=120)
    assert runs[0].returncode == -signal.SIGKILL
    assert runs[1].returncode == 1
    assert "said: a process has ended while 2 were training together, of which this is number 1" in output


@pytest.mark.slow
def test_ctrl_c_in_one_process_ends_all_where_the_tables_agree(folder):
    script = """
    with join() as group:
        try:
            model = fn.Word2Vec(epochs=1_000_000, subsample=0)
            if group.rank == 1:
                import threading
                threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
            model.fit(corpus, checkpoint="run.npz")
        except KeyboardInterrupt:
            model.vectors.save(f"vectors-{group.rank}.bin")
            print("interrupted", flush=True)
    """
    run = start(folder, script)
    output = run.communicate(timeout=120)[0]
    assert run.returncode == 0, output
    assert output.count("interrupted") == 2
    assert (folder / "vectors-0.bin").read_bytes() == (folder / "vectors-1.bin").read_bytes()
    assert (folder / "run.npz").exists()


@pytest.mark.slow
def test_processes_that_would_train_different_things_are_refused(folder):
    script = """
    with join() as group:
        other = fn.Word2Vec(dim=8 + group.rank)
        try:
            other.fit(corpus)
        except ValueError as error:
            with open(f"said-{group.rank}", "w") as file:
                file.write(str(error))
    """
    run = start(folder, script)
    output = run.communicate(timeout=120)[0]
    assert run.returncode == 0, output
    for rank in range(2):
        said = (folder / f"said-{rank}").read_text()
        assert "config: expected the same in all 2 processes, got different ones" in said


class Alone(Group):
    """A group of one of `size`, whose other processes do what this one does."""

    def add(self, values):
        values *= self.size


def test_a_process_trains_its_share_of_a_round(groups):
    model = Word2Vec(**SETTINGS)
    tables = model._new_tables(groups.vocab)
    engine = NativeEngine(model.config, groups, tables, 1)
    trained = []
    inner = engine.train

    def train(epoch, unit, seconds, stop=None):
        trained.append((unit, stop))
        return inner(epoch, unit, seconds, stop)

    engine.train = train
    shared = SharedEngine(engine, Alone(1, 2))
    done = shared.train(1, 0, 0.1)
    half = -(-engine.units // 2)
    assert trained == [(unit, unit + 1) for unit in range(half, engine.units)]
    assert done.next_unit == engine.units


class Silent(Group):
    """A group whose other processes bring nothing."""

    def add(self, values):
        pass


def test_the_first_process_trains_the_first_words_and_the_others_take_them_over(groups, monkeypatch):
    model = Word2Vec(**SETTINGS)
    expected = model._new_tables(groups.vocab)
    engine = NativeEngine(model.config, groups, expected, 1)
    assert engine.units > 3
    monkeypatch.setattr(distributed, "_ALONE", -(-2 * engine.size // engine.units))
    kept = engine.train(0, 0, 1e9, stop=2).kept
    start = model._new_tables(groups.vocab)
    for rank, after in ((0, expected), (1, start)):
        tables = model._new_tables(groups.vocab)
        shared = SharedEngine(NativeEngine(model.config, groups, tables, 1), Silent(rank, 2))
        shared._share = 1
        reports = [shared.train(0, unit, 0.1) for unit in (0, 1)]
        assert [report.next_unit for report in reports] == [1, 2]
        assert sum(report.kept for report in reports) == (0 if rank else kept)
        np.testing.assert_allclose(tables.input, after.input, atol=1e-5)
        np.testing.assert_allclose(tables.output, after.output, atol=1e-5)
        assert shared.train(0, 2, 0.1).next_unit == 4
        assert shared.train(1, 0, 0.1).next_unit == 2


def changed(shared, table, value):
    """Moves all rows, brings the tables together by what is called, and gives how far they have come."""
    before = table[:, 0].copy()
    table += np.float32(value)

    def moved(call, *arguments):
        call(*arguments)
        return table[:, 0] - before

    return moved


def test_changes_are_averaged_where_a_row_is_met_often_and_added_where_it_is_rare(groups):
    model = Word2Vec(**SETTINGS)
    tables = model._new_tables(groups.vocab)
    engine = NativeEngine(model.config, groups, tables, 1)
    rates = np.full(len(groups.vocab), 1.0, np.float32)
    rates[:2] = 1e-6, 0.3
    engine.updates = lambda: [rates, rates]
    shared = SharedEngine(engine, Alone(0, 2))
    moved = changed(shared, tables.padded_input, 1.0)(shared._bring_together, 1000.0, 1000.0)
    np.testing.assert_allclose(moved, [2.0, 2 * 200 / 300] + [1.0] * (len(rates) - 2), rtol=1e-5)


def test_rows_that_are_met_often_are_brought_together_after_each_step(groups):
    model = Word2Vec(**SETTINGS)
    tables = model._new_tables(groups.vocab)
    engine = NativeEngine(model.config, groups, tables, 1)
    rates = np.full(len(groups.vocab), 1e-6, np.float32)
    rates[3] = 1.0
    engine.updates = lambda: [rates, rates]
    shared = SharedEngine(engine, Alone(0, 2))
    assert [rows.tolist() for rows in shared._often] == [[3], [3]]
    # A step of 50 words for each process: 100 updates of the row, which are summed.
    moved = changed(shared, tables.padded_output, 1.0)(shared._bring_often_together, 50.0)
    np.testing.assert_allclose(moved, [1.0] * 3 + [2.0] + [1.0] * (len(rates) - 4), rtol=1e-5)
    # At the end of the round the others follow; of this row only what was changed since.
    shared._bring_together(1000.0, 100.0)
    np.testing.assert_allclose(tables.output[:, 0], 2.0, rtol=1e-5)


def test_a_round_goes_in_steps_that_are_the_same_in_all_processes(groups):
    model = Word2Vec(**SETTINGS)
    engine = NativeEngine(model.config, groups, model._new_tables(groups.vocab), 1)
    assert engine.units > 3
    called = []

    class Counting(Alone):
        def add(self, values):
            called.append(values.numel())
            super().add(values)

    rounds = []
    for rank in (0, 1):
        called.clear()
        shared = SharedEngine(engine, Counting(rank, 2))
        assert shared.train(1, 0, 0.1).next_unit == engine.units
        rounds.append(list(called))
    assert rounds[0] == rounds[1]
    steps = -(-engine.units // 2)
    assert len(rounds[0]) == steps - 1 + 3  # rows that are met often; at the end the sums and two tables


def test_a_process_that_torchrun_did_not_start_is_refused(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with (
        pytest.raises(RuntimeError, match="distributed: expected a process of torchrun, got no RANK"),
        join(),
    ):
        pass
    assert joined() is None


@pytest.mark.slow
def test_the_command_line_trains_in_all_processes_and_writes_once(folder):
    arguments = ["--distributed", "--dim", "8", "--subsample", "0", "--epochs", "2"]
    script = f"""
    from fastnlp.cli.main import main
    sys.exit(main(["train", "word2vec", sys.argv[1], "-o", "out.bin", *{arguments!r}]))
    """
    run = start(folder, script)
    output = run.communicate(timeout=120)[0]
    assert run.returncode == 0, output
    assert output.count("wrote out.bin") == 1
    assert len(WordVectors.load(folder / "out.bin")) == 48
