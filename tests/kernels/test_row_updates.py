import math

import pytest
import torch
from kernels.agreement import DTYPES, TOLERANCES

from fastnlp.kernels import adagrad_rows_, adam_rows_, reference, sgd_rows_

BACKENDS = pytest.mark.parametrize("backend", ["triton", "torch"])


def a_step(V=7, D=5, N=20, dtype=torch.float32, device="cpu", seed=0):
    """(table, means, squares, rows, gradients); some rows come several times and some never."""
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn(V, D, generator=generator).to(device, dtype)
    means, squares = (torch.rand(V, D, generator=generator).to(device) for _ in range(2))
    rows = torch.randint(V - 2, (N,), generator=generator).to(device)
    return table, means, squares, rows, torch.randn(N, D, generator=generator).to(device, dtype)


STEPS = {
    "sgd": lambda t, m, s, r, g, **more: sgd_rows_(t, r, g, lr=0.1, **more),
    "adagrad": lambda t, m, s, r, g, **more: adagrad_rows_(t, s, r, g, lr=0.1, **more),
    "adam": lambda t, m, s, r, g, **more: adam_rows_(t, m, s, r, g, step=3, lr=0.1, **more),
}
RULES = pytest.mark.parametrize("rule", STEPS)


@BACKENDS
@RULES
def test_torchs_sparse_optimizers_make_the_same_steps(rule, backend, device):
    table, _, _, rows, gradients = a_step(device=device)
    parameter = table.clone().requires_grad_()
    optimizer = {
        "sgd": torch.optim.SGD,
        "adagrad": torch.optim.Adagrad,
        "adam": torch.optim.SparseAdam,
    }[rule]([parameter], lr=0.1)
    means, squares = torch.zeros_like(table), torch.zeros_like(table)
    for step in (1, 2, 3):
        with torch.sparse.check_sparse_tensor_invariants():
            parameter.grad = torch.sparse_coo_tensor(rows[None], gradients * step, table.shape).coalesce()
            optimizer.step()
        if rule == "sgd":
            sgd_rows_(table, rows, gradients * step, lr=0.1, backend=backend)
        elif rule == "adagrad":
            adagrad_rows_(table, squares, rows, gradients * step, lr=0.1, backend=backend)
        else:
            adam_rows_(table, means, squares, rows, gradients * step, step=step, lr=0.1, backend=backend)
    torch.testing.assert_close(table, parameter.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("V", "D", "N"), [(3, 1, 1), (4, 20, 70), (9, 130, 3)])
@RULES
def test_triton_agrees_with_the_reference(rule, V, D, N, dtype, device):
    ours, theirs = (a_step(V, D, N, dtype, device) for _ in range(2))
    untouched = ours[0][-2:].clone()
    assert STEPS[rule](*ours, backend="triton") is ours[0]
    STEPS[rule](*theirs, backend="torch")
    rtol, atol = TOLERANCES[dtype]
    for got, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(got, wanted, rtol=rtol, atol=atol)
    assert torch.equal(ours[0][-2:], untouched)


@RULES
def test_triton_reads_padded_tables_and_strided_gradients(rule, device):
    ours, theirs = (list(a_step(device=device)) for _ in range(2))
    ours[0] = torch.nn.functional.pad(ours[0], (0, 3), value=7.0)[:, :5]
    ours[4] = ours[4].T.contiguous().T
    ours[3] = ours[3].int()
    STEPS[rule](*ours, backend="triton")
    STEPS[rule](*theirs, backend="torch")
    torch.testing.assert_close(ours[0], theirs[0])
    assert (ours[0].as_strided((7, 3), (8, 1), 5) == 7).all()


@BACKENDS
@RULES
def test_no_rows_change_nothing(rule, backend, device):
    step = a_step(N=0, device=device)
    before = [tensor.clone() for tensor in step]
    STEPS[rule](*step, backend=backend)
    assert all(map(torch.equal, step, before))


@BACKENDS
def test_parameters_that_want_gradients_are_changed_too(backend, device):
    table, _, _, rows, gradients = a_step(device=device)
    parameter = table.clone().requires_grad_()
    sgd_rows_(parameter, rows, gradients, lr=1.0, backend=backend)
    assert not torch.equal(parameter.detach(), table)
    assert parameter.is_leaf


@RULES
def test_the_reference_keeps_float64(rule):
    step = [x.double() if x.is_floating_point() else x for x in a_step()]
    wide = {
        "sgd": lambda t, m, s, r, g: reference.sgd_rows_(t, r, g, lr=0.1),
        "adagrad": lambda t, m, s, r, g: reference.adagrad_rows_(t, s, r, g, lr=0.1),
        "adam": lambda t, m, s, r, g: reference.adam_rows_(t, m, s, r, g, step=3, lr=0.1),
    }[rule]
    single = a_step()
    wide(*step)
    STEPS[rule](*single)
    assert step[0].dtype == torch.float64
    torch.testing.assert_close(step[0].float(), single[0])


@BACKENDS
def test_the_operators_keep_torchs_rules(backend, device):
    table, means, squares, rows, gradients = a_step(device=device)
    ops = torch.ops.fastnlp
    calls = (
        (ops.sgd_rows_, (table, rows, gradients, 0.1, True, backend)),
        (ops.adagrad_rows_, (table, squares, rows, gradients, 0.1, 1e-10, True, backend)),
        (ops.adam_rows_, (table, means, squares, rows, gradients, 1, 0.1, 0.9, 0.999, 1e-8, True, backend)),
    )
    for op, arguments in calls:
        torch.library.opcheck(op.default, arguments, test_utils=("test_schema", "test_faketensor"))


@BACKENDS
@RULES
def test_they_compile_into_one_graph(rule, backend, device):
    ours, theirs = (a_step(device=device) for _ in range(2))
    torch.compile(STEPS[rule], fullgraph=True, backend="aot_eager")(*ours, backend=backend)
    STEPS[rule](*theirs)
    torch.testing.assert_close(ours[0], theirs[0])


@BACKENDS
def test_bad_arguments_are_named(backend, device):
    table, means, squares, rows, gradients = a_step(device=device)
    wrong = rows.clone()
    wrong[3] = 7
    with pytest.raises(IndexError, match=r"rows\[3\]: expected an id in \[0, 7\), got 7"):
        sgd_rows_(table, wrong, gradients, lr=0.1, backend=backend)
    with pytest.raises(ValueError, match=r"gradients: expected the shape \(20, 5\), got \(20, 4\)"):
        sgd_rows_(table, rows, gradients[:, :4], lr=0.1, backend=backend)
    with pytest.raises(ValueError, match=r"table: expected rows that lie in one piece, got strides \(1, 7\)"):
        sgd_rows_(table.T.contiguous().T, rows, gradients, lr=0.1, backend=backend)
    with pytest.raises(ValueError, match=r"lr: expected a finite number, .* got nan"):
        sgd_rows_(table, rows, gradients, lr=math.nan, backend=backend)
    with pytest.raises(TypeError, match="squares: expected float32, got float64"):
        adagrad_rows_(table, squares.double(), rows, gradients, lr=0.1, backend=backend)
    with pytest.raises(ValueError, match="squares: expected a contiguous tensor"):
        adagrad_rows_(table, squares.T.contiguous().T, rows, gradients, lr=0.1, backend=backend)
    with pytest.raises(ValueError, match="step: expected at least 1, got 0"):
        adam_rows_(table, means, squares, rows, gradients, step=0, lr=0.1, backend=backend)
    with pytest.raises(ValueError, match=r"betas: expected two numbers in \[0, 1\), got \(0.9, 1.0\)"):
        adam_rows_(table, means, squares, rows, gradients, step=1, lr=0.1, betas=(0.9, 1.0), backend=backend)
