"""``Client``: a supervisor, for programs with threads or without."""

import atexit
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

from whipper import protocol
from whipper.client import asks, start
from whipper.client.asks import Ask, CallOptions, Seconds, SubmitOptions
from whipper.client.call import Call
from whipper.client.collected import close_when_collected
from whipper.client.events import Events
from whipper.client.link import Link
from whipper.client.mailbox import Mailbox
from whipper.client.models import Job, Progress, Stats, Submission
from whipper.client.patience import MOST_IN_FLIGHT, WAITING_PROGRESS
from whipper.client.proxy import Proxy
from whipper.client.reach import Reach, Running, check_options, check_size
from whipper.client.sidecar import Sidecar
from whipper.client.start import Path, StartOptions
from whipper.failures import ClosedError

T = TypeVar("T")


class Client:
    """A connection to a supervisor that runs. ``Client.start`` starts one of one's own.

    Any thread may use it, thousands of calls may be under way, and none waits for another. When the supervisor goes
    away and comes back the client connects again by itself. After a fork, the child gets a connection of its own with
    its first request.

    Without ``dir`` and ``socket`` the environment's WHIPPER_SOCKET or WHIPPER_DIR decides, or else the folder
    ``.whipper`` nearest upward from the working folder; within a worker that is its own supervisor.

    Args:
        dir: The supervisor's folder.
        socket: Its socket; goes before dir.
        pool: The pool of calls that name none. Default: WHIPPER_POOL, or the only one there is.
        reconnect_timeout: How many seconds a request waits for a supervisor to come back.
        max_in_flight: How many requests may be under way; further ones wait for room. At most 4,000.
        max_message_size: Bytes of a request, as the supervisor's --max-message-size has it.

    Raises:
        NoSupervisorError: None is running there.
        UntrustedError: The folder, or the process that listens, belongs to another user.
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
        """Starts a supervisor that ends with this process, however that ends, and connects to it.

        Args:
            script: What its workers run: a Python or Node file.
            args: The script's own arguments.
            command: Any other program, and its arguments, in place of a script.
            reconnect_timeout: As of a client.
            max_in_flight: As of a client.
            options: See ``StartOptions``.

        Raises:
            BinaryNotFoundError: There is no whipper program; the text says how to get it.
            StartError: The supervisor did not get ready; the text says why.
        """
        sidecar = Sidecar(start.command(script, args, command, options))
        client = cls.__new__(cls)
        limit = protocol.size(options.get("max_message_size"), protocol.MAX_FRAME_BYTES)
        try:
            client._set_up(sidecar, None, reconnect_timeout, max_in_flight, limit)
        except BaseException:
            sidecar.close()
            raise
        return client

    def _set_up(self, reach: Reach, pool: str | None, patience: float, most: int, largest: int) -> None:
        check_options(patience, most, largest)
        self._reach = reach
        self._pool = asks.default_pool(pool) if isinstance(reach, Running) else None
        self._patience = patience
        self._most = most
        self._largest = largest
        self._closed = False
        self._link = self._open()
        self._finalizer = close_when_collected(self, self._link.close, reach.close)
        _clients.add(self)

    def invoke(
        self,
        method: str,
        /,
        *args: Any,
        progress: Callable[[Progress], object] | None = None,
        **options: Unpack[CallOptions],
    ) -> Any:
        """Calls a method, and gives its result. The call belongs to its caller: with the client it is cancelled.

        Args:
            method: Its name on the wire.
            args: Its arguments. ``kwargs={...}`` gives arguments by name.
            progress: Is called with what the worker says of the call, on this thread. Slow, it misses older values.
            options: See ``CallOptions``.

        Raises:
            RemoteError: The function raised an error.
            CallError: Or what else became of the call: see its subclasses.
            DisconnectedError: The connection ended before the answer came.
            TypeError: An argument has no form in JSON.
        """
        return self._finish(asks.invoke(method, args, options, self._pool), progress)

    def future(self, method: str, /, *args: Any, **options: Unpack[CallOptions]) -> Call[Any]:
        """Begins a call and gives its future, which cancels for real. Waits while too many are under way."""
        return self._begin(asks.invoke(method, args, options, self._pool))

    def submit(self, method: str, /, *args: Any, **options: Unpack[SubmitOptions]) -> Submission:
        """Submits a job, and returns when it is on disk.

        With an ``idempotency_key`` it is sent again when the connection ends before the answer comes.

        Args:
            method: Its name on the wire.
            args: Its arguments. ``kwargs={...}`` gives arguments by name.
            options: See ``SubmitOptions``.
        """
        return self._finish(asks.submit(method, args, options, self._pool))

    @overload
    def wait(
        self,
        job: int | Submission,
        /,
        *,
        timeout: Seconds | None = None,
        payloads: bool = True,
        progress: Callable[[Progress], object] | None = None,
    ) -> Job: ...

    @overload
    def wait(
        self,
        job: Iterable[int | Submission],
        /,
        *,
        timeout: Seconds | None = None,
        payloads: bool = True,
        progress: Callable[[Progress], object] | None = None,
    ) -> list[Job]: ...

    def wait(
        self,
        job: int | Submission | Iterable[int | Submission],
        /,
        *,
        timeout: Seconds | None = None,
        payloads: bool = True,
        progress: Callable[[Progress], object] | None = None,
    ) -> Job | list[Job]:
        """Waits until a job, or each of several, has its final outcome, also while the supervisor is restarted.

        A job that failed is no error here: ``Job.value()`` gives its result or raises its error.

        Args:
            job: One, or several, by what ``submit`` gave or by their ids.
            timeout: Seconds until it is a ``TimeoutError``; the jobs go on.
            payloads: Whether the results come along. Without them any number of jobs fits into an answer.
            progress: Is called with what the jobs' workers say, on this thread.
        """
        if isinstance(job, int | Submission):
            return self._finish(asks.wait(asks.ids_of([job]), timeout, payloads), progress)[0]
        return self._finish(asks.wait(asks.ids_of(job), timeout, payloads), progress)

    def job(self, job: int | Submission, /) -> Job:
        """A job with its attempts. One that is not there is a ``NotFoundError``."""
        return self._finish(asks.job(asks.ids_of([job])[0]))

    def cancel(self, *jobs: int | Submission) -> int:
        """Cancels jobs that are queued, and asks the workers of those that run to; says how many they are."""
        return self._finish(asks.cancel(asks.ids_of(jobs)))

    def stats(self, pool: str | None = None) -> Stats:
        """A pool's counters."""
        return self._finish(asks.stats(pool or self._pool))

    def ping(self) -> dict[str, Any]:
        """What the supervisor is: ``version``, ``pid``, ``uptimeMs``, ``pools``."""
        return self._finish(asks.ping())

    def request(self, method: str, params: Mapping[str, Any] | None = None, /) -> Any:
        """Any request that the protocol knows, as ``pool.pause``, with its members as they are there."""
        return self._finish(asks.request(method, params))

    def events(self, *types: str, pool: str | None = None) -> Events:
        """What happens from now on: an iterator, to be closed after use (``with``).

        Whoever is slow misses events, and the next one says how many. It ends with a ``DisconnectedError`` when the
        connection does, for what happens until the next one is missed.

        Args:
            types: Types of events, or groups as ``job`` and ``worker:process``; none: all.
            pool: Of one pool only.
        """
        link = self._live()
        events = Events(link)
        call: Call[int] = Call(link, asks.subscribe(types, pool))
        ask = call.ask
        # On the thread that reads, so that no event can come before its mailbox is there.
        call.ask = Ask(ask.method, ask.params, lambda result: events.subscribed(ask.read(result)), False, ask.about)
        link.send(call)
        _outcome(call)
        return events

    def proxy(self, **options: Unpack[CallOptions]) -> Proxy:
        """An object whose attributes are the pool's methods, called with these options."""

        def call(method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return self._finish(asks.invoke(method, args, {**options, "kwargs": kwargs}, self._pool))

        return Proxy(call)

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    @property
    def sidecar(self) -> Sidecar | None:
        """The supervisor that this client has started, if it has: its ``pid`` and ``dir``."""
        return self._reach if isinstance(self._reach, Sidecar) else None

    def close(self) -> None:
        """Ends the connection; calls under way are cancelled. A sidecar drains and ends. Submitted jobs go on."""
        self._closed = True
        self._finalizer.detach()
        if self._link.process == os.getpid():
            self._link.close()
        self._reach.close()
        _clients.discard(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> Link:
        link = Link(self._reach.connect, self._patience, self._most)
        link.open()
        _links.add(link)
        return link

    def _live(self) -> Link:
        """The connection of this process."""
        if self._link.process != os.getpid():
            with _forked:
                if self._link.process != os.getpid():
                    self._link = self._open()
                    self._finalizer = close_when_collected(self, self._link.close)
        if self._closed:
            raise ClosedError("the client is closed")
        return self._link

    def _begin(self, ask: Ask[T], progress: Callable[[Progress], object] | None = None) -> Call[T]:
        check_size(ask, self._largest)
        link = self._live()
        call = Call(link, ask, progress)
        link.send(call)
        return call

    def _begin_at_once(self, ask: Ask[T]) -> Call[T] | None:
        """``_begin``, or None where it would wait."""
        check_size(ask, self._largest)
        link = self._live()
        call = Call(link, ask)
        return call if link.send_at_once(call) else None

    def _finish(self, ask: Ask[T], progress: Callable[[Progress], object] | None = None) -> T:
        if progress is None:
            return _outcome(self._begin(ask))
        box: Mailbox[Progress] = Mailbox(WAITING_PROGRESS)
        call = self._begin(ask, box.put)
        call.add_done_callback(lambda _: box.close())
        try:
            while (told := box.take()) is not None:
                progress(told[0])
        except BaseException:
            call.cancel()
            raise
        return call.result()


def _outcome(call: Call[T]) -> T:
    """Waits for a call; who stops waiting, as by Ctrl-C, cancels it."""
    try:
        return call.result()
    except BaseException:
        call.cancel()
        raise


_clients: "weakref.WeakSet[Client]" = weakref.WeakSet()
_links: "weakref.WeakSet[Link]" = weakref.WeakSet()
_forked = threading.Lock()  # of a child's threads, while they connect again


def _forget_all() -> None:
    global _forked
    _forked = threading.Lock()
    for link in list(_links):
        link.forget()


def _close_all() -> None:
    for client in list(_clients):
        client.close()


atexit.register(_close_all)  # an executor's clients are closed before: its calls come first
os.register_at_fork(after_in_child=_forget_all)
