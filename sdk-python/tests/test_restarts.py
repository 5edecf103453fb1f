"""Many callers of a supervisor that is killed and drained meanwhile: nothing hangs, is lost or is done twice."""

import asyncio
import collections
import concurrent.futures
import threading
from pathlib import Path

import whipper
from conftest import TASKS
from runner_process import DEADLINE_SECONDS
from supervisor import Supervisor, settled

THREADS = 6
CALLS_BETWEEN = 300


class Tally:
    """What became of calls, and how many there were."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls = 0
        self.outcomes: collections.Counter[str] = collections.Counter()

    def add(self, outcome: str) -> None:
        with self._changed:
            self.outcomes[outcome] += 1
            self._calls += 1
            self._changed.notify_all()

    def wait_for_more(self) -> None:
        with self._changed:
            enough = self._calls + CALLS_BETWEEN
            assert self._changed.wait_for(lambda: self._calls >= enough, 3 * DEADLINE_SECONDS), self.outcomes


def test_callers_live_through_restarts(tmp_path: Path) -> None:
    tally, over = Tally(), threading.Event()
    expected = (whipper.DisconnectedError, whipper.ShuttingDownError)
    submitted: set[int] = set()

    def work(thread: int) -> int:
        keyed = 0
        while not over.is_set():
            try:
                keyed += 1
                key = f"{thread}-{keyed}"
                submitted.add(client.submit("echo", key, idempotency_key=key).id)
                assert client.invoke("echo", key) == key
                assert client.stats().worker_count > 0
                call = client.future("echo", "x" * 200_000)
                call.cancel()
            except expected as error:
                tally.add(type(error).__name__)
            else:
                tally.add("done")
        return keyed

    async def work_async() -> None:
        async def one(client: whipper.AsyncClient) -> None:
            while not over.is_set():
                try:
                    assert await client.invoke("echo", 7) == 7
                except expected as error:
                    tally.add(type(error).__name__)
                else:
                    tally.add("done")

        async with whipper.AsyncClient(supervisor.dir, reconnect_timeout=3 * DEADLINE_SECONDS) as client:
            await asyncio.gather(*(one(client) for _ in range(THREADS)))

    supervisor = Supervisor(tmp_path / ".whipper", TASKS, "--min-workers", "2", "--max-workers", "2")
    with supervisor, concurrent.futures.ThreadPoolExecutor(THREADS + 1) as threads:
        client = whipper.Client(supervisor.dir, reconnect_timeout=3 * DEADLINE_SECONDS)
        try:
            callers = [threads.submit(work, thread) for thread in range(THREADS)]
            asynchronous = threads.submit(asyncio.run, work_async())
            for end in (supervisor.kill, supervisor.stop, supervisor.kill, supervisor.stop):
                tally.wait_for_more()
                end()
                supervisor.start()
            tally.wait_for_more()
        finally:
            over.set()
        keyed = sum(caller.result(3 * DEADLINE_SECONDS) for caller in callers)
        asynchronous.result(3 * DEADLINE_SECONDS)
        assert len(submitted) == keyed  # each submission has an id of its own, and all were answered
        jobs = client.wait(sorted(submitted), timeout=DEADLINE_SECONDS, payloads=False)
        assert {job.state for job in jobs} == {"succeeded"}
        assert settled(client)
        client.close()
    assert tally.outcomes["done"] > 0
