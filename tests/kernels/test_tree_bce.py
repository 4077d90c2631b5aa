import pytest
import torch
from kernels.agreement import DTYPES, assert_agree

from fastnlp.kernels import reference, tree_bce
from fastnlp.models import tree_log_probabilities
from fastnlp.sampling import HuffmanTree

COUNTS = [40, 21, 20, 9, 5, 4, 2, 1, 1]
BACKENDS = pytest.mark.parametrize("backend", ["triton", "torch"])


def a_batch(counts=COUNTS, B=12, C=5, D=6, dtype=torch.float32, device="cpu", seed=0):
    """(centers, targets, v_table, node_table, path, path_offsets)"""
    generator = torch.Generator().manual_seed(seed)
    tree = HuffmanTree.from_counts(counts)

    def table(rows):
        return torch.randn(rows, D, generator=generator).to(device, dtype).requires_grad_()

    ids = (torch.randint(bound, (B,), generator=generator).to(device) for bound in (C, len(counts)))
    paths = (torch.from_numpy(array.copy()).to(device) for array in (tree.path, tree.path_offsets))
    return *ids, table(C), table(max(len(counts) - 1, 1)), *paths


def tables_of(batch):
    return [batch[2], batch[3]]


@BACKENDS
def test_it_is_the_models_probability(backend, device):
    _, _, v_table, nodes, *paths = a_batch(device=device)
    tree = HuffmanTree.from_counts(COUNTS)
    words = torch.arange(len(COUNTS), device=device)
    losses = tree_bce(torch.full_like(words, 3), words, v_table, nodes, *paths, backend=backend)
    h, u = (tensor.detach().cpu().numpy() for tensor in (v_table[3], nodes))
    expected = -torch.from_numpy(tree_log_probabilities(h, u, tree))
    torch.testing.assert_close(losses.detach().cpu(), expected.float())
    assert torch.exp(-losses).sum().item() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_triton_agrees_with_the_reference(dtype, sparse, device):
    batch = a_batch(dtype=dtype, device=device)
    assert_agree(
        lambda: tree_bce(*batch, sparse=sparse, backend="triton"),
        lambda: tree_bce(*batch, sparse=sparse, backend="torch"),
        tables_of(batch),
    )


def test_paths_longer_than_a_tile(device):
    batch = a_batch([2**n for n in range(22)], B=6, D=130, device=device)
    batch[1][:] = torch.tensor([0, 1, 5, 10, 20, 21])
    assert_agree(
        lambda: tree_bce(*batch, backend="triton"),
        lambda: tree_bce(*batch, backend="torch"),
        tables_of(batch),
    )


def test_triton_reads_padded_tables_and_ids_of_32_bits(device):
    centers, targets, v_table, nodes, path, offsets = a_batch(device=device)
    nodes = torch.nn.functional.pad(nodes.detach(), (0, 2))[:, :6].requires_grad_()
    arguments = centers.int(), targets.int(), v_table, nodes, path.long(), offsets
    assert_agree(
        lambda: tree_bce(*arguments, backend="triton"),
        lambda: tree_bce(*arguments, backend="torch"),
        [v_table, nodes],
    )


@BACKENDS
def test_words_without_a_path_and_no_words_cost_nothing(backend, device):
    centers, targets, v_table, nodes, path, offsets = a_batch([5, 0, 3], device=device)
    targets[:] = 1
    losses = tree_bce(centers, targets, v_table, nodes, path, offsets, backend=backend)
    losses.sum().backward()
    assert not losses.any()
    assert not v_table.grad.any()
    empty = tree_bce(centers[:0], targets[:0], v_table, nodes, path, offsets, backend=backend)
    empty.sum().backward()
    assert empty.shape == (0,)


def test_deterministic_gradients_are_the_same(device):
    batch = a_batch(device=device)
    torch.use_deterministic_algorithms(True)
    try:
        assert_agree(
            lambda: tree_bce(*batch, backend="triton"),
            lambda: tree_bce(*batch, backend="torch"),
            tables_of(batch),
        )
    finally:
        torch.use_deterministic_algorithms(False)


def test_the_reference_has_the_gradient_of_its_values():
    centers, targets, v_table, nodes, *paths = a_batch(B=5, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda v, u: reference.tree_bce(centers, targets, v, u, *paths), (v_table, nodes)
    )


def test_the_operator_keeps_torchs_rules(device):
    torch.library.opcheck(torch.ops.fastnlp.tree_bce.default, (*a_batch(device=device), False, True))


@BACKENDS
@pytest.mark.parametrize("sparse", [False, True])
def test_it_compiles_into_one_graph(sparse, backend, device):
    if sparse and backend == "torch":
        pytest.skip("plain torch has no graph for lists whose lengths are known when it runs")
    batch = a_batch(device=device)
    compiled = torch.compile(tree_bce, fullgraph=True, backend="aot_eager")
    assert_agree(
        lambda: compiled(*batch, sparse=sparse, backend=backend),
        lambda: tree_bce(*batch, sparse=sparse),
        tables_of(batch),
    )


@BACKENDS
def test_what_lies_outside_is_named(backend, device):
    centers, targets, v_table, nodes, path, offsets = a_batch(device=device)
    with pytest.raises(IndexError, match=r"centers\[2\]: expected an id in \[0, 5\), got 5"):
        wrong = centers.clone()
        wrong[2] = 5
        tree_bce(wrong, targets, v_table, nodes, path, offsets, backend=backend)
    with pytest.raises(IndexError, match=r"targets\[0\]: expected an id in \[0, 9\), got 9"):
        tree_bce(centers, targets + 9 - targets[0], v_table, nodes, path, offsets, backend=backend)
    with pytest.raises(IndexError, match=r"path\[\d+\]: expected an id in \[0, 14\), got 1[45]"):
        tree_bce(centers, targets, v_table, nodes[:7], path, offsets, backend=backend)
    with pytest.raises(ValueError, match=r"path_offsets: expected them to rise from 0 to \d+, got"):
        tree_bce(centers, targets, v_table, nodes, path, offsets.flip(0), backend=backend)
    with pytest.raises(TypeError, match="path_offsets: expected int64, got int32"):
        tree_bce(centers, targets, v_table, nodes, path, offsets.int(), backend=backend)
