import math
import subprocess
import sys
import textwrap

import pytest
import torch
from kernels.agreement import DTYPES, assert_agree

from fastnlp.kernels import masked_lm_loss, reference
from fastnlp.kernels.masked_lm_loss import default_chunk_rows

BACKENDS = pytest.mark.parametrize("backend", ["triton", "torch"])


def a_batch(B=3, S=5, H=8, M=4, V=11, dtype=torch.float32, device="cpu", seed=0):
    """(hidden, positions, weights, labels, decoder, bias), a third of the weights 0."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(shape, generator=generator).to(device, dtype).requires_grad_()

    positions = torch.randint(S, (B, M), generator=generator).to(device)
    weights = torch.rand(B, M, generator=generator).to(device)
    weights[torch.rand(B, M, generator=generator).to(device) < 0.3] = 0
    labels = torch.randint(V, (B, M), generator=generator).to(device)
    return normal(B, S, H), positions, weights, labels, normal(V, H), normal(V)


def leaves_of(batch):
    return [batch[0], batch[4], batch[5]]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("compact", [True, False])
@BACKENDS
def test_it_agrees_with_all_logits_at_once(backend, compact, dtype, device):
    batch = a_batch(dtype=dtype, device=device)
    wide = [x.detach().float().requires_grad_() if x.is_floating_point() else x for x in batch]

    def ours():
        return masked_lm_loss(*batch, compact=compact, chunk_rows=5, backend=backend)

    # The reference starts from the same numbers in float32: half precision is rounded by different products.
    loss, gradients = ours(), torch.autograd.grad(3 * ours(), leaves_of(batch))
    expected = reference.masked_lm_loss(*wide)[0]
    wanted = torch.autograd.grad(3 * expected, leaves_of(wide))
    rtol, atol = {torch.float32: (1e-5, 1e-6), torch.float16: (5e-3, 1e-3)}.get(dtype, (3e-2, 1e-2))
    torch.testing.assert_close(loss, expected, rtol=rtol, atol=atol)
    for got, one in zip(gradients, wanted, strict=True):
        assert got.dtype == dtype
        torch.testing.assert_close(got.float(), one, rtol=rtol, atol=atol)


@BACKENDS
def test_every_chunk_gives_the_same(backend, device):
    batch = a_batch(device=device)
    for chunk_rows in (1, 3, 1000, None):
        assert_agree(
            lambda rows=chunk_rows: masked_lm_loss(*batch, chunk_rows=rows, backend=backend),
            lambda: reference.masked_lm_loss(*batch)[0],
            leaves_of(batch),
        )


def test_a_vocabulary_of_several_blocks(device):
    batch = a_batch(B=1, M=2, V=9001, device=device)
    batch[2].fill_(1)
    assert_agree(
        lambda: masked_lm_loss(*batch, backend="triton"),
        lambda: reference.masked_lm_loss(*batch)[0],
        leaves_of(batch),
    )


@BACKENDS
def test_rows_without_positions_and_a_decoder_without_bias(backend, device):
    hidden, _, weights, labels, decoder, _ = a_batch(S=4, device=device)
    assert_agree(
        lambda: masked_lm_loss(hidden, None, weights > 0, labels, decoder, backend=backend),
        lambda: reference.masked_lm_loss(hidden, None, (weights > 0).float(), labels, decoder)[0],
        [hidden, decoder],
    )


@pytest.mark.parametrize("compact", [True, False])
@BACKENDS
def test_rows_of_weight_zero_have_no_effect(backend, compact, device):
    batch = a_batch(device=device)
    hidden, positions, weights, labels, decoder, bias = batch
    weights[:, 0], positions[:, 0], positions[:, 1:] = 0, 0, positions[:, 1:].clamp(min=1)
    expected, wanted = masked_lm_loss(*batch), torch.autograd.grad(masked_lm_loss(*batch), leaves_of(batch))
    poisoned = hidden.detach().clone()
    poisoned[:, 0] = math.nan
    poisoned.requires_grad_()
    labels[:, 0] = -100
    other = (poisoned, positions, weights, labels, decoder, bias)
    got = masked_lm_loss(*other, compact=compact, backend=backend)
    torch.testing.assert_close(got, expected)
    for ours, theirs in zip(torch.autograd.grad(got, leaves_of(other)), wanted, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("shape", [(2, 3), (0, 3), (2, 0)])
@BACKENDS
def test_no_masked_word_at_all_is_a_loss_of_zero(backend, shape, device):
    B, M = shape
    batch = a_batch(B=B, M=M, device=device)
    batch[2].zero_()
    loss, correct = masked_lm_loss(*batch, count_correct=True, backend=backend)
    loss.backward()
    assert (loss.item(), correct.item()) == (0.0, 0)
    assert not any(leaf.grad.any() for leaf in leaves_of(batch))
    assert all(leaf.grad.shape == leaf.shape for leaf in leaves_of(batch))


@BACKENDS
def test_right_predictions_are_counted(backend, device):
    hidden, positions, weights, labels, decoder, bias = batch = a_batch(B=4, M=6, device=device)
    logits = torch.gather(hidden, 1, positions[..., None].expand(-1, -1, hidden.shape[2])) @ decoder.T + bias
    best = logits.argmax(-1)
    labels[::2] = best[::2]
    expected = ((best == labels) & (weights > 0)).sum()
    with torch.no_grad():
        loss, correct = masked_lm_loss(*batch, count_correct=True, backend=backend)
    assert correct.dtype == torch.int64
    assert correct == expected > 0
    assert not loss.requires_grad


def test_the_logits_are_never_there_at_once():
    code = """
        import resource, torch
        from fastnlp.kernels import masked_lm_loss
        torch.set_num_threads(1)
        decoder = torch.zeros(30_000, 4, requires_grad=True)
        rows, weights, labels = torch.zeros(1024, 4), torch.ones(1024), torch.zeros(1024, dtype=torch.int64)
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        masked_lm_loss(rows[:1], None, weights[:1], labels[:1], decoder).backward()
        before = peak()
        masked_lm_loss(rows, None, weights, labels, decoder).backward()
        print(peak() - before)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, text=True
    )
    assert int(run.stdout) < 60  # MiB; the logits would be 117
    assert default_chunk_rows("cpu", 30_000) == 128


def test_autocast_is_followed():
    batch = a_batch()
    with torch.autocast("cpu", torch.bfloat16):
        loss = masked_lm_loss(*batch)
    loss.backward()
    half = tuple(x.detach().bfloat16() if x.is_floating_point() and x is not batch[2] else x for x in batch)
    assert loss == masked_lm_loss(*half)
    assert all(leaf.grad.dtype == torch.float32 for leaf in leaves_of(batch))


def test_both_have_the_gradient_of_their_values():
    hidden, positions, weights, labels, decoder, bias = a_batch(dtype=torch.float64)
    leaves = (hidden, decoder, bias)

    def whole(h, d, b):
        return reference.masked_lm_loss(h, positions, weights, labels, d, b)[0]

    def chunked(h, d, b):
        rows = h[:, :4].reshape(-1, 8)
        flat = weights.double().reshape(-1), labels.reshape(-1)
        return torch.ops.fastnlp.masked_lm_loss(rows, *flat, d, b, "torch", True, True, 5)[0]

    assert torch.autograd.gradcheck(whole, leaves)
    assert torch.autograd.gradcheck(chunked, leaves)


def test_second_derivatives_are_refused():
    batch = a_batch()
    (slope,) = torch.autograd.grad(masked_lm_loss(*batch), batch[4], create_graph=True)
    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        slope.sum().backward()


@BACKENDS
def test_the_operator_keeps_torchs_rules(backend, device):
    hidden, _, weights, labels, decoder, bias = a_batch(S=4, device=device)
    rows = hidden.detach().reshape(-1, 8).requires_grad_()
    arguments = (rows, weights.reshape(-1), labels.reshape(-1), decoder, bias, backend, True, True, 5)
    torch.library.opcheck(torch.ops.fastnlp.masked_lm_loss.default, arguments)


@BACKENDS
def test_it_compiles_into_one_graph(backend, device):
    batch = a_batch(device=device)
    compiled = torch.compile(masked_lm_loss, fullgraph=True, backend="aot_eager")
    assert_agree(lambda: compiled(*batch, backend=backend), lambda: masked_lm_loss(*batch), leaves_of(batch))


@BACKENDS
def test_a_compiled_graph_looks_for_ids_out_of_range(backend, device):
    hidden, positions, *rest = a_batch(device=device)
    compiled = torch.compile(masked_lm_loss, fullgraph=True, backend="aot_eager")
    compiled(hidden, positions, *rest, backend=backend)
    wrong = positions.clone()
    wrong[1, 2] = 5
    with pytest.raises(IndexError, match=r"positions\[1, 2\]: expected an id in \[0, 5\), got 5"):
        compiled(hidden, wrong, *rest, backend=backend)
    labels = rest[1].clone()
    labels[0, 0] = -1
    with pytest.raises(IndexError, match=r"labels\[0, 0\]: expected an id in \[0, \d+\), got -1"):
        compiled(hidden, positions, torch.ones_like(rest[0]), labels, *rest[2:], backend=backend)


def test_bad_arguments_are_named():
    hidden, positions, weights, labels, decoder, bias = a_batch()
    with pytest.raises(IndexError, match=r"positions\[1, 2\]: expected an id in \[0, 5\), got 5"):
        wrong = positions.clone()
        wrong[1, 2] = 5
        masked_lm_loss(hidden, wrong, weights, labels, decoder, bias)
    with pytest.raises(IndexError, match=r"labels\[0, 1\]: expected an id in \[0, 11\), got -100"):
        wrong = labels.clone()
        wrong[0, 1], weights[0, 1] = -100, 1
        masked_lm_loss(hidden, positions, weights, wrong, decoder, bias)
    with pytest.raises(ValueError, match=r"decoder: expected the shape \(V, 8\), got \(11, 7\)"):
        masked_lm_loss(hidden, positions, weights, labels, decoder[:, :7], bias)
    with pytest.raises(ValueError, match=r"weights: expected the shape \(3, 4\), got \(3, 3\)"):
        masked_lm_loss(hidden, positions, weights[:, :3], labels, decoder, bias)
    with pytest.raises(
        TypeError, match=r"decoder: expected the dtype of hidden, torch.float32, got torch.bf"
    ):
        masked_lm_loss(hidden, positions, weights, labels, decoder.bfloat16(), bias)
    with pytest.raises(TypeError, match="positions: expected int32, int64, got float32"):
        masked_lm_loss(hidden, positions.float(), weights, labels, decoder, bias)
    with pytest.raises(ValueError, match="chunk_rows: expected at least 1, got 0"):
        masked_lm_loss(hidden, positions, weights, labels, decoder, bias, chunk_rows=0)
