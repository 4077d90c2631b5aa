"""What a GPU can do at most where fastnlp's kernels are bounded: the ceilings of the roofline in docs/gpu.md.

    python -m pytest benchmarks/bench_ceilings.py --benchmark-enable -s --benchmark-json=ceilings.json

Copies of memory; random rows of D float32 read from a table that the second-level cache holds; rows added
there by relaxed atomics. The kernels are tested in Triton's interpreter where there is no GPU.
"""

import pytest
from bench_kernels import copy_bandwidth, milliseconds

torch = pytest.importorskip("torch")
triton = pytest.importorskip("triton")
tl = pytest.importorskip("triton.language")

from fastnlp.kernels.triton.launching import OPTIONS  # noqa: E402

TABLE = 16 << 20  # bytes of a table: the L2 of an H200 holds three
ROWS = 1 << 22  # that are read or added
TILE, TILES = 16, 8  # rows that a program takes at a time, and how often


@triton.jit
def gather_rows(
    ids, table, sums, D: tl.constexpr, WIDTH: tl.constexpr, TILE: tl.constexpr, TILES: tl.constexpr
):
    """Sums of the TILE * TILES rows that each program reads, past the first-level cache: (programs, D)."""
    d = tl.arange(0, WIDTH)
    total = tl.zeros((WIDTH,), tl.float32)
    first = tl.program_id(0).to(tl.int64) * TILE * TILES
    for tile in range(TILES):
        rows = tl.load(ids + first + tile * TILE + tl.arange(0, TILE)).to(tl.int64)
        inside = (d < D)[None, :] & (rows >= 0)[:, None]
        found = tl.load(table + rows[:, None] * D + d[None, :], mask=inside, other=0.0, cache_modifier=".cg")
        total += tl.sum(found, 0)
    tl.store(sums + tl.program_id(0).to(tl.int64) * D + d, total, mask=d < D)


@triton.jit
def add_rows(ids, table, D: tl.constexpr, WIDTH: tl.constexpr, TILE: tl.constexpr, TILES: tl.constexpr):
    """Adds 1 to the TILE * TILES rows of each program."""
    d = tl.arange(0, WIDTH)
    ones = tl.full((TILE, WIDTH), 1.0, tl.float32)
    first = tl.program_id(0).to(tl.int64) * TILE * TILES
    for tile in range(TILES):
        rows = tl.load(ids + first + tile * TILE + tl.arange(0, TILE)).to(tl.int64)
        inside = (d < D)[None, :] & (rows >= 0)[:, None]
        tl.atomic_add(table + rows[:, None] * D + d[None, :], ones, mask=inside, sem="relaxed")


def gathering(ids, table):
    """(programs, D) sums of the rows of each program."""
    D, programs = table.shape[1], len(ids) // (TILE * TILES)
    sums = torch.empty(programs, D, device=table.device)
    gather_rows[(programs,)](
        ids, table, sums, D=D, WIDTH=triton.next_power_of_2(D), TILE=TILE, TILES=TILES, **OPTIONS
    )
    return sums


def adding(ids, table):
    """Adds 1 to the rows `ids` of a table, in place."""
    D, programs = table.shape[1], len(ids) // (TILE * TILES)
    add_rows[(programs,)](ids, table, D=D, WIDTH=triton.next_power_of_2(D), TILE=TILE, TILES=TILES, **OPTIONS)


def on(device):
    """A device as a parameter of a test, that of CUDA marked and skipped where it is not there."""
    gpu = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
    return pytest.param(device, marks=gpu if device == "cuda" else [])


@pytest.mark.parametrize("device", [on("cpu"), on("cuda")])
@pytest.mark.parametrize("D", [100, 128])
def test_rows_are_read_and_added(device, D):
    if device == "cpu" and torch.cuda.is_available():
        pytest.skip("the kernels are compiled for the CUDA device")
    torch.manual_seed(1)
    table, ids = torch.randn(7, D), torch.randint(7, (2 * TILE * TILES,), dtype=torch.int32)
    expected = table[ids].reshape(2, -1, D).sum(1)
    torch.testing.assert_close(gathering(ids.to(device), table.to(device)).cpu(), expected)
    counted = torch.zeros(7, D, device=device)
    adding(ids.to(device), counted)
    assert (counted.cpu() == torch.bincount(ids, minlength=7)[:, None]).all()


@pytest.mark.parametrize("device", [on("cuda")])
@pytest.mark.parametrize("D", [100, 128, 300])
def test_ceilings(benchmark, device, D):
    table = torch.zeros(TABLE // (4 * D), D, device=device)
    ids = torch.randint(len(table), (ROWS,), dtype=torch.int32, device=device)
    read, added = (
        ROWS / (milliseconds(lambda run=run: run(ids, table)) / 1e3) for run in (gathering, adding)
    )
    figures = {
        "gpu": torch.cuda.get_device_name(),
        "copied_bytes_a_second": copy_bandwidth(),
        "gathered_bytes_a_second": 4 * D * read,
        "gathered_rows_a_second": read,
        "added_rows_a_second": added,
    }
    print(f"\n{benchmark.name}: {figures}")
    benchmark.extra_info |= figures
    benchmark.pedantic(lambda: None, rounds=1)
