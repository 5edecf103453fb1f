"""The sync shell: one connection, a thread that reads it, and any number of threads that ask.

Whoever asks writes its request itself while few are under way and the socket takes it at once. Of many, those that have
come together are written together by the thread: with each write the interpreter's lock would change hands. A request
that finds too many under way, or too much that waits to be written, waits: memory is bounded.

When the connection ends the thread connects again, as long as something waits for that. Requests that may be asked
twice are sent again, and those of which nothing had been sent; the others get an error that says that their effect is
unknown.
"""

import contextlib
import itertools
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from whipper.client.call import Call
from whipper.client.exchange import Answered, Exchange, Happened, Message, Told, Unreadable
from whipper.client.mailbox import Mailbox
from whipper.client.models import Progress
from whipper.client.patience import Pauses, unknown
from whipper.failures import CallError, ClosedError, NoSupervisorError, ShuttingDownError, WhipperError

_CHUNK_BYTES = 256 * 1024
_MOST_OUT_BYTES = 4 * 1024 * 1024
_FEW = 8  # requests under way, of which each is written at once
_TOGETHER = 256  # requests that are written together; systems take 1024


class Link:
    """What a client is connected by, in one process.

    Args:
        connect: Makes a connection; a ``NoSupervisorError`` is tried again.
        patience: How long a request waits for a supervisor to come back, in seconds.
        most: How many requests may be under way.
    """

    def __init__(self, connect: Callable[[], socket.socket], patience: float, most: int) -> None:
        self.process = os.getpid()
        self._connect = connect
        self._patience = patience
        self._most = most
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._exchange: Exchange[Call[Any]] = Exchange()
        self._socket: socket.socket | None = None
        self._out: deque[tuple[bytes | memoryview, Call[Any] | None]] = deque()
        self._out_bytes = 0
        self._waiting: list[Call[Any]] = []  # to be sent on the next connection
        self._waiting_since = 0.0
        self._in_flight = 0
        self._ended: WhipperError | None = None
        self._stopped = threading.Event()
        self.subscriptions: dict[int, Mailbox[dict[str, Any]]] = {}
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else _pipe()
        self._thread = threading.Thread(target=self._run, name="whipper-client", daemon=True)

    def open(self) -> None:
        """Connects.

        Raises:
            WhipperError: Nobody is there, or nobody to trust.
        """
        try:
            connection = self._connect()
        except BaseException:
            self._close_pipe()
            raise
        connection.setblocking(False)
        self._socket = connection
        self._thread.start()

    def send(self, call: Call[Any]) -> None:
        """Sends a request, as soon as there is room for it."""
        self._send(call, wait=threading.current_thread() is not self._thread)  # which must never wait for itself

    def send_at_once(self, call: Call[Any]) -> bool:
        """Sends a request if there is room for it; False if there is none."""
        return self._send(call, wait=False, refuse=True)

    def abandon(self, call: Call[Any]) -> None:
        """Tells the supervisor that nobody waits for a request any more."""
        with self._lock:
            if call in self._waiting:
                self._waiting.remove(call)
                self._settled(1)
            elif self._socket is not None and (frame := self._exchange.cancel(call.id)) is not None:
                self._write(frame, None)

    def close(self) -> None:
        """Ends the connection. What is not answered gets a ``ClosedError``."""
        with self._lock:
            if self._ended is not None:
                return
            self._ended = ClosedError("the client is closed")
            self._stopped.set()
            self._wake()
            self._room.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def forget(self) -> None:
        """In a forked child: lets go of descriptors. Takes no lock, whose holder may not be here."""
        with contextlib.suppress(OSError):
            if self._socket is not None:
                os.close(self._socket.detach())
        self._close_pipe()

    def is_here(self) -> bool:
        """Whether this is the thread that reads."""
        return threading.get_ident() == self._thread.ident

    @property
    def closed(self) -> bool:
        """Nothing can be sent any more."""
        return self._ended is not None

    def _send(self, call: Call[Any], *, wait: bool, refuse: bool = False) -> bool:
        with self._lock:
            while self._ended is None and (self._in_flight >= self._most or self._out_bytes > _MOST_OUT_BYTES):
                if refuse:
                    return False
                if not wait:
                    break
                self._room.wait()
            if self._ended is not None:
                raise ClosedError(str(self._ended))
            self._in_flight += 1
            if self._socket is None:
                self._wait_for_connection([call])
            else:
                self._post(call)
        return True

    def _post(self, call: Call[Any]) -> None:
        """Sends a request on the connection there is. Under the lock, as what follows."""
        call.id, frame = self._exchange.ask(call.ask.method, call.ask.params, call)
        call.sent = False
        self._write(frame, call)

    def _write(self, frame: bytes, call: Call[Any] | None) -> None:
        """Writes at once what can be and keeps the rest for the thread. ``call`` is whose request it is."""
        sent = 0
        if not self._out and self._in_flight <= _FEW:
            assert self._socket is not None
            try:
                sent = self._socket.send(frame)
            except BlockingIOError:
                pass
            except OSError:
                return  # the thread finds out too
            if call is not None:
                call.sent = sent > 0
            if sent == len(frame):
                return
        self._out.append((memoryview(frame)[sent:], call))
        self._out_bytes += len(frame) - sent
        if len(self._out) == 1:
            self._wake()  # after that: the thread is to find it, and to wait until the socket takes more

    def _wait_for_connection(self, calls: list[Call[Any]]) -> None:
        if not self._waiting:
            self._waiting_since = time.monotonic()
        self._waiting += calls
        self._wake()

    def _close_pipe(self) -> None:
        descriptors = self._woken, self._waker
        self._woken = self._waker = -1  # first: a forked child closes what stands here, and the numbers are used again
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _settled(self, count: int) -> None:
        self._in_flight -= count
        self._room.notify(count)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it is about to wake already
            os.write(self._waker, b"x")

    def _run(self) -> None:
        try:
            while self._reconnected():
                self._serve()
        finally:
            self._finish()

    def _reconnected(self) -> bool:
        """Waits until there is a connection; False if the client is closed."""
        tries = Pauses()
        while not self._stopped.is_set():
            if self._socket is not None:
                return True
            if not self._waiting:
                poll = select.poll()
                poll.register(self._woken, select.POLLIN)
                poll.poll()
                self._awake()
                tries = Pauses()
                continue
            try:
                connection = self._connect()
            except NoSupervisorError as error:
                if time.monotonic() - self._waiting_since >= self._patience:
                    self._fail_waiting(error)
                else:
                    self._stopped.wait(tries.next())
            except Exception as error:
                self._fail_waiting(error)
            else:
                self._resume(connection)
        return False

    def _resume(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        with self._lock:
            self._socket = connection
            waiting, self._waiting = self._waiting, []
            for call in waiting:
                self._post(call)

    def _fail_waiting(self, error: Exception) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
            self._settled(len(waiting))
        for call in waiting:
            call.fail(error)

    def _serve(self) -> None:
        """Reads and writes until the connection ends."""
        connection = self._socket
        assert connection is not None
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        poll.register(connection, select.POLLIN)
        asks_out = False
        while not self._stopped.is_set():
            if self._out:
                self._flush(connection)
            wants_out = bool(self._out)
            if wants_out != asks_out:
                poll.modify(connection, select.POLLIN | (select.POLLOUT if wants_out else 0))
                asks_out = wants_out
            why = ""
            for descriptor, events in poll.poll():
                if descriptor == self._woken:
                    self._awake()
                elif events & ~select.POLLOUT:
                    why = self._read(connection)
            if why:
                self._lost(connection, why)
                return

    def _awake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)

    def _flush(self, connection: socket.socket) -> None:
        with self._lock:
            try:
                while self._out:
                    sent = connection.sendmsg([frame for frame, _ in itertools.islice(self._out, _TOGETHER)])
                    self._out_bytes -= sent
                    while sent > 0:
                        frame, call = self._out[0]
                        if call is not None:
                            call.sent = True
                        if sent < len(frame):
                            self._out[0] = (memoryview(frame)[sent:], call)
                        else:
                            self._out.popleft()
                        sent -= len(frame)
            except BlockingIOError:
                pass
            except OSError:
                self._out.clear()  # reading tells that it has ended
                self._out_bytes = 0
            if self._out_bytes <= _MOST_OUT_BYTES:
                self._room.notify_all()

    def _read(self, connection: socket.socket) -> str:
        """Takes in what has come; why the connection is to be given up, or "" if it is not."""
        try:
            chunk = connection.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return ""
        except OSError as error:
            return f"the connection to the supervisor ended ({error.strerror})"
        if not chunk:
            return "the connection to the supervisor ended"
        answered = 0
        why = ""
        again: list[Call[Any]] = []
        for message in self._exchange.receive(chunk):
            if isinstance(message, Answered):
                if isinstance(message.error, ShuttingDownError) and message.request.ask.again and _is_ours(message):
                    again.append(message.request)  # refused: the next supervisor may take it
                else:
                    answered += 1
                    _settle(message)
            elif isinstance(message, Unreadable):
                why = f"the supervisor sent {message.why}, and the connection was given up"
                break
            else:
                self._tell(message)
        with self._lock:
            wanted = [call for call in again if not call.cancelled()]
            self._settled(answered + len(again) - len(wanted))
            if wanted:
                self._wait_for_connection(wanted)
        return why

    def _tell(self, message: Message[Call[Any]]) -> None:
        if isinstance(message, Told):
            if message.request.progress is not None:
                message.request.progress(Progress(message.job, message.value))
        elif isinstance(message, Happened) and (box := self.subscriptions.get(message.subscription)) is not None:
            box.put(message.event)

    def _lost(self, connection: socket.socket, why: str) -> None:
        with self._lock:
            connection.close()
            self._socket = None
            self._out.clear()
            self._out_bytes = 0
            calls = self._exchange.lost()
            again = [call for call in calls if _may_be_sent_again(call) and not call.cancelled()]
            self._waiting_since = time.monotonic()
            self._waiting = again + self._waiting
            self._settled(len(calls) - len(again))
            self._room.notify_all()
            boxes, self.subscriptions = self.subscriptions, {}
        for call in calls:
            if not _may_be_sent_again(call):
                call.fail(unknown(call.ask.about, why))
        for box in boxes.values():
            box.close(unknown("the events", why))

    def _finish(self) -> None:
        with self._lock:
            error = self._ended = self._ended or ClosedError("the client's thread has ended")
            if self._socket is not None:
                self._socket.close()
                self._socket = None
            self._close_pipe()
            calls = self._exchange.lost() + self._waiting
            self._waiting = []
            self._room.notify_all()
        for call in calls:
            call.fail(ClosedError(f"{call.ask.about}: {error} and the answer had not come"))
        boxes, self.subscriptions = self.subscriptions, {}
        for box in boxes.values():
            box.close()


def _may_be_sent_again(call: Call[Any]) -> bool:
    return call.ask.again or not call.sent


def _settle(message: Answered[Call[Any]]) -> None:
    if message.error is None:
        message.request.succeed(message.result, message.meta)
    else:
        message.request.fail(message.error, message.meta)


def _is_ours(message: Answered[Call[Any]]) -> bool:
    return isinstance(message.error, CallError) and message.error.source == "whipper"


def _pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    return reading, writing
