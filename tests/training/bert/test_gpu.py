"""Pretraining on a GPU beside the same on the CPU."""

import pytest
import torch
from training.bert.runs import config, losses, trainer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def plain(data):
    return config(data, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


@pytest.mark.parametrize("settings", [{}, {"unpadded": False}, {"checkpointing": True}, {"accumulate": 2}])
def test_a_gpu_learns_what_the_cpu_does(data, settings):
    cpu, gpu = (trainer(data, model=plain(data), device=on, **settings).fit(data) for on in ("cpu", "cuda"))
    torch.testing.assert_close(torch.tensor(losses(gpu)), torch.tensor(losses(cpu)), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("settings", [{"precision": "bfloat16"}, {"precision": "float16"}])
def test_half_precision_on_a_gpu_stays_close_and_goes_on(data, tmp_path, settings):
    exact = trainer(data, device="cuda").fit(data)
    whole = trainer(data, device="cuda", **settings).fit(data)
    assert abs(whole.history[-1].mlm_loss - exact.history[-1].mlm_loss) < 0.1
    stop = [lambda report: report.step == 5]
    trainer(data, device="cuda", **settings).fit(data, checkpoint=tmp_path / "run", callbacks=stop)
    rest = trainer(data, device="cuda", **settings).fit(data, checkpoint=tmp_path / "run", resume=True)
    torch.testing.assert_close(
        torch.tensor(losses(rest)), torch.tensor(losses(whole)[5:]), atol=1e-2, rtol=1e-2
    )


@pytest.mark.filterwarnings("ignore")  # what torch's compiler warns of is its own business
def test_cuda_graphs_learn_the_same(data):
    one, other = (
        trainer(data, model=plain(data), device="cuda", compile=how).fit(data)
        for how in (False, "reduce-overhead")
    )
    torch.testing.assert_close(torch.tensor(losses(other)), torch.tensor(losses(one)), atol=1e-3, rtol=1e-3)


def test_one_seed_gives_one_run_on_a_gpu_to_rounding(data):
    one, other = (trainer(data, device="cuda").fit(data) for _ in range(2))
    torch.testing.assert_close(torch.tensor(losses(one)), torch.tensor(losses(other)), atol=1e-4, rtol=1e-4)
