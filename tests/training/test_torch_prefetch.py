"""Batches that are read ahead of time."""

import threading

import pytest
import torch

from fastnlp.training.torch_prefetch import _Ahead, prefetched


def batches(n=5, seen=None):
    for i in range(n):
        if seen is not None:
            seen.append(i)
        yield torch.full((3,), i), torch.full((2, 2), float(i))


def running():
    return [thread for thread in threading.enumerate() if thread.name == "fastnlp-prefetch"]


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_batches_come_in_order_and_as_they_are(device):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    found = list(prefetched(batches(), device))
    assert [[part.tolist() for part in batch] for batch in found] == [
        [part.tolist() for part in batch] for batch in batches()
    ]
    assert all(part.device.type == device for batch in found for part in batch)
    assert not running()


def test_on_the_cpu_it_is_the_plain_loop():
    seen = []
    given = prefetched(batches(seen=seen), "cpu")
    for i in range(3):
        next(given)
        assert seen == [*range(i + 1)]
    assert not running()


def test_no_more_than_two_are_ahead():
    taken, allowed = [], threading.Semaphore(0)

    def items():
        for i in range(20):
            taken.append(i)
            allowed.release()
            yield i

    with _Ahead(items()) as given:
        for _ in range(3):  # two wait, the third has been taken and finds no room
            assert allowed.acquire(timeout=10)
        assert not allowed.acquire(timeout=0.3)
        assert taken == [0, 1, 2]
        assert next(given) == 0
        assert allowed.acquire(timeout=10)
        assert taken == [0, 1, 2, 3]
    assert not running()


def test_an_error_comes_where_its_batch_would_have_come():
    def items():
        yield 1
        yield 2
        raise IndexError("center: expected less than 3, got 3")

    with _Ahead(items()) as given:
        assert [next(given), next(given)] == [1, 2]
        with pytest.raises(IndexError, match="center"):
            next(given)
    assert not running()


def test_who_stops_early_leaves_no_thread():
    with pytest.raises(KeyboardInterrupt), _Ahead(iter(range(10**9))) as given:
        assert next(given) == 0
        raise KeyboardInterrupt
    assert not running()
