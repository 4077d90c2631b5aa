import errno
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import pytest
import torch
from training.bert.runs import config, corpus, environment, losses, same_parameters, trainer

from fastnlp import BertForPreTraining
from fastnlp.training import DivergenceError
from fastnlp.training.bert import checkpoints


@pytest.mark.parametrize("settings", [{}, {"accumulate": 3, "batch_size": 16, "schedule": "cosine"}])
def test_a_run_that_goes_on_has_the_bits_of_one_that_never_stopped(data, tmp_path, settings):
    whole = trainer(data, **settings).fit(data)
    stopped = trainer(data, **settings)
    stopped.fit(data, checkpoint=tmp_path / "run", callbacks=[lambda report: report.step == 5])
    assert stopped.history[-1].step == 5
    resumed = trainer(data, **settings).fit(data, checkpoint=tmp_path / "run", resume=True)
    assert losses(stopped) + losses(resumed) == losses(whole)
    assert same_parameters(resumed, whole)


@pytest.mark.parametrize(
    ("sent", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_saves_and_the_run_goes_on(data, tmp_path, sent, raised):
    def press(report):
        if report.step == 3:
            os.kill(os.getpid(), sent)

    run = trainer(data)
    with pytest.raises(raised):
        run.fit(data, checkpoint=tmp_path / "run", callbacks=[press])
    assert run.model is not None
    assert checkpoints.latest(tmp_path / "run").name == "step-000000004"
    resumed = trainer(data).fit(data, checkpoint=tmp_path / "run", resume=True)
    assert losses(run) + losses(resumed) == losses(trainer(data).fit(data))


def test_checkpoints_rotate_and_are_models(data, tmp_path):
    run = trainer(data).fit(data, checkpoint=tmp_path / "run", checkpoint_every=3, keep=2)
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == ["step-000000009", "step-000000012"]
    with pytest.raises(FileNotFoundError, match=r"config\.json in the folder; .*step-000000012 has one"):
        BertForPreTraining.from_pretrained(tmp_path / "run")
    model = BertForPreTraining.from_pretrained(tmp_path / "run" / "step-000000012")
    for name, tensor in run.model.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)


def test_a_new_run_leaves_the_checkpoints_of_another_alone(data, tmp_path):
    folder = tmp_path / "run"
    trainer(data, steps=6).fit(data, checkpoint=folder, checkpoint_every=3)
    with pytest.raises(ValueError, match=r"checkpoint: expected a folder without .* step-000000006; resume"):
        trainer(data, steps=2).fit(data, checkpoint=folder, keep=1)
    assert sorted(path.name for path in folder.iterdir()) == ["step-000000003", "step-000000006"]
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"checkpoint: expected a folder or a free name, got the file"):
        trainer(data).fit(data, checkpoint=tmp_path / "file")


def test_a_full_disk_keeps_the_old_checkpoint(data, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    real = checkpoints.write_arrays

    def full(path, arrays, metadata):
        if path.name == "optimizer.safetensors" and "step-000000006" in str(path):
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, arrays, metadata)

    monkeypatch.setattr(checkpoints, "write_arrays", full)
    with pytest.raises(OSError, match="No space left"):
        trainer(data).fit(data, checkpoint=folder, checkpoint_every=3)
    assert [path.name for path in folder.iterdir()] == ["step-000000003"]
    monkeypatch.undo()
    resumed = trainer(data).fit(data, checkpoint=folder, resume=True)
    assert losses(resumed) == losses(trainer(data).fit(data))[3:]


def test_damage_is_found_and_named(data, tmp_path):
    folder = tmp_path / "run"
    trainer(data).fit(data, checkpoint=folder, checkpoint_every=6)
    newest = folder / "step-000000012"
    for name in ("model.safetensors", "optimizer.safetensors", "random.safetensors"):
        copy = tmp_path / name
        shutil.copy(newest / name, copy)
        content = copy.read_bytes()
        for bad in (content[:-3], content[:-1] + bytes([content[-1] ^ 1]), None):
            (newest / name).unlink()
            if bad is not None:
                (newest / name).write_bytes(bad)
            with pytest.raises(ValueError, match=f"{name}: (damaged|missing)"):
                trainer(data).fit(data, checkpoint=folder, resume=True)
        shutil.copy(copy, newest / name)
    state = (newest / "trainer.json").read_text()
    for bad in (state[:-20], state.replace("fastnlp.bert", "other"), "[]", '{"format": 1}'):
        (newest / "trainer.json").write_text(bad)
        with pytest.raises(ValueError, match=r"trainer\.json: not .*; remove its folder"):
            trainer(data).fit(data, checkpoint=folder, resume=True)
    (newest / "trainer.json").unlink()
    with pytest.raises(ValueError, match="not a checkpoint of pretraining"):
        trainer(data).fit(data, checkpoint=folder, resume=True)
    shutil.rmtree(newest)
    assert trainer(data).fit(data, checkpoint=folder, resume=True).history[0].step == 7


def test_another_run_is_refused_by_name(data, tmp_path):
    folder = tmp_path / "run"
    trainer(data).fit(data, checkpoint=folder)
    for change, text in (
        ({"lr": 1e-4}, "lr: expected 0.003, as in the checkpoint"),
        ({"batch_size": 4}, "batch_size: expected 8"),
        ({"model": config(data, hidden_size=32)}, "hidden_size: expected 16"),
    ):
        with pytest.raises(ValueError, match=text):
            trainer(data, **change).fit(data, checkpoint=folder, resume=True)
    with pytest.raises(ValueError, match="data: expected those"):
        trainer(data).fit(corpus(1), checkpoint=folder, resume=True)
    trainer(data, peak_flops=1e12).fit(data, checkpoint=folder, resume=True)


def test_divergence_stops_the_run_and_says_where(data, tmp_path):
    run = trainer(data)

    def spoil(report):
        if report.step == 7:
            with torch.no_grad():
                run.model.cls.predictions.bias[3] = math.nan

    with pytest.raises(DivergenceError, match="in update 8; the last checkpoint is that of update 6"):
        run.fit(data, checkpoint=tmp_path / "run", checkpoint_every=3, callbacks=[spoil])
    assert checkpoints.latest(tmp_path / "run").name == "step-000000006"
    assert losses(trainer(data).fit(data, checkpoint=tmp_path / "run", resume=True))[-1][0] == 12


KILLED = textwrap.dedent("""
    import sys, torch
    torch.set_num_threads(1)
    from training.bert.runs import corpus, trainer
    data = corpus()
    print("ready", flush=True)
    run = trainer(data, steps=150, log_every=4).fit(
        data, checkpoint=sys.argv[1], checkpoint_every=1, keep=2, resume=True)
""")


@pytest.mark.slow
def test_a_killed_run_loses_no_checkpoint(data, tmp_path):
    folder, draw = tmp_path / "run", random.Random(4)
    newest = 0
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, env=environment(), text=True
        )
        child.stdout.readline()
        deadline = time.monotonic() + 60
        while checkpoints.latest(folder) is None or checkpoints.latest(folder).name <= f"step-{newest:09}":
            assert time.monotonic() < deadline
            assert child.poll() is None
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.3))
        child.kill()
        child.communicate()
        path = checkpoints.latest(folder)
        found = checkpoints.read_checkpoint(path)
        assert found.position.step == int(path.name[5:]) > newest
        newest = found.position.step
    resumed = trainer(data, steps=150, log_every=4).fit(
        data, checkpoint=folder, checkpoint_every=150, keep=2, resume=True
    )
    assert resumed.history[-1].step == 150
    assert all(path.name.startswith("step-") for path in folder.iterdir())  # no left-overs
    whole = trainer(data, steps=150, log_every=4).fit(data)
    assert same_parameters(resumed, whole)
