"""Many calls leave nothing behind: neither memory nor descriptors nor threads, here and in the worker.

WHIPPER_LEAK_CALLS=100000 makes it the long form.
"""

import asyncio
import gc
import os
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

import whipper
from conftest import TASKS
from supervisor import Supervisor, settled
from whipper.client import link

CALLS = int(os.environ.get("WHIPPER_LEAK_CALLS", "1600"))

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads /proc")


def descriptors(pid: int | str = "self") -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident(pid: int | str) -> int:
    """KiB of memory."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def grown(work: Callable[[int], None], worker: int) -> tuple[int, int, int, int]:
    """By how much two equal lots of work differ: bytes of ours, KiB of the worker's, descriptors, threads."""
    work(CALLS // 4)
    gc.collect()
    tracemalloc.start()
    try:
        work(CALLS // 8)  # what tracemalloc sees only of the second time counts
        gc.collect()
        before = tracemalloc.get_traced_memory()[0], resident(worker), descriptors() + descriptors(worker)
        alive = threading.active_count()
        work(CALLS)
        gc.collect()
        after = tracemalloc.get_traced_memory()[0], resident(worker), descriptors() + descriptors(worker)
    finally:
        tracemalloc.stop()
    return after[0] - before[0], after[1] - before[1], after[2] - before[2], threading.active_count() - alive


# What counters and caches may come to; a hundredth of what one kept answer a call would.
MOST_BYTES = 200_000
READING_BYTES = link._CHUNK_BYTES  # what the reading thread may hold just now, and may not have held before
MOST_WORKER_KIB = 4096


def test_calls_of_all_kinds_leave_nothing_behind() -> None:
    with whipper.Client.start(TASKS, max_workers=1, max_concurrent_calls=4) as client:
        worker = client.invoke("pid")

        def work(calls: int) -> None:
            for start in range(0, calls, 200):
                futures = [client.future("echo", "x" * 200) for _ in range(min(200, calls - start))]
                futures[-1].cancel()
                for future in futures[:-1]:
                    future.result()
                error = client.future("fail", "no").exception()
                assert isinstance(error, whipper.RemoteError)
                client.invoke("steps", 2, progress=lambda _: None)
                with client.events("job"):
                    client.wait(client.submit("echo", 1))

        bytes, kib, opened, threads = grown(work, worker)
        assert (opened, threads) == (0, 0)
        assert bytes < MOST_BYTES + READING_BYTES
        assert kib < MOST_WORKER_KIB
        assert settled(client)
        assert client._link._exchange.lost() == []


def test_calls_of_an_async_client_leave_nothing_behind() -> None:
    async def main() -> None:
        async with whipper.AsyncClient.start(TASKS, max_workers=1, max_concurrent_calls=4) as client:
            worker = await client.invoke("pid")
            before: list[int] = []
            tracemalloc.start()
            try:
                for round in range(3):
                    for _ in range(0, CALLS, 200):
                        calls = [asyncio.create_task(client.invoke("echo", "x" * 200)) for _ in range(200)]
                        calls[-1].cancel()
                        await asyncio.gather(*calls, return_exceptions=True)
                        await client.invoke("steps", 2, progress=lambda _: None)
                    gc.collect()
                    seen = [tracemalloc.get_traced_memory()[0], descriptors() + descriptors(worker)]
                    if round == 1:
                        before = seen
            finally:
                tracemalloc.stop()
            assert seen[0] - before[0] < MOST_BYTES
            assert seen[1] == before[1]

    asyncio.run(main())


def test_clients_that_come_and_go_leave_nothing_behind(shared: Supervisor) -> None:
    def work() -> None:
        for _ in range(20):
            with whipper.Client(shared.dir) as client:
                client.invoke("echo", 1)

    work()
    before = descriptors(), threading.active_count()
    work()
    assert (descriptors(), threading.active_count()) == before


def test_sidecars_that_come_and_go_leave_nothing_behind() -> None:
    def work() -> None:
        with whipper.Client.start(TASKS, max_workers=1) as client:
            client.invoke("echo", 1)

    work()
    before = descriptors(), threading.active_count()
    for _ in range(2):
        work()
    assert (descriptors(), threading.active_count()) == before
