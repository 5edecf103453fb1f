"""The asyncio shell: one connection, and any number of tasks that ask. Everything happens on the loop's thread.

It does what ``link`` does: see there.
"""

import asyncio
import contextlib
import os
import socket
import weakref
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar, cast

from whipper.client.asks import Ask
from whipper.client.exchange import Answered, Exchange, Happened, Told, Unreadable
from whipper.client.models import Meta, Progress
from whipper.client.patience import Pauses, unknown
from whipper.failures import ClosedError, NoSupervisorError, ShuttingDownError, WhipperError

T = TypeVar("T")

# From how much on it does not pay to write several requests at once.
_BATCH_BYTES = 64 * 1024


class Request(Generic[T]):
    """A request under way."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, ask: Ask[T], progress: Callable[[Progress], object] | None
    ) -> None:
        self.ask = ask
        self.progress = progress
        self.answer: asyncio.Future[T] = loop.create_future()
        self.meta: Meta | None = None
        self.id = 0

    def settle(self, message: Answered["Request[T]"]) -> None:
        """Gives it its result or its error."""
        self.meta = message.meta
        if message.error is not None:
            self.fail(message.error)
        elif not self.answer.done():
            try:
                self.answer.set_result(self.ask.read(message.result))
            except Exception as error:
                self.fail(error)

    def fail(self, error: Exception) -> None:
        """Gives it its error."""
        if not self.answer.done():
            self.answer.set_exception(error)


class AsyncLink(asyncio.Protocol):
    """What an async client is connected by, in one event loop.

    Args:
        connect: Makes a connection; a ``NoSupervisorError`` is tried again. It runs on another thread.
        patience: How long a request waits for a supervisor to come back, in seconds.
        most: How many requests may be under way.
    """

    def __init__(self, connect: Callable[[], socket.socket], patience: float, most: int) -> None:
        self._connect = connect
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(most)
        self._exchange: Exchange[Request[Any]] = Exchange()
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None  # the transport's
        self._writable = asyncio.Event()
        self._turn = asyncio.Lock()
        self._batch: list[bytes] = []  # to be written together in this turn of the loop, behind its first request
        self._batch_bytes = 0
        self._batching = False
        self._waiting: list[Request[Any]] = []
        self._connecting: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()
        self._why = ""
        self._ended: WhipperError | None = None
        self.subscriptions: dict[int, AsyncBox] = {}
        _links.add(self)

    async def open(self) -> None:
        """Connects.

        Raises:
            WhipperError: Nobody is there, or nobody to trust.
        """
        await self._adopt(await asyncio.to_thread(self._connect))

    def forget(self) -> None:
        """In a forked child: lets go of the connection, which would otherwise outlive the parent's end of it."""
        with contextlib.suppress(OSError):
            if self._socket is not None:
                os.close(self._socket.detach())

    async def run(self, ask: Ask[T], progress: Callable[[Progress], object] | None = None) -> T:
        """Asks, and waits for the answer. If the waiting is cancelled, so is the request."""
        async with self._slots:
            if not self._writable.is_set():
                async with self._turn:  # one at a time: what the first writes may take all the room there is
                    await self._writable.wait()
            if self._ended is not None:
                raise ClosedError(str(self._ended))
            request = Request(self._loop, ask, progress)
            self._send(request)
            try:
                return await request.answer
            except asyncio.CancelledError:
                self._abandon(request)
                raise

    async def close(self) -> None:
        """Ends the connection. What is not answered gets a ``ClosedError``."""
        if self._ended is not None:
            return
        error = self._ended = ClosedError("the client is closed")
        self._writable.set()  # so that those who wait learn of it
        requests = self._exchange.lost() + self._waiting
        self._waiting = []
        for request in requests:
            request.fail(ClosedError(f"{request.ask.about}: {error} and the answer had not come"))
        for box in self.subscriptions.values():
            box.close()
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._connecting
        if self._transport is not None:
            self._transport.abort()
            await self._gone.wait()

    @property
    def closed(self) -> bool:
        """Nothing can be sent any more."""
        return self._ended is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio has the connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._gone.clear()
        self._why = ""
        self._writable.set()
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            if not request.answer.done():
                self._send(request)

    def pause_writing(self) -> None:
        """As much waits to be written as should: whoever asks waits too."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """There is room again."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Takes in what has come."""
        for message in self._exchange.receive(data):
            if isinstance(message, Answered):
                error = message.error
                if isinstance(error, ShuttingDownError) and error.source == "whipper" and message.request.ask.again:
                    self._waiting.append(message.request)  # refused: the next supervisor may take it
                else:
                    message.request.settle(message)
            elif isinstance(message, Told):
                self._tell(message)
            elif isinstance(message, Happened):
                if (box := self.subscriptions.get(message.subscription)) is not None:
                    box.put(message.event)
            elif isinstance(message, Unreadable):
                self._why = f"the supervisor sent {message.why}, and the connection was given up"
                assert self._transport is not None
                self._transport.abort()
                return

    def _tell(self, message: Told[Request[Any]]) -> None:
        request = message.request
        if request.progress is None or request.answer.done():
            return
        try:
            request.progress(Progress(message.job, message.value))
        except Exception as error:  # the caller's, and nothing that the other requests should hear of
            request.fail(error)
            self._abandon(request)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._transport = None
        self._batch, self._batch_bytes = [], 0
        self._gone.set()
        if self._ended is not None:
            return
        self._writable.set()  # requests wait for the next connection, with a bound of their own
        why = self._why or "the connection to the supervisor ended"
        again: list[Request[Any]] = []
        for request in self._exchange.lost():
            if not request.ask.again:
                request.fail(unknown(request.ask.about, why))
            elif not request.answer.done():
                again.append(request)
        boxes, self.subscriptions = self.subscriptions, {}
        for box in boxes.values():
            box.close(unknown("the events", why))
        self._waiting = again + self._waiting
        if self._waiting:
            self._reconnect()

    def _send(self, request: Request[Any]) -> None:
        if self._transport is None or self._transport.is_closing():
            self._waiting.append(request)
            if self._transport is None:
                self._reconnect()
            return
        request.id, frame = self._exchange.ask(request.ask.method, request.ask.params, request)
        self._write(frame)

    def _write(self, frame: bytes) -> None:
        """Writes the first frame of a turn of the loop at once, and those that follow in it together."""
        if self._batching:
            self._batch.append(frame)
            self._batch_bytes += len(frame)
            if self._batch_bytes >= _BATCH_BYTES:
                self._flush()
            return
        self._batching = True
        self._loop.call_soon(self._end_turn)
        assert self._transport is not None
        self._transport.write(frame)

    def _end_turn(self) -> None:
        self._batching = False
        self._flush()

    def _flush(self) -> None:
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        if batch and self._transport is not None:
            self._transport.write(b"".join(batch))

    def _abandon(self, request: Request[Any]) -> None:
        if request in self._waiting:
            self._waiting.remove(request)
        elif self._transport is not None and (frame := self._exchange.cancel(request.id)) is not None:
            self._write(frame)

    def _reconnect(self) -> None:
        if self._connecting is None or self._connecting.done():
            self._connecting = self._loop.create_task(self._connect_again())

    async def _connect_again(self) -> None:
        pauses = Pauses()
        deadline = self._loop.time() + self._patience
        while True:
            try:
                await self._adopt(await asyncio.to_thread(self._connect))
                if self._transport is not None:
                    return None
                # It has ended already, while this task was at work and so no other was begun.
            except NoSupervisorError as error:
                if self._loop.time() >= deadline:
                    return self._fail_waiting(error)
            except Exception as error:
                return self._fail_waiting(error)
            await asyncio.sleep(pauses.next())
            if not self._waiting:
                return None

    def _fail_waiting(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            request.fail(error)

    async def _adopt(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        create: Callable[..., Coroutine[Any, Any, Any]] = self._loop.create_unix_connection
        await create(lambda: self, sock=connection)


class AsyncBox:
    """A queue of bounded length between the loop's reader and a task: the oldest makes room for the newest."""

    def __init__(self, most: int) -> None:
        self._items: deque[dict[str, Any]] = deque(maxlen=most)
        self._lost = 0
        self._closed = False
        self._error: Exception | None = None
        self._changed = asyncio.Event()

    def put(self, item: dict[str, Any]) -> None:
        """Adds one."""
        if len(self._items) == self._items.maxlen:
            self._lost += 1
        self._items.append(item)
        self._changed.set()

    def close(self, error: Exception | None = None) -> None:
        """Nothing more comes; whoever takes gets what is left, and then the error if there is one."""
        if not self._closed:
            self._closed, self._error = True, error
        self._changed.set()

    async def take(self) -> tuple[dict[str, Any], int] | None:
        """The next one, and how many before it were lost; None if nothing more comes."""
        while not self._items and not self._closed:
            self._changed.clear()
            await self._changed.wait()
        if self._items:
            lost, self._lost = self._lost, 0
            return self._items.popleft(), lost
        if self._error is not None:
            raise self._error
        return None


_links: "weakref.WeakSet[AsyncLink]" = weakref.WeakSet()


def _forget_all() -> None:
    for link in list(_links):
        link.forget()


os.register_at_fork(after_in_child=_forget_all)
