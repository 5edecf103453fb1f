"""ProcessPoolExecutor of the standard library: calls in processes of its own."""

import platform
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from functions import echo, spin
from peer import Found, Job, expect, run

WARM = 2000


def calls(begin: Callable[[int], "Future[int]"], count: int, depth: int) -> tuple[list[int], list[float]]:
    """What so many calls answered, with so many under way at a time, and how many seconds each took to be looked at."""
    answers, times = [], []
    under_way: deque[tuple[float, Future[int]]] = deque()
    for number in range(count + depth):
        if len(under_way) == depth or number >= count:
            if not under_way:
                break
            began, future = under_way.popleft()
            answers.append(future.result())
            times.append(time.perf_counter() - began)
        if number < count:
            under_way.append((time.perf_counter(), begin(number)))
    return answers, times


def measure(job: Job, function: Callable[[int], int], warm: int) -> Found:
    """Calls of a function by number."""
    pool = job.stack.enter_context(ProcessPoolExecutor(job.workers))
    calls(lambda number: pool.submit(function, number), warm, job.depth)
    began = time.perf_counter()
    answers, times = calls(lambda number: pool.submit(function, number), job.calls, job.depth)
    seconds = time.perf_counter() - began
    expect(answers, [function(number) for number in range(job.calls)], "answers")
    return Found(job.calls, seconds, f"{job.workers} processes", times)


def invoke(job: Job) -> Found:
    """Calls of an echo."""
    return measure(job, echo, WARM)


def cpu(job: Job) -> Found:
    """Calls that compute for about 2 ms."""
    return measure(job, spin, 50)


if __name__ == "__main__":
    run("executor", platform.python_version(), {"invoke": invoke, "cpu": cpu})
