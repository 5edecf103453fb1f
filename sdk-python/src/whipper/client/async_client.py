"""``AsyncClient``: a supervisor, for programs with an asyncio event loop."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

from whipper import protocol
from whipper.client import asks, start
from whipper.client.asks import Ask, CallOptions, Seconds, SubmitOptions
from whipper.client.async_link import AsyncBox, AsyncLink
from whipper.client.collected import close_when_collected
from whipper.client.models import Event, Job, Progress, Stats, Submission
from whipper.client.patience import MOST_IN_FLIGHT, WAITING_EVENTS
from whipper.client.proxy import Proxy
from whipper.client.reach import Reach, Running, check_options, check_size
from whipper.client.sidecar import Sidecar
from whipper.client.start import Path, StartOptions
from whipper.failures import ClosedError, WhipperError

T = TypeVar("T")


class AsyncClient:
    """``Client`` for asyncio: what blocks there is awaited here, and a cancelled task cancels its call.

    It connects when it is first needed, or with ``async with`` and ``open``. It belongs to one event loop, and to one
    process: after a fork, make another one.

    Args:
        dir: The supervisor's folder.
        socket: Its socket; goes before dir.
        pool: The pool of calls that name none. Default: WHIPPER_POOL, or the only one there is.
        reconnect_timeout: How many seconds a request waits for a supervisor to come back.
        max_in_flight: How many requests may be under way; further ones wait for room. At most 4,000.
        max_message_size: Bytes of a request, as the supervisor's --max-message-size has it.
    """

    def __init__(
        self,
        dir: Path | None = None,
        *,
        socket: Path | None = None,
        pool: str | None = None,
        reconnect_timeout: float = 30.0,
        max_in_flight: int = MOST_IN_FLIGHT,
        max_message_size: int = protocol.MAX_FRAME_BYTES,
    ) -> None:
        self._set_up(Running(dir, socket), pool, reconnect_timeout, max_in_flight, max_message_size)

    @classmethod
    def start(
        cls,
        script: Path | None = None,
        /,
        *args: str,
        command: Sequence[str] | None = None,
        reconnect_timeout: float = 30.0,
        max_in_flight: int = MOST_IN_FLIGHT,
        **options: Unpack[StartOptions],
    ) -> Self:
        """A client of a supervisor of its own, which is started when the client connects. See ``Client.start``.

        Raises:
            BinaryNotFoundError: There is no whipper program; the text says how to get it.
        """
        sidecar = Sidecar(start.command(script, args, command, options))
        client = cls.__new__(cls)
        limit = protocol.size(options.get("max_message_size"), protocol.MAX_FRAME_BYTES)
        client._set_up(sidecar, None, reconnect_timeout, max_in_flight, limit)
        return client

    def _set_up(self, reach: Reach, pool: str | None, patience: float, most: int, largest: int) -> None:
        check_options(patience, most, largest)
        self._reach = reach
        self._pool = asks.default_pool(pool) if isinstance(reach, Running) else None
        self._patience = patience
        self._most = most
        self._largest = largest
        self._process = os.getpid()
        self._link: AsyncLink | None = None
        self._opening: asyncio.Lock | None = None
        self._closed = False
        self._finalizer = close_when_collected(self, reach.close)

    async def open(self) -> Self:
        """Connects, if it is not connected yet.

        Raises:
            NoSupervisorError: None is running there.
            UntrustedError: The folder, or the process that listens, belongs to another user.
            StartError: The supervisor that was started did not get ready; the text says why.
        """
        await self._live()
        return self

    async def invoke(
        self,
        method: str,
        /,
        *args: Any,
        progress: Callable[[Progress], object] | None = None,
        **options: Unpack[CallOptions],
    ) -> Any:
        """Calls a method, and gives its result. See ``Client.invoke``; ``progress`` is called on the loop."""
        return await self._run(asks.invoke(method, args, options, self._pool), progress)

    async def submit(self, method: str, /, *args: Any, **options: Unpack[SubmitOptions]) -> Submission:
        """Submits a job, and returns when it is on disk. See ``Client.submit``."""
        return await self._run(asks.submit(method, args, options, self._pool))

    @overload
    async def wait(
        self,
        job: int | Submission,
        /,
        *,
        timeout: Seconds | None = None,
        payloads: bool = True,
        progress: Callable[[Progress], object] | None = None,
    ) -> Job: ...

    @overload
    async def wait(
        self,
        job: Iterable[int | Submission],
        /,
        *,
        timeout: Seconds | None = None,
        payloads: bool = True,
        progress: Callable[[Progress], object] | None = None,
    ) -> list[Job]: ...

    async def wait(
        self,
        job: int | Submission | Iterable[int | Submission],
        /,
        *,
        timeout: Seconds | None = None,
        payloads: bool = True,
        progress: Callable[[Progress], object] | None = None,
    ) -> Job | list[Job]:
        """Waits until a job, or each of several, has its final outcome. See ``Client.wait``."""
        if isinstance(job, int | Submission):
            return (await self._run(asks.wait(asks.ids_of([job]), timeout, payloads), progress))[0]
        return await self._run(asks.wait(asks.ids_of(job), timeout, payloads), progress)

    async def job(self, job: int | Submission, /) -> Job:
        """A job with its attempts. One that is not there is a ``NotFoundError``."""
        return await self._run(asks.job(asks.ids_of([job])[0]))

    async def cancel(self, *jobs: int | Submission) -> int:
        """Cancels jobs that are queued, and asks the workers of those that run to; says how many they are."""
        return await self._run(asks.cancel(asks.ids_of(jobs)))

    async def stats(self, pool: str | None = None) -> Stats:
        """A pool's counters."""
        return await self._run(asks.stats(pool or self._pool))

    async def ping(self) -> dict[str, Any]:
        """What the supervisor is: ``version``, ``pid``, ``uptimeMs``, ``pools``."""
        return await self._run(asks.ping())

    async def request(self, method: str, params: Mapping[str, Any] | None = None, /) -> Any:
        """Any request that the protocol knows, as ``pool.pause``, with its members as they are there."""
        return await self._run(asks.request(method, params))

    def events(self, *types: str, pool: str | None = None) -> "AsyncEvents":
        """What happens, from when its ``async with`` block is entered. See ``Client.events``."""
        return AsyncEvents(self, asks.subscribe(types, pool))

    def proxy(self, **options: Unpack[CallOptions]) -> Proxy:
        """An object whose attributes are the pool's methods, to be awaited, called with these options."""

        def call(method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return self._run(asks.invoke(method, args, {**options, "kwargs": kwargs}, self._pool))

        return Proxy(call)

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    @property
    def sidecar(self) -> Sidecar | None:
        """The supervisor that this client starts, if it does: its ``pid`` and ``dir``."""
        return self._reach if isinstance(self._reach, Sidecar) else None

    async def close(self) -> None:
        """Ends the connection; calls under way are cancelled. A sidecar drains and ends. Submitted jobs go on."""
        self._closed = True
        if self._link is not None:
            await self._link.close()
        self._finalizer.detach()
        await asyncio.to_thread(self._reach.close)

    async def __aenter__(self) -> Self:
        try:
            return await self.open()
        except BaseException:
            await self.close()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _live(self) -> AsyncLink:
        if self._process != os.getpid():
            raise WhipperError(
                f"this AsyncClient belongs to process {self._process}, which this one was forked from: "
                "create another one"
            )
        if self._closed:
            raise ClosedError("the client is closed")
        if self._link is None:
            self._opening = self._opening or asyncio.Lock()
            async with self._opening:
                if self._link is None:
                    link = AsyncLink(self._reach.connect, self._patience, self._most)
                    await link.open()
                    self._link = link
        return self._link

    async def _run(self, ask: Ask[T], progress: Callable[[Progress], object] | None = None) -> T:
        check_size(ask, self._largest)
        link = self._link
        if link is None or self._closed or self._process != os.getpid():
            link = await self._live()
        return await link.run(ask, progress)


class AsyncEvents(AsyncIterator[Event]):
    """A subscription, which lasts as long as its ``async with`` block."""

    def __init__(self, client: AsyncClient, ask: Ask[int]) -> None:
        self._client = client
        self._ask = ask
        self._box = AsyncBox(WAITING_EVENTS)
        self._link: AsyncLink | None = None
        self._number = 0
        self._leaving: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        link = self._link = await self._client._live()

        def subscribed(result: Any) -> int:  # as the answer is read, so that no event can come before its box is there
            self._number = self._ask.read(result)
            link.subscriptions[self._number] = self._box
            return self._number

        ask = Ask(self._ask.method, self._ask.params, subscribed, False, self._ask.about)
        asked = asyncio.ensure_future(link.run(ask))
        try:
            await asyncio.shield(asked)
        except asyncio.CancelledError:  # the supervisor subscribes all the same, and only its answer has the number
            self._leaving = asyncio.ensure_future(self._leave(asked))
            raise
        return self

    async def _leave(self, asked: asyncio.Future[int]) -> None:
        with contextlib.suppress(WhipperError):
            await asked
        await self.__aexit__(None, None, None)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._box.close()
        # The next connection counts from 1 again: the number may be another subscription's by now.
        if self._link is not None and self._link.subscriptions.get(self._number) is self._box:
            del self._link.subscriptions[self._number]
            try:
                await self._link.run(asks.unsubscribe(self._number))
            except WhipperError:
                return  # there is no connection, and so no subscription

    async def __anext__(self) -> Event:
        if self._link is None:
            raise RuntimeError("events are subscribed to by entering: async with client.events() as events")
        taken = await self._box.take()
        if taken is None:
            raise StopAsyncIteration
        return Event.read(*taken)
