"""The Python clients, run as a peer is: one starts a sidecar, calls echo, and prints one line of JSON.

    python3 bench/clients/python.py invoke --calls N --depth N --workers N --concurrency N [--asyncio] [--dir DIR]

WHIPPER_BIN names the whipper program.
"""

import argparse
import asyncio
import json
import math
import sys
import time
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BENCH.parent / "sdk-python" / "src"))

import whipper  # noqa: E402

WARM = 2000


def flood(client: whipper.Client, calls: int, depth: int) -> list[float]:
    """Call echo, with so many calls under way, and give how many seconds each took."""
    times: list[float] = []
    under_way: deque[tuple[int, float, Future[Any]]] = deque()

    def finish() -> None:
        number, began, future = under_way.popleft()
        answer = future.result()
        times.append(time.perf_counter() - began)
        if answer != number:
            raise ValueError(f"the echo of {number} is {answer}")

    for number in range(calls):
        if len(under_way) == depth:
            finish()
        under_way.append((number, time.perf_counter(), client.future("echo", number)))
    while under_way:
        finish()
    return times


async def flood_async(client: whipper.AsyncClient, calls: int, depth: int) -> list[float]:
    """The same with tasks."""
    times: list[float] = []
    numbers = iter(range(calls))

    async def lane() -> None:
        for number in numbers:
            began = time.perf_counter()
            answer = await client.invoke("echo", number)
            times.append(time.perf_counter() - began)
            if answer != number:
                raise ValueError(f"the echo of {number} is {answer}")

    await asyncio.gather(*(lane() for _ in range(depth)))
    return times


def measure(calls: int, depth: int, options: dict[str, Any]) -> tuple[float, list[float]]:
    """Give how many seconds the calls took together, and each."""
    with whipper.Client.start(BENCH / "workers" / "echo.py", **options) as client:
        flood(client, WARM, depth)  # until all is warm
        began = time.perf_counter()
        times = flood(client, calls, depth)
        return time.perf_counter() - began, times


async def measure_async(calls: int, depth: int, options: dict[str, Any]) -> tuple[float, list[float]]:
    """The same with tasks."""
    async with whipper.AsyncClient.start(BENCH / "workers" / "echo.py", **options) as client:
        await flood_async(client, WARM, depth)
        began = time.perf_counter()
        times = await flood_async(client, calls, depth)
        return time.perf_counter() - began, times


def main() -> None:
    """Print the line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=["invoke"])
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--depth", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--asyncio", action="store_true")
    parser.add_argument("--dir")
    given = parser.parse_args()
    options = {
        "min_workers": given.workers,
        "max_workers": given.workers,
        "max_concurrent_calls": given.concurrency,
        "log_level": "error",
    }
    if given.asyncio:
        seconds, times = asyncio.run(measure_async(given.calls, given.depth, options))
    else:
        seconds, times = measure(given.calls, given.depth, options)
    times.sort()
    print(
        json.dumps(
            {
                "peer": "whipper, Python client",
                "version": f"Python {sys.version.split()[0]}",
                "settings": f"{given.workers} workers",
                "work": given.work,
                "jobs": given.calls,
                "seconds": seconds,
                "rate": given.calls / seconds,
                "p50us": 1e6 * times[math.ceil(len(times) * 0.5) - 1],
                "p99us": 1e6 * times[math.ceil(len(times) * 0.99) - 1],
            }
        )
    )


if __name__ == "__main__":
    main()
