import pytest
import torch
from kernels.agreement import DTYPES, assert_agree

from fastnlp import d2l
from fastnlp.kernels import reference, subword_sum

BACKENDS = pytest.mark.parametrize("backend", ["triton", "torch"])
MODES = pytest.mark.parametrize("mode", ["mean", "sum"])


def a_batch(R=11, D=6, dtype=torch.float32, device="cpu", seed=0):
    """(words, ids, offsets, table); lists of 0 to 40 entries."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([3, 0, 40, 1, 17])
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)]).to(device)
    ids = torch.randint(R, (61,), generator=generator).to(device, torch.int32)
    table = torch.randn(R, D, generator=generator).to(device, dtype).requires_grad_()
    return torch.tensor([[2, 0, 4], [1, 2, 3]], device=device), ids, offsets, table


@BACKENDS
def test_it_is_the_books_sum(backend, device):
    embed = d2l.SubwordEmbedding(["where", "there", "the"], 4).to(device)
    words = torch.tensor([[0, 2], [1, 1]], device=device)
    ours = subword_sum(words, embed.ids, embed.offsets, embed.weight, mode="sum", backend=backend)
    torch.testing.assert_close(ours, embed(words))


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("D", [1, 20, 130])
@MODES
def test_triton_agrees_with_the_reference(mode, D, dtype, sparse, device):
    batch = a_batch(D=D, dtype=dtype, device=device)
    assert_agree(
        lambda: subword_sum(*batch, mode=mode, sparse=sparse, backend="triton"),
        lambda: subword_sum(*batch, mode=mode, sparse=sparse, backend="torch"),
        batch[3:],
    )


def test_triton_reads_transposed_tables_and_upstreams(device):
    words, ids, offsets, table = a_batch(device=device)
    table = table.detach().T.contiguous().T.requires_grad_()
    assert_agree(
        lambda: subword_sum(words, ids.long(), offsets, table, backend="triton").transpose(1, 2),
        lambda: subword_sum(words, ids, offsets, table, backend="torch").transpose(1, 2),
        [table],
    )
    subword_sum(words, ids, offsets, table, backend="triton").sum().backward()


@BACKENDS
@MODES
def test_words_without_rows_and_no_words_are_zeros(mode, backend, device):
    words, ids, offsets, table = a_batch(device=device)
    assert not subword_sum(words[1, :1], ids, offsets, table, mode=mode, backend=backend).any()
    empty = subword_sum(words[:0], ids, offsets, table, mode=mode, backend=backend)
    empty.sum().backward()
    assert empty.shape == (0, 3, 6)


@MODES
def test_deterministic_gradients_are_the_same(mode, device):
    batch = a_batch(device=device)
    torch.use_deterministic_algorithms(True)
    try:
        assert_agree(
            lambda: subword_sum(*batch, mode=mode, backend="triton"),
            lambda: subword_sum(*batch, mode=mode, backend="torch"),
            batch[3:],
        )
    finally:
        torch.use_deterministic_algorithms(False)


@MODES
def test_the_reference_has_the_gradient_of_its_values(mode):
    words, ids, offsets, table = a_batch(D=2, dtype=torch.float64)
    lists = words.reshape(-1), ids, offsets
    assert torch.autograd.gradcheck(lambda t: reference.subword_sum(*lists, t, mode=mode), table)


def test_the_operator_keeps_torchs_rules(device):
    words, ids, offsets, table = a_batch(device=device)
    arguments = (words.reshape(-1), ids, offsets, table, True, False, True)
    torch.library.opcheck(torch.ops.fastnlp.subword_sum.default, arguments)


@BACKENDS
def test_it_compiles_into_one_graph(backend, device):
    batch = a_batch(device=device)
    compiled = torch.compile(subword_sum, fullgraph=True, backend="aot_eager")
    assert_agree(lambda: compiled(*batch, backend=backend), lambda: subword_sum(*batch), batch[3:])


@BACKENDS
def test_what_lies_outside_is_named(backend, device):
    words, ids, offsets, table = a_batch(device=device)
    with pytest.raises(IndexError, match=r"words\[0\]: expected an id in \[0, 5\), got 5"):
        subword_sum(words + 3, ids, offsets, table, backend=backend)
    wrong = ids.clone()
    wrong[44] = 11
    with pytest.raises(IndexError, match=r"ids\[44\]: expected an id in \[0, 11\), got 11"):
        subword_sum(words, wrong, offsets, table, backend=backend)
    with pytest.raises(ValueError, match="offsets: expected them to rise from 0 to 50, got 44 and 61 at 4"):
        subword_sum(words, ids[:50], offsets, table, backend=backend)
    with pytest.raises(ValueError, match="mode: expected 'mean' or 'sum', got 'max'"):
        subword_sum(words, ids, offsets, table, mode="max", backend=backend)
