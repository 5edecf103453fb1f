"""Measures calls beside a ProcessPoolExecutor that does the same, in the same run.

    python3 sdk-python/bench/bench.py [--runs 3] [--calls 2000] [--workers 2]

Both have as many worker processes, and both echo the same number. A call at depth 1 waits for its answer before the
next begins; at depth 256 so many are under way at a time. Medians of repeated runs are printed. The supervisor keeps a
ledger of the calls; the executor keeps nothing. WHIPPER_BIN names the whipper program, or else bin/whipper of the
repository.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE)]

import whipper  # noqa: E402
from echo import echo  # noqa: E402

DEPTH = 256

Begin = Callable[[int], "Future[Any]"]


def one_by_one(call: Callable[[int], object], calls: int) -> list[float]:
    """How many seconds each call took."""
    times = []
    for number in range(calls):
        began = time.perf_counter()
        call(number)
        times.append(time.perf_counter() - began)
    return times


def side_by_side(begin: Begin, calls: int) -> float:
    """Calls a second, with DEPTH of them under way."""
    began = time.perf_counter()
    under_way: deque[Future[Any]] = deque()
    for number in range(calls):
        if len(under_way) == DEPTH:
            under_way.popleft().result()
        under_way.append(begin(number))
    while under_way:
        under_way.popleft().result()
    return calls / (time.perf_counter() - began)


async def side_by_side_async(client: whipper.AsyncClient, calls: int) -> float:
    """The same with tasks."""
    numbers = iter(range(calls))

    async def work() -> None:
        for number in numbers:
            await client.invoke("echo", number)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(DEPTH)))
    return calls / (time.perf_counter() - began)


async def one_by_one_async(client: whipper.AsyncClient, calls: int) -> list[float]:
    """The same with tasks."""
    times = []
    for number in range(calls):
        began = time.perf_counter()
        await client.invoke("echo", number)
        times.append(time.perf_counter() - began)
    return times


def measure(calls: int, workers: int) -> dict[str, tuple[list[float], float]]:
    """Times at depth 1 and calls a second at depth 256, of each."""
    found = {}
    options: Any = {"min_workers": workers, "max_workers": workers, "max_concurrent_calls": 32, "log_level": "error"}
    with ProcessPoolExecutor(workers) as pool:
        side_by_side(lambda number: pool.submit(echo, number), DEPTH)  # which starts its processes
        times = one_by_one(lambda number: pool.submit(echo, number).result(), calls)
        found["ProcessPoolExecutor"] = times, side_by_side(lambda number: pool.submit(echo, number), 5 * calls)
    with whipper.Client.start(HERE / "echo.py", **options) as client:
        side_by_side(lambda number: client.future("echo", number), DEPTH)
        times = one_by_one(lambda number: client.invoke("echo", number), calls)
        found["whipper.Client"] = times, side_by_side(lambda number: client.future("echo", number), 5 * calls)

    async def asynchronous() -> None:
        async with whipper.AsyncClient.start(HERE / "echo.py", **options) as client:
            await side_by_side_async(client, DEPTH)
            times = await one_by_one_async(client, calls)
            found["whipper.AsyncClient"] = times, await side_by_side_async(client, 5 * calls)

    asyncio.run(asynchronous())
    return found


def main() -> None:
    """Prints the medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    os.environ.setdefault("WHIPPER_BIN", str(HERE.parents[1] / "bin" / "whipper"))
    rows: dict[str, list[tuple[float, float, float]]] = {}
    for run in range(arguments.runs):
        print(f"run {run + 1} of {arguments.runs}", file=sys.stderr)
        for name, (times, rate) in measure(arguments.calls, arguments.workers).items():
            cuts = statistics.quantiles(times, n=100)
            rows.setdefault(name, []).append((cuts[49] * 1e6, cuts[98] * 1e6, rate))
    print(f"{'':22}{'depth 1: p50':>14}{'p99':>10}{f'depth {DEPTH}':>14}")
    for name, figures in rows.items():
        p50, p99, rate = (statistics.median(column) for column in zip(*figures, strict=True))
        print(f"{name:22}{p50:11.0f} µs{p99:7.0f} µs{rate:12.0f}/s")
    python, cores = ".".join(map(str, sys.version_info[:3])), os.cpu_count()
    print(f"medians of {arguments.runs} runs; {arguments.workers} workers; Python {python}, {cores} cores")


if __name__ == "__main__":
    main()
