import pytest
import torch
from kernels.agreement import DTYPES, TOLERANCES, assert_agree, dense

from fastnlp import d2l
from fastnlp.kernels import masked_bce, reference, skipgram_bce


def a_batch(B=5, L=7, V=11, U=13, D=6, dtype=torch.float32, device="cpu", seed=0):
    """(centers, contexts, labels, mask, v_table, u_table); the second row is padding alone."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(B, L, generator=generator) < 0.7
    mask[1:2] = False
    contexts = torch.where(mask, torch.randint(U, (B, L), generator=generator), 0)

    def table(rows):
        return torch.randn(rows, D, generator=generator).to(device, dtype).requires_grad_()

    arrays = torch.randint(V, (B,), generator=generator), contexts, contexts % 3 == 0, mask
    return *(array.to(device) for array in arrays), table(V), table(U)


def test_it_is_the_books_score_and_loss():
    centers, contexts, labels, mask, _, _ = batch = a_batch()
    net = [torch.nn.Embedding.from_pretrained(table, freeze=False) for table in batch[4:]]
    scores = d2l.skip_gram(centers[:, None], contexts, *net)[:, 0]
    torch.testing.assert_close(skipgram_bce(*batch), masked_bce(scores, labels, mask))


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("B", "L", "D"), [(1, 1, 1), (4, 40, 20), (3, 5, 130)])
def test_triton_agrees_with_the_reference(B, L, D, dtype, sparse, device):
    batch = a_batch(B, L, D=D, dtype=dtype, device=device)
    assert_agree(
        lambda: skipgram_bce(*batch, sparse=sparse, backend="triton"),
        lambda: skipgram_bce(*batch, sparse=sparse, backend="torch"),
        batch[4:],
    )


def test_triton_reads_padded_and_transposed_tables(device):
    *ids, v_table, u_table = a_batch(device=device)
    v_table = torch.nn.functional.pad(v_table.detach(), (0, 2))[:, :6].requires_grad_()
    u_table = u_table.detach().T.contiguous().T.requires_grad_()
    ids = [ids[0], *(torch.stack([x, x], 2)[:, :, 0] for x in ids[1:])]
    assert_agree(
        lambda: skipgram_bce(*ids, v_table, u_table, backend="triton"),
        lambda: skipgram_bce(*ids, v_table, u_table, backend="torch"),
        [v_table, u_table],
    )
    skipgram_bce(*ids, v_table, u_table, backend="triton").sum().backward()  # of an upstream with stride 0


@pytest.mark.parametrize(("B", "L"), [(0, 3), (2, 0)])
@pytest.mark.parametrize("backend", ["triton", "torch"])
def test_nothing_costs_nothing(B, L, backend, device):
    batch = a_batch(B, L, device=device)
    losses = skipgram_bce(*batch, backend=backend)
    losses.sum().backward()
    assert losses.tolist() == [0.0] * B
    assert not any(table.grad.any() for table in batch[4:])


@pytest.mark.parametrize("backend", ["triton", "torch"])
def test_ids_are_32_or_64_bits_and_any_where_masked(backend, device):
    centers, contexts, labels, mask, *tables = a_batch(device=device)
    expected = skipgram_bce(centers, contexts, labels, mask, *tables)
    odd = torch.where(mask, contexts, -7).int()
    losses = skipgram_bce(centers.int(), odd, labels, mask, *tables, backend=backend)
    losses.sum().backward()
    torch.testing.assert_close(losses, expected)


@pytest.mark.parametrize("backend", ["triton", "torch"])
def test_nan_stays_in_its_rows(backend, device):
    centers, contexts, labels, mask, v_table, u_table = a_batch(device=device)
    contexts[0, 0], mask[0, 0] = 12, True
    touches = ((contexts == 12) & mask).any(1)
    with torch.no_grad():
        u_table[12] = float("nan")
    losses = skipgram_bce(centers, contexts, labels, mask, v_table, u_table, backend=backend)
    assert losses.isnan().tolist() == touches.tolist()


def test_deterministic_gradients_are_the_same(device):
    batch = a_batch(B=8, L=12, V=3, U=3, device=device)
    torch.use_deterministic_algorithms(True)
    try:
        assert_agree(
            lambda: skipgram_bce(*batch, backend="triton"),
            lambda: skipgram_bce(*batch, backend="torch"),
            batch[4:],
        )
    finally:
        torch.use_deterministic_algorithms(False)


def test_without_gradients_nothing_is_kept_for_them(device):
    batch = a_batch(device=device)
    with torch.no_grad():
        losses = skipgram_bce(*batch, backend="triton")
    torch.testing.assert_close(losses, skipgram_bce(*batch, backend="torch").detach())
    frozen = [table.detach() for table in batch[4:]]
    assert not skipgram_bce(*batch[:4], *frozen, backend="triton").requires_grad


def test_one_table_may_be_both(device):
    *ids, table, _ = a_batch(V=13, device=device)
    assert_agree(
        lambda: skipgram_bce(*ids, table, table, backend="triton"),
        lambda: skipgram_bce(*ids, table, table, backend="torch"),
        [table],
    )


def test_the_reference_has_the_gradient_of_its_values():
    *ids, v_table, u_table = a_batch(dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda v, u: reference.skipgram_bce(*ids, v, u), (v_table, u_table))


def test_the_operator_keeps_torchs_rules(device):
    batch = a_batch(device=device)
    torch.library.opcheck(torch.ops.fastnlp.skipgram_bce.default, (*batch, True, False, True))


@pytest.mark.parametrize("backend", ["triton", "torch"])
def test_it_compiles_into_one_graph(backend, device):
    batch = a_batch(device=device)
    compiled = torch.compile(skipgram_bce, fullgraph=True, backend="aot_eager")
    assert_agree(lambda: compiled(*batch, backend=backend), lambda: skipgram_bce(*batch), batch[4:])


@pytest.mark.parametrize("backend", ["triton", "torch"])
def test_ids_out_of_range_are_named(backend, device):
    centers, contexts, labels, mask, *tables = a_batch(device=device)
    contexts[2, 3], mask[2, 3] = 13, True
    with pytest.raises(IndexError, match=r"contexts\[2, 3\]: expected an id in \[0, 13\), got 13"):
        skipgram_bce(centers, contexts, labels, mask, *tables, backend=backend)
    centers[4] = -1
    with pytest.raises(IndexError, match=r"centers\[4\]: expected an id in \[0, 11\), got -1"):
        skipgram_bce(centers, contexts, labels, mask, *tables, backend=backend)


def test_bad_arguments_are_named(device):
    centers, contexts, labels, mask, v_table, u_table = a_batch(device=device)
    with pytest.raises(TypeError, match="centers: expected int32, int64, got float32"):
        skipgram_bce(centers.float(), contexts, labels, mask, v_table, u_table)
    with pytest.raises(ValueError, match=r"contexts: expected the shape \(4, L\), got \(5, 7\)"):
        skipgram_bce(centers[:4], contexts, labels, mask, v_table, u_table)
    with pytest.raises(ValueError, match=r"u_table: expected the shape \(U, 6\), got \(13, 5\)"):
        skipgram_bce(centers, contexts, labels, mask, v_table, u_table[:, :5])
    with pytest.raises(TypeError, match="u_table: expected float32, got bfloat16"):
        skipgram_bce(centers, contexts, labels, mask, v_table, u_table.bfloat16())
    wide = torch.zeros(13, 4097, device=device)
    with pytest.raises(
        ValueError, match="v_table: expected 1 to 4096 columns for backend 'triton', got 4097"
    ):
        skipgram_bce(centers, contexts, labels, mask, wide, wide, backend="triton")


def test_sparse_gradients_train_with_torchs_sparse_optimizers(device):
    dense_batch, sparse_batch = a_batch(device=device), a_batch(device=device)
    skipgram_bce(*dense_batch, backend="triton").sum().backward()
    skipgram_bce(*sparse_batch, sparse=True, backend="triton").sum().backward()
    torch.optim.SGD(sparse_batch[4:], lr=0.1).step()
    torch.optim.SGD(dense_batch[4:], lr=0.1).step()
    for ours, theirs in zip(sparse_batch[4:], dense_batch[4:], strict=True):
        assert ours.grad.layout == torch.sparse_coo
        torch.testing.assert_close(
            dense(ours.grad), theirs.grad, rtol=TOLERANCES[torch.float32][0], atol=1e-6
        )
        torch.testing.assert_close(ours, theirs)
