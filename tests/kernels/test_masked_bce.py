import pytest
import torch
from kernels.agreement import DTYPES, assert_agree
from torch import nn

from fastnlp.kernels import masked_bce, reference


def a_batch(B, L, dtype=torch.float32, device="cpu", seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = (4 * torch.randn(B, L, generator=generator)).to(device, dtype).requires_grad_()
    labels = (torch.rand(B, L, generator=generator) < 0.3).to(device)
    mask = (torch.rand(B, L, generator=generator) < 0.7).to(device)
    return logits, labels, mask


def test_it_is_the_books_loss_where_a_row_has_columns():
    logits, labels, mask = a_batch(6, 9)
    mask[:, 0] = True
    weighted = nn.functional.binary_cross_entropy_with_logits(
        logits, labels.float(), weight=mask.float(), reduction="none"
    )
    book = weighted.mean(1) * mask.shape[1] / mask.sum(1)
    torch.testing.assert_close(masked_bce(logits, labels, mask), book)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("B", "L"), [(1, 1), (5, 7), (33, 60), (2, 1100)])
def test_triton_agrees_with_the_reference(B, L, dtype, device):
    logits, labels, mask = a_batch(B, L, dtype, device)
    mask[B // 2] = False
    assert_agree(
        lambda: masked_bce(logits, labels, mask, backend="triton"),
        lambda: masked_bce(logits, labels, mask, backend="torch"),
        [logits],
    )


def test_triton_reads_strided_tensors(device):
    logits, labels, mask = (t.detach().T for t in a_batch(7, 5, device=device))
    labels, mask = labels.repeat(2, 2)[::2, ::2], mask.repeat(1, 2)[:, ::2]
    logits.requires_grad_()
    assert_agree(
        lambda: masked_bce(logits, labels, mask, backend="triton"),
        lambda: masked_bce(logits, labels, mask, backend="torch"),
        [logits],
    )
    masked_bce(logits, labels, mask, backend="triton").sum().backward()  # its upstream gradient has stride 0


@pytest.mark.parametrize(("B", "L"), [(0, 4), (3, 0)])
@pytest.mark.parametrize("backend", ["triton", "torch"])
def test_nothing_costs_nothing(B, L, backend, device):
    logits, labels, mask = a_batch(B, L, device=device)
    losses = masked_bce(logits, labels, mask, backend=backend)
    losses.sum().backward()
    assert losses.tolist() == [0.0] * B
    assert logits.grad.shape == (B, L)


@pytest.mark.parametrize("backend", ["triton", "torch"])
def test_only_what_is_not_masked_counts(backend, device):
    x = torch.tensor([[float("nan"), 2.0], [1.0, float("nan")], [float("inf"), float("nan")]], device=device)
    x.requires_grad_()
    mask = torch.tensor([[False, True], [True, True], [False, False]], device=device)
    losses = masked_bce(x, torch.ones_like(mask), mask, backend=backend)
    losses.sum().backward()
    assert losses.isnan().tolist() == [False, True, False]
    assert losses[2] == 0
    assert x.grad.isnan().tolist() == [[False, False], [False, True], [False, False]]
    assert x.grad[2].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("backend", ["triton", "torch"])
def test_confident_scores_keep_their_digits(backend, device):
    x = torch.tensor([[200.0], [30.0], [8.0], [0.0], [-8.0], [-30.0], [-200.0]], device=device)
    mask = torch.ones_like(x).bool()
    exact = -nn.functional.logsigmoid(x.double())[:, 0]
    got = masked_bce(x, mask, mask, backend=backend)
    torch.testing.assert_close(got.double(), exact, rtol=1e-6, atol=1e-44)


def test_the_reference_has_the_gradient_of_its_values():
    logits, labels, mask = a_batch(4, 5, torch.float64)
    mask[1] = False
    assert reference.masked_bce(logits, labels, mask).dtype == torch.float64
    assert torch.autograd.gradcheck(lambda x: reference.masked_bce(x, labels, mask), logits)


def test_the_operator_keeps_torchs_rules(device):
    torch.library.opcheck(torch.ops.fastnlp.masked_bce.default, a_batch(3, 4, device=device))


@pytest.mark.parametrize("backend", ["triton", "torch"])
def test_it_compiles_into_one_graph(backend, device):
    logits, labels, mask = a_batch(4, 6, device=device)
    compiled = torch.compile(masked_bce, fullgraph=True, backend="aot_eager")
    assert_agree(
        lambda: compiled(logits, labels, mask, backend=backend),
        lambda: masked_bce(logits, labels, mask),
        [logits],
    )


def test_bad_arguments_are_named():
    logits, labels, mask = a_batch(2, 3)
    with pytest.raises(TypeError, match=r"logits: expected a torch\.Tensor, got list"):
        masked_bce([[1.0]], labels, mask)
    with pytest.raises(TypeError, match="logits: expected float32, float16, bfloat16, got float64"):
        masked_bce(logits.double(), labels, mask)
    with pytest.raises(TypeError, match="labels: expected bool, got int64"):
        masked_bce(logits, labels.long(), mask)
    with pytest.raises(ValueError, match=r"logits: expected the shape \(B, L\), got \(3,\)"):
        masked_bce(logits[0], labels, mask)
    with pytest.raises(ValueError, match=r"mask: expected the shape \(2, 3\), got \(2, 2\)"):
        masked_bce(logits, labels, mask[:, :2])
    with pytest.raises(ValueError, match="labels: expected the device of logits, cpu, got meta"):
        masked_bce(logits, labels.to("meta"), mask)
