"""How every benchmark here compares: ours and each peer in turns, in one process, on one prepared input."""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Comparison(NamedTuple):
    """What came of timing everybody in turns."""

    ratios: dict[str, float]
    """For each peer, how many times more of the clock's seconds it took."""
    answers: dict[str, Any]
    """What each returned in the last turn, ours under "fastnlp"."""


def process_and_children() -> float:
    """CPU seconds of this process, its threads, and the child processes it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def compare(
    benchmark: Any,
    ours: Callable[[], Any],
    peers: dict[str, Callable[[], Any]],
    turns: int = 3,
    clock: Callable[[], float] = process_and_children,
    fixed: dict[str, Callable[[], Any]] | None = None,
) -> Comparison:
    """Times ours and each peer in turns, and says how many times faster ours is.

    Ours runs before each peer and after the last one of a turn, all after a garbage collection. A peer's
    ratio is its time by the mean of ours just before and just after it, in the median over the turns: a
    machine that drifts moves it little, and so does one slow run of ours beside a peer that takes minutes.

    `fixed` has, for a peer that cannot do the job alone, a run of everything else that it does. It follows
    the peer in every turn, and its time is taken off.

    Returns:
        The ratios, and what everybody returned in the last turn.
    """

    def timed(run: Callable[[], Any]) -> tuple[float, float, Any]:
        gc.collect()
        start, started = clock(), time.perf_counter()
        answer = run()
        return clock() - start, time.perf_counter() - started, answer

    fixed = fixed or {}
    seconds: dict[str, list[float]] = {name: [] for name in ("fastnlp", *peers)}
    wall: dict[str, list[float]] = {name: [] for name in seconds}
    around: dict[str, list[float]] = {name: [] for name in peers}
    answers: dict[str, Any] = {}

    def add(name: str, spent: float, elapsed: float) -> None:
        seconds[name].append(spent)
        wall[name].append(elapsed)

    def run_ours() -> float:
        answers.pop("fastnlp", None)
        spent, elapsed, answers["fastnlp"] = timed(ours)
        add("fastnlp", spent, elapsed)
        return spent

    for _ in range(turns):
        before = run_ours()
        for name, run in peers.items():
            answers.pop(name, None)
            spent, elapsed, answers[name] = timed(run)
            if name in fixed:
                spent_besides, elapsed_besides, _ = timed(fixed[name])
                spent, elapsed = spent - spent_besides, elapsed - elapsed_besides
            add(name, spent, elapsed)
            after = run_ours()
            around[name].append(spent / ((before + after) / 2))
            before = after
    ratios = {name: statistics.median(each) for name, each in around.items()}
    report(benchmark, seconds, wall, ratios)
    return Comparison(ratios, answers)


def ratios_to(seconds: dict[str, list[float]], mine: str = "fastnlp") -> dict[str, float]:
    """For everybody else, the median over the turns of their seconds by ours."""
    return {
        name: statistics.median(b / a for a, b in zip(seconds[mine], each, strict=True))
        for name, each in seconds.items()
        if name != mine
    }


def report(
    benchmark: Any,
    seconds: dict[str, list[float]],
    wall: dict[str, list[float]],
    ratios: dict[str, float],
) -> None:
    """Stores the figures of a comparison with the benchmark and prints a line a side."""
    benchmark.extra_info["cpu_seconds"] = {name: statistics.median(each) for name, each in seconds.items()}
    benchmark.extra_info["wall_seconds"] = {name: statistics.median(each) for name, each in wall.items()}
    benchmark.extra_info["times_faster"] = {name: round(ratio, 2) for name, ratio in ratios.items()}
    print(f"\n{benchmark.name}")
    for name, each in seconds.items():
        faster = f"   {ratios[name]:.2f} times slower" if name in ratios else ""
        print(
            f"  {name:<24} {statistics.median(each):10.4f} CPU s  "
            f"{statistics.median(wall[name]):10.4f} s wall{faster}"
        )
    # pytest-benchmark keeps a record only of what it has timed itself.
    benchmark.pedantic(lambda: None, rounds=1)
