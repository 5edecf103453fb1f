"""Serves a module that has coroutine functions: they run side by side in an event loop on the main thread.

A function that is not one runs on the main thread all the same, directly, and the coroutines wait for it: whoever wrote
a plain function did not write it for threads. Unless threads are asked for: then it runs on one of them.
"""

import asyncio
import contextlib
import queue
from typing import TYPE_CHECKING, Any

from whipper.protocol import Id, Request
from whipper.threads import Threads

if TYPE_CHECKING:
    from whipper.worker import Worker


class AsyncShell:
    """Runs a worker's calls in an event loop. Everything but ``_soon`` happens on the loop's thread."""

    def __init__(self, worker: "Worker", threads: int = 0) -> None:
        self._worker = worker
        self._threads = Threads(worker, threads, self._crashed) if threads else None
        self._tasks: dict[asyncio.Task[Any], Request] = {}
        self._crashing = False

    def run(self) -> None:
        """Serves until the worker was stopped and every call is answered."""
        with asyncio.Runner() as runner:
            try:
                runner.run(self._main())
            except BaseException:
                # The runner now cancels the other calls. They were not cancelled but crashed: the supervisor says so.
                self._crashing = True
                self._worker.leave_logs()  # what is said of a crash belongs on stderr, with the job
                raise

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._last = asyncio.Event()
        self._worker.on_cancel = lambda id: self._soon(self._cancel, id)
        self._worker.on_batch = lambda: self._soon(self._drain)
        self._drain()  # what came before this moment
        await self._last.wait()
        if self._threads is not None and self._threads.crash is not None:
            raise self._threads.crash
        while self._tasks:
            await asyncio.wait(list(self._tasks))
        if self._threads is not None:
            self._threads.finish()

    def _soon(self, callback: Any, *args: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: there is nothing left to do
            self._loop.call_soon_threadsafe(callback, *args)

    def _crashed(self) -> None:
        self._soon(lambda: self._last.set())

    def _drain(self) -> None:
        if self._last.is_set():
            self._worker.refuse_rest()
            return
        with contextlib.suppress(queue.Empty):
            while (batch := self._worker.next_batch()) is not None:
                for call in batch:
                    self._run(call)
            self._last.set()

    def _run(self, call: Request) -> None:
        method = self._worker.begin(call)
        if method is None:
            return
        if not method.is_coroutine:
            if self._threads is not None:
                self._threads.run(method, call)
            else:
                self._worker.execute(method, call)
            return
        with self._worker.within(call):
            task = self._loop.create_task(method.call(call.params))
        self._tasks[task] = call
        task.add_done_callback(self._finish)

    def _cancel(self, id: Id) -> None:
        for task, call in self._tasks.items():
            if call.id == id:
                task.cancel()

    def _finish(self, task: asyncio.Task[Any]) -> None:
        call = self._tasks.pop(task)
        if self._crashing:
            return
        if task.cancelled() and task.cancelling():
            self._worker.cancelled(call)
        elif task.cancelled():
            self._worker.fail(call, asyncio.CancelledError("the function cancelled itself"))
        elif (exception := task.exception()) is not None:
            self._worker.fail(call, exception)
        else:
            self._worker.succeed(call, task.result())
