import logging
import math

import pytest
import torch
from training.bert.runs import config, corpus, losses, same_parameters, trainer

from fastnlp.sampling import BertExamples
from fastnlp.training.bert import PretrainingTable, reports


def test_it_learns_what_the_words_of_a_document_have_in_common():
    many = corpus(documents=90)
    run = trainer(many, steps=250, lr=1e-2, warmup=0.2, log_every=50)
    run.fit(many, validation=corpus(5, vocab=many.vocab), validate_every=250)
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


def test_parts_of_an_update_are_one_large_batch():
    data = corpus(documents=90)  # an epoch is longer than the runs
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


def test_reports_give_the_rate_of_the_update_that_was_made():
    data = corpus()
    run = trainer(data, steps=4, warmup=2, lr=1e-3).fit(data)
    assert [report.lr for report in run.history] == pytest.approx([5e-4, 1e-3, 1e-3 * 2 / 3, 1e-3 / 3])
