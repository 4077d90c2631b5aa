import errno
import logging
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
from training.bert.runs import config, corpus, losses, trainer

from fastnlp import BertForPreTraining, BertPretrainer
from fastnlp.sampling import BertExamples
from fastnlp.training import DivergenceError
from fastnlp.training.bert import PretrainingTable, checkpoints, reports

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def data():
    return corpus()


def same_parameters(one, other):
    ours, theirs = one.model.state_dict(), other.model.state_dict()
    return all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_it_learns_what_the_words_of_a_document_have_in_common():
    many = corpus(documents=90)
    run = trainer(many, steps=250, lr=1e-2, warmup=0.2, log_every=50)
    run.fit(many, validation=corpus(5), validate_every=250)
    last = run.history[-1]
    assert run.unigram_entropy == pytest.approx(math.log(20), abs=0.1)
    assert last.mlm_loss < run.unigram_entropy - 0.4
    assert last.mlm_accuracy > 0.15
    assert last.validation_mlm_loss < run.unigram_entropy - 0.2
    assert math.isfinite(last.nsp_loss)
    assert (last.fraction, last.remaining) == (1.0, 0.0)
    assert last.words_per_second > 0
    assert not run.model.training


def test_one_seed_gives_one_run_whatever_the_caller_draws(data):
    torch.manual_seed(1)
    one = trainer(data).fit(data)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), drawn)  # the caller's generator was left alone
    other = trainer(data).fit(data)
    assert losses(one) == losses(other)
    assert same_parameters(one, other)
    assert losses(trainer(data, seed=2).fit(data)) != losses(one)


@pytest.mark.parametrize("settings", [{}, {"accumulate": 3, "batch_size": 16, "schedule": "cosine"}])
def test_a_run_that_goes_on_has_the_bits_of_one_that_never_stopped(data, tmp_path, settings):
    whole = trainer(data, **settings).fit(data)
    stopped = trainer(data, **settings)
    stopped.fit(data, checkpoint=tmp_path / "run", callbacks=[lambda report: report.step == 5])
    assert stopped.history[-1].step == 5
    resumed = trainer(data, **settings).fit(data, checkpoint=tmp_path / "run", resume=True)
    assert losses(stopped) + losses(resumed) == losses(whole)
    assert same_parameters(resumed, whole)


def test_ctrl_c_saves_and_the_run_goes_on(data, tmp_path):
    def press(report):
        if report.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    run = trainer(data)
    with pytest.raises(KeyboardInterrupt):
        run.fit(data, checkpoint=tmp_path / "run", callbacks=[press])
    assert run.model is not None
    assert checkpoints.latest(tmp_path / "run").name == "step-000000004"
    resumed = trainer(data).fit(data, checkpoint=tmp_path / "run", resume=True)
    assert losses(run) + losses(resumed) == losses(trainer(data).fit(data))


def test_parts_of_an_update_are_one_large_batch(data):
    plain = config(data, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    runs = [
        trainer(data, model=plain, batch_size=size, accumulate=parts).fit(
            BertExamples(data, max_len=24, pool=1)
        )
        for size, parts in ((12, 1), (4, 3))
    ]
    torch.testing.assert_close(torch.tensor(losses(runs[0])), torch.tensor(losses(runs[1])))


@pytest.mark.parametrize("change", [{"unpadded": False}, {"checkpointing": True}])
def test_ways_to_compute_the_same_do(data, change):
    plain = config(data, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    one, other = (trainer(data, model=plain, **more).fit(data) for more in ({}, change))
    torch.testing.assert_close(torch.tensor(losses(one)), torch.tensor(losses(other)))


def test_recomputed_blocks_drop_the_same_entries(data):
    one, other = (trainer(data, checkpointing=again).fit(data) for again in (False, True))
    torch.testing.assert_close(torch.tensor(losses(one)), torch.tensor(losses(other)))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_stays_close(data, precision, tmp_path):
    whole, exact = (trainer(data, precision=kind).fit(data) for kind in (precision, "float32"))
    assert abs(whole.history[-1].mlm_loss - exact.history[-1].mlm_loss) < 0.1
    assert all(p.dtype == torch.float32 for p in whole.model.parameters())
    part = trainer(data, precision=precision)
    part.fit(data, checkpoint=tmp_path / "run", callbacks=[lambda report: report.step == 4])
    part = trainer(data, precision=precision).fit(data, checkpoint=tmp_path / "run", resume=True)
    assert same_parameters(part, whole)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # what torch's compiler warns of is its own business
def test_a_compiled_model_trains_alike(data):
    plain = config(data, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_hidden_layers=1)
    one, other = (trainer(data, model=plain, steps=2, compile=how).fit(data) for how in (False, True))
    torch.testing.assert_close(torch.tensor(losses(one)), torch.tensor(losses(other)), atol=1e-3, rtol=1e-3)


def test_without_pairs_words_alone_are_learned(data):
    run = trainer(data, model=config(data, next_sentence=False)).fit(data)
    assert math.isnan(run.history[-1].nsp_loss)
    assert math.isfinite(run.history[-1].mlm_loss)


def test_a_model_that_is_given_goes_on(data):
    first = trainer(data).fit(data)
    before = first.history[-1].mlm_loss
    again = trainer(data, model=first.model, warmup=0).fit(data)
    assert again.model is first.model
    assert again.history[0].mlm_loss < before + 0.3


def test_epochs_are_counted_in_whole_batches(data):
    run = trainer(data, steps=None, epochs=2).fit(data)
    examples = BertExamples(data, max_len=24)
    steps = sum(examples.n_examples(epoch) // 8 for epoch in range(2))
    assert run.history[-1].step == steps
    assert (run.history[-1].epoch, run.history[-1].epochs) == (2, 2)


def test_checkpoints_rotate_and_are_models(data, tmp_path):
    run = trainer(data).fit(data, checkpoint=tmp_path / "run", checkpoint_every=3, keep=2)
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == ["step-000000009", "step-000000012"]
    model = BertForPreTraining.from_pretrained(tmp_path / "run" / "step-000000012")
    for name, tensor in run.model.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)


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
        with pytest.raises(ValueError, match=r"trainer\.json"):
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


def test_a_loss_that_sticks_gets_a_hint(data, caplog, monkeypatch):
    monkeypatch.setattr(reports, "_HINT_AFTER", 15)
    trainer(data, steps=25, lr=1e-7).fit(data)
    assert "smaller learning rate than 1e-07 or a longer warm-up" in caplog.text
    assert caplog.text.count("longer warm-up") == 1
    caplog.clear()
    caplog.set_level(logging.WARNING)
    monkeypatch.undo()
    trainer(data, steps=20).fit(data)
    assert "warm-up" not in caplog.text


def test_the_log_is_a_table_that_goes_on(data, tmp_path):
    log = tmp_path / "run.csv"
    run = trainer(data, peak_flops=1e12)
    stop = [lambda report: report.step == 7]
    run.fit(data, log=log, checkpoint=tmp_path / "run", checkpoint_every=5, callbacks=stop)
    (tmp_path / "run" / "step-000000007").rename(tmp_path / "gone")
    resumed = trainer(data, peak_flops=1e12).fit(
        data, log=log, checkpoint=tmp_path / "run", resume=True, validation=data, validate_every=6
    )
    rows = PretrainingTable.load(log)
    assert [row.step for row in rows] == list(range(1, 13))
    assert rows[5:] == resumed.history or [r.step for r in rows[5:]] == [r.step for r in resumed.history]
    assert [math.isnan(row.validation_mlm_loss) for row in rows] == [row.step not in (6, 12) for row in rows]
    assert 0 < rows[-1].mfu < 1
    log.write_text(log.read_text() + "13,half")
    assert len(PretrainingTable.load(log)) == 12
    log.write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(ValueError, match="line 1: expected a report"):
        PretrainingTable.load(log)


def test_tensorboard_is_asked_for_by_name(data, tmp_path):
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match="tensorboard"):
            trainer(data, steps=1).fit(data, tensorboard=tmp_path)
        return
    trainer(data, steps=1).fit(data, tensorboard=tmp_path)
    assert list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"lr": 0}, "lr: expected above 0"),
        ({"lr": math.nan}, "lr: expected 0 to 100, got nan"),
        ({"batch_size": 0}, "batch_size: expected 1"),
        ({"schedule": "step"}, "schedule: expected one of 'linear'"),
        ({"precision": "int8"}, "precision"),
        ({"compile": True, "unpadded": True}, "unpadded"),
        ({"device": "tpu"}, "device"),
        ({"max_len": 64}, "max_len: expected at most the model's 32"),
        ({"batch_size": 10_000}, None),
        ({"mask_fraction": 0.0}, "mask_fraction"),
    ],
)
def test_bad_settings_are_refused(data, settings, text):
    if text is None:  # more than there are: the one batch that there is
        assert trainer(data, steps=1, **settings).fit(data).history[-1].step == 1
        return
    with pytest.raises(ValueError, match=text):
        trainer(data, **settings).fit(data)


def test_wrong_kinds_are_refused(data):
    with pytest.raises(TypeError, match="rate: expected a setting of pretraining"):
        BertPretrainer(config(data), rate=1)
    with pytest.raises(TypeError, match="model"):
        BertPretrainer({"vocab_size": 3})
    with pytest.raises(TypeError, match="steps: expected int"):
        trainer(data, steps=1.5)
    with pytest.raises(TypeError, match="data: expected a Corpus"):
        trainer(data).fit(["the cat"])
    with pytest.raises(ValueError, match="resume"):
        trainer(data).fit(data, resume=True)
    with pytest.raises(ValueError, match="keep"):
        trainer(data).fit(data, keep=0)
    with pytest.raises(ValueError, match="at most the model's 5 words"):
        trainer(data, model=config(data).__class__(5)).fit(data)
    with pytest.raises(ValueError, match="data: expected pairs of sentences"):
        trainer(data).fit(BertExamples(data, max_len=24, mode="full"))
    with pytest.raises(ValueError, match="process 0 of 1"):
        trainer(data).fit(BertExamples(data, max_len=24, rank=1, world_size=2))
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="GPUs"):
            trainer(data, device="cuda").fit(data)


def environment(**more):
    path = os.pathsep.join([str(HERE.parent.parent), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **more}


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


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_processes_are_one_with_twice_the_batch(tmp_path, parallel):
    import json

    from training.bert.runs import program

    out = tmp_path / "out.json"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
               str(HERE / "runs.py"), parallel, "4", str(tmp_path / "two"), str(out)]  # fmt: skip
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    two = json.loads(out.read_text())
    one = program("ddp", 8, tmp_path / "one")
    assert [row[0] for row in two["losses"]] == list(range(1, 9))
    torch.testing.assert_close(torch.tensor(two["losses"]), torch.tensor(one["losses"]), atol=1e-4, rtol=1e-4)
    for name, sums in one["parameters"].items():
        torch.testing.assert_close(
            torch.tensor(two["parameters"][name]), torch.tensor(sums), atol=2e-3, rtol=2e-3, msg=name
        )
    model = BertForPreTraining.from_pretrained(checkpoints.latest(tmp_path / "two"))
    assert model.config.hidden_size == 16
