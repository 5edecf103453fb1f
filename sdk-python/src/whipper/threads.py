"""Serves a module's plain functions on threads: ``--threads N``. The main thread hands calls out."""

import os
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from whipper.protocol import Request
from whipper.wire import flush_log

if TYPE_CHECKING:
    from whipper.method import Method
    from whipper.worker import Worker


class Threads:
    """Threads that run functions and answer their calls.

    Args:
        worker: Whose calls they are.
        count: How many threads.
        crashed: Called on a thread whose function asked for the process to end.
    """

    def __init__(self, worker: "Worker", count: int, crashed: Callable[[], None]) -> None:
        self._worker = worker
        self._crashed = crashed
        self._process = os.getpid()
        self._calls: queue.SimpleQueue[tuple[Method, Request] | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._count = count
        self.crash: BaseException | None = None
        for number in range(1, count + 1):
            # Daemons: a crash does not wait for the calls of the others.
            threading.Thread(target=self._serve, name=f"whipper-{number}", daemon=True).start()

    def run(self, method: "Method", call: Request) -> None:
        """Has a call run as soon as a thread is free."""
        self._calls.put((method, call))

    def finish(self) -> None:
        """Waits until all calls are answered; raises what a function ended the process with."""
        for _ in range(self._count):
            self._calls.put(None)
        for _ in range(self._count):
            crash = self._ended.get()
            if crash is not None:
                raise crash

    def _serve(self) -> None:
        while (work := self._calls.get()) is not None:
            method, call = work
            try:
                if self._worker.still_wanted(call):
                    self._worker.execute(method, call)
            except BaseException as crash:
                self.crash = crash
                self._ended.put(crash)
                self._crashed()
                return
            if os.getpid() != self._process:  # a child that a function forked, and that has returned from it
                flush_log()
                os._exit(0)
        self._ended.put(None)


def serve(worker: "Worker", count: int) -> None:
    """Serves until the worker was stopped and every call is answered."""
    threads = Threads(worker, count, worker.stop)
    while (batch := worker.wait_batch()) is not None:
        for call in batch:
            method = worker.begin(call)
            if method is not None:
                threads.run(method, call)
    if threads.crash is not None:
        raise threads.crash
    threads.finish()
