"""The operations of `fastnlp.kernels` beside torch, forward and backward.

On a GPU each is timed by CUDA events, beside the same in torch as it is and by `torch.compile`, and its time
is compared with the time that its bytes take at the copy bandwidth of that GPU, measured in the same run:

    python -m pytest benchmarks/bench_kernels.py --benchmark-enable -s --benchmark-json=kernels.json
"""

import os
import statistics

import pytest
from harness import compare

torch = pytest.importorskip("torch")
nn = torch.nn

from fastnlp.kernels import (  # noqa: E402
    glove_loss,
    masked_bce,
    masked_lm_loss,
    reference,
    skipgram_bce,
    subword_sum,
    tree_bce,
)
from fastnlp.sampling import HuffmanTree  # noqa: E402

TURNS = int(os.environ.get("FASTNLP_BENCH_TURNS", "3"))
SHAPES = {  # name: rows B, columns L, vocabulary V, dimension D
    "book": (512, 60, 6_719, 100),
    "large": (16_384, 60, 200_000, 128),
    "large-300": (16_384, 60, 200_000, 300),
}


def tables(V, D, device, count=2):
    return [(torch.randn(V, D, device=device) / D**0.5).requires_grad_() for _ in range(count)]


def zipf(V, shape, device):
    """Ids as texts have them: the probability of id k falls as 1 / (k + 10)."""
    weights = 1.0 / (torch.arange(V, dtype=torch.float64) + 10)
    drawn = torch.multinomial(weights, int(torch.tensor(shape).prod()), replacement=True)
    return drawn.reshape(shape).to(device)


def of_masked_bce(B, L, V, D, device):
    logits = torch.randn(B, L, device=device, requires_grad=True)
    mask, labels = (torch.rand(B, L, device=device) < p for p in (0.8, 0.2))
    # Read logits, labels, mask twice; write the gradient and the losses.
    return masked_bce, reference.masked_bce, (logits, labels, mask), B * L * (2 * (4 + 1 + 1) + 4) + 8 * B


def of_skipgram_bce(B, L, V, D, device):
    ids = zipf(V, (B,), device), zipf(V, (B, L), device)
    mask, labels = (torch.rand(B, L, device=device) < p for p in (0.8, 0.2))
    real = int(mask.sum())
    # A context's row is read, its gradient's read and written; ids, bits and errors; zeros of gradients.
    traffic = real * 4 * D * 3 + B * 4 * D * 6 + B * L * (2 * 8 + 2 + 2 * 4) + 2 * V * D * 4
    arguments = (*ids, labels, mask, *tables(V, D, device))
    return skipgram_bce, reference.skipgram_bce, arguments, traffic


def of_tree_bce(B, L, V, D, device):
    tree = HuffmanTree.from_counts([10_000_000 // (k + 10) for k in range(V)])
    paths = [torch.from_numpy(array.copy()).to(device) for array in (tree.path, tree.path_offsets)]
    centers, targets = zipf(V, (B,), device), zipf(V, (B,), device)
    steps = int((paths[1][targets + 1] - paths[1][targets]).sum())
    v, nodes = tables(V, D, device)
    # A node's row is read twice, and its gradient's is read and written.
    traffic = steps * (4 * D * 4 + 8) + B * 4 * D * 4 + 2 * V * D * 4
    return tree_bce, reference.tree_bce, (centers, targets, v, nodes, *paths), traffic


def of_glove_loss(B, L, V, D, device):
    N = B * L // 4
    pairs = zipf(V, (N,), device), zipf(V, (N,), device)
    counts = torch.rand(N, device=device) * 300
    biases = [torch.zeros(V, device=device, requires_grad=True) for _ in range(2)]
    # Both rows are read twice, and both gradients' are read and written.
    traffic = N * (2 * 4 * D * 4 + 60) + 2 * V * D * 4
    return glove_loss, reference.glove_loss, (*pairs, counts, *tables(V, D, device), *biases), traffic


def of_subword_sum(B, L, V, D, device):
    lengths = torch.randint(5, 40, (V,))
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)]).to(device)
    ids = torch.randint(V, (int(lengths.sum()),), dtype=torch.int32).to(device)
    words = zipf(V, (4 * B,), device)
    entries = int((offsets[words + 1] - offsets[words]).sum())
    traffic = entries * (4 * D * 3 + 8) + 4 * B * 4 * D * 2 + V * D * 4
    return subword_sum, reference.subword_sum, (words, ids, offsets, *tables(V, D, device, 1)), traffic


OPERATIONS = {
    f.__name__.removeprefix("of_"): f
    for f in (of_masked_bce, of_skipgram_bce, of_tree_bce, of_glove_loss, of_subword_sum)
}


def milliseconds(run, turns=50):
    """The median of what CUDA events say."""
    for _ in range(5):
        run()
    times = []
    for _ in range(turns):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times)


def copy_bandwidth():
    """Bytes a second, read and written, of copying 1 GiB."""
    source = torch.empty(1 << 28, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.nbytes / (milliseconds(lambda: target.copy_(source)) / 1e3)


def both_ways(function, arguments):
    """Runs forward and backward with an upstream gradient that is not 1."""
    leaves = [x for x in arguments if x.requires_grad]
    upstream = torch.full_like(function(*arguments), 0.5)

    def run():
        return torch.autograd.grad(function(*arguments), leaves, upstream)

    return run


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_fused_operation(benchmark, operation, shape):
    torch.manual_seed(1)
    fused, plain, arguments, traffic = OPERATIONS[operation](*SHAPES[shape], "cuda")
    trusted = {} if operation == "masked_bce" else {"validate": False}
    runs = {
        "fastnlp": both_ways(lambda *a: fused(*a, **trusted), arguments),
        "torch": both_ways(plain, arguments),
        "torch.compile": both_ways(torch.compile(plain), arguments),
    }
    for ours, theirs in zip(runs["fastnlp"](), runs["torch"](), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4 * theirs.abs().max().item())
    times = {name: milliseconds(run) for name, run in runs.items()}
    bound = 1e3 * traffic / copy_bandwidth()
    benchmark.extra_info |= {
        "gpu": torch.cuda.get_device_name(),
        "cuda": torch.version.cuda,
        "milliseconds": times,
        "bound_milliseconds": bound,
        "share_of_bound": bound / times["fastnlp"],
    }
    print(f"\n{operation} {shape}: bound {bound:.3f} ms, {100 * bound / times['fastnlp']:.0f}% of it reached")
    for name, time in times.items():
        print(f"  {name:<16} {time:9.3f} ms  {time / times['fastnlp']:6.2f}")
    benchmark.pedantic(lambda: None, rounds=1)


def masked_words(vocabulary, device, rows=640, hidden=128, dtype=torch.float32):
    x = torch.randn(rows, hidden, device=device).to(dtype).requires_grad_()
    decoder = (torch.randn(vocabulary, hidden, device=device) / hidden**0.5).to(dtype).requires_grad_()
    bias = torch.zeros(vocabulary, device=device, dtype=dtype, requires_grad=True)
    return (
        x,
        torch.ones(rows, device=device),
        torch.randint(vocabulary, (rows,), device=device),
        decoder,
        bias,
    )


def losses_of_masked_words(x, weights, labels, decoder, bias, **more):
    """Name to function of the mean loss: ours, all logits at once, and torch's own chunks if it has them."""

    def whole():
        logits = nn.functional.linear(x, decoder, bias).float()
        return (nn.functional.cross_entropy(logits, labels, reduction="none") * weights).sum() / weights.sum()

    found = {
        "fastnlp": lambda: masked_lm_loss(x, None, weights, labels, decoder, bias, **more),
        "cross_entropy": whole,
    }
    if hasattr(nn.functional, "linear_cross_entropy"):
        found["linear_cross_entropy"] = lambda: nn.functional.linear_cross_entropy(
            x, decoder, labels, linear_bias=bias
        )
    return found


@pytest.mark.usefixtures("one_torch_thread")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_masked_lm_loss_on_the_cpu(benchmark, dtype):
    """64 pairs of 10 masked words, the vocabulary of WikiText-2 and H = 128, one thread."""
    torch.manual_seed(1)
    x, *rest = masked_words(20_256, "cpu", dtype=getattr(torch, dtype))
    found = losses_of_masked_words(x, *rest)

    def trained(loss):
        value = loss()
        value.backward()
        return value.item()

    runs = {name: (lambda loss=loss: trained(loss)) for name, loss in found.items()}
    for run in runs.values():
        run()
    answers = compare(benchmark, runs.pop("fastnlp"), runs, turns=max(TURNS, 5)).answers
    assert max(answers.values()) - min(answers.values()) < 0.02 * answers["fastnlp"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("rows, hidden", [(1280, 128), (19_712, 768)])
def test_masked_lm_loss_on_the_gpu(benchmark, rows, hidden):
    torch.manual_seed(1)
    arguments = masked_words(30_522, "cuda", rows, hidden, torch.bfloat16)
    leaves = [x for x in arguments if x.requires_grad]
    found = losses_of_masked_words(*arguments, validate=False, compact=False)
    times, peaks = {}, {}
    for name, loss in found.items():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        times[name] = milliseconds(lambda loss=loss: torch.autograd.grad(loss(), leaves), turns=20)
        peaks[name] = (torch.cuda.max_memory_allocated() - before) >> 20
    flops = 3 * 2 * rows * hidden * 30_522
    benchmark.extra_info |= {
        "gpu": torch.cuda.get_device_name(),
        "milliseconds": times,
        "peak_mib": peaks,
        "teraflops": {name: flops / time / 1e9 for name, time in times.items()},
    }
    print(f"\nmasked_lm_loss of {rows} rows, H = {hidden}")
    for name, time in times.items():
        print(f"  {name:<22} {time:9.3f} ms  {peaks[name]:6d} MiB  {flops / time / 1e9:6.0f} TFLOP/s")
    benchmark.pedantic(lambda: None, rounds=1)
