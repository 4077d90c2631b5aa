import pytest
import torch
from kernels.agreement import DTYPES, assert_agree

from fastnlp import d2l
from fastnlp.kernels import glove_loss, reference

BACKENDS = pytest.mark.parametrize("backend", ["triton", "torch"])


def a_batch(N=20, V=7, U=9, D=6, dtype=torch.float32, device="cpu", seed=0):
    """(rows, columns, counts, words, contexts, word_biases, context_biases); a fifth of the counts is 0."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(shape, generator=generator).to(device, dtype).requires_grad_()

    ids = (torch.randint(bound, (N,), generator=generator).to(device) for bound in (V, U))
    counts = (torch.rand(N, generator=generator) * 300).to(device)
    counts[::5] = 0
    return *ids, counts, normal(V, D), normal(U, D), normal(V), normal(U)


def tables_of(batch):
    return batch[3:]


@BACKENDS
def test_it_is_the_books_loss(backend, device):
    rows, columns, counts, u, v, b, c = batch = a_batch(device=device)
    expected = d2l.glove_loss(u[rows], v[columns], b[rows], c[columns], counts)
    torch.testing.assert_close(glove_loss(*batch, backend=backend), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("N", "D"), [(1, 1), (50, 20), (3, 130)])
def test_triton_agrees_with_the_reference(N, D, dtype, sparse, device):
    batch = a_batch(N, D=D, dtype=dtype, device=device)
    assert_agree(
        lambda: glove_loss(*batch, x_max=50, alpha=0.5, sparse=sparse, backend="triton"),
        lambda: glove_loss(*batch, x_max=50, alpha=0.5, sparse=sparse, backend="torch"),
        tables_of(batch),
    )


def test_triton_reads_strided_arguments(device):
    rows, columns, counts, u, v, b, c = a_batch(device=device)
    v = v.detach().T.contiguous().T.requires_grad_()
    b = torch.stack([b.detach(), b.detach()], 1)[:, 0].requires_grad_()
    arguments = rows.repeat(2)[::2], columns.int(), counts.double(), u, v, b, c
    assert_agree(
        lambda: glove_loss(*arguments, backend="triton"),
        lambda: glove_loss(*arguments, backend="torch"),
        [u, v, b, c],
    )
    glove_loss(*arguments, backend="triton").sum().backward()


@BACKENDS
def test_pairs_that_never_occur_and_no_pairs_cost_nothing(backend, device):
    batch = list(a_batch(device=device))
    batch[2] = torch.zeros_like(batch[2])
    with torch.no_grad():
        batch[3].fill_(float("nan"))
    losses = glove_loss(*batch, backend="triton")
    losses.sum().backward()
    assert not losses.any()
    assert not any(table.grad.any() for table in tables_of(batch))
    empty = glove_loss(*(x[:0] for x in batch[:3]), *tables_of(batch), backend=backend)
    empty.sum().backward()
    assert empty.shape == (0,)


def test_deterministic_gradients_are_the_same(device):
    batch = a_batch(device=device)
    torch.use_deterministic_algorithms(True)
    try:
        assert_agree(
            lambda: glove_loss(*batch, backend="triton"),
            lambda: glove_loss(*batch, backend="torch"),
            tables_of(batch),
        )
    finally:
        torch.use_deterministic_algorithms(False)


def test_the_reference_has_the_gradient_of_its_values():
    *pairs, u, v, b, c = a_batch(8, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda *tables: reference.glove_loss(*pairs, *tables), (u, v, b, c))


def test_the_operator_keeps_torchs_rules(device):
    arguments = (*a_batch(device=device), 0.75, 4.6, False, True)
    torch.library.opcheck(torch.ops.fastnlp.glove_loss.default, arguments)


@BACKENDS
def test_it_compiles_into_one_graph(backend, device):
    batch = a_batch(device=device)
    compiled = torch.compile(glove_loss, fullgraph=True, backend="aot_eager")
    assert_agree(lambda: compiled(*batch, backend=backend), lambda: glove_loss(*batch), tables_of(batch))


@BACKENDS
def test_bad_pairs_are_named(backend, device):
    rows, columns, counts, *tables = a_batch(device=device)
    for bad in (-1.0, float("nan"), float("inf")):
        wrong = counts.clone()
        wrong[7] = bad
        with pytest.raises(ValueError, match=rf"counts\[7\]: expected a number of at least 0, got {bad}"):
            glove_loss(rows, columns, wrong, *tables, backend=backend)
    with pytest.raises(IndexError, match=r"columns\[\d+\]: expected an id in \[0, 9\)"):
        glove_loss(rows, columns + 9, counts, *tables, backend=backend)
    with pytest.raises(IndexError, match=r"rows\[0\]: expected an id in \[0, 7\)"):
        glove_loss(rows - 7, columns, counts, *tables, backend=backend)
    with pytest.raises(ValueError, match="x_max: expected a number above 0, got 0"):
        glove_loss(rows, columns, counts, *tables, x_max=0, backend=backend)
    with pytest.raises(ValueError, match="alpha: expected a number of at least 0, got -1"):
        glove_loss(rows, columns, counts, *tables, alpha=-1, backend=backend)
    with pytest.raises(ValueError, match=r"word_biases: expected the shape \(7,\), got \(6,\)"):
        glove_loss(rows, columns, counts, *tables[:2], tables[2][:6], tables[3], backend=backend)
