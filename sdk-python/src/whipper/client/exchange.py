"""The client's end of the socket protocol without any I/O: requests to bytes, bytes to answers."""

import itertools
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from whipper import json_text, protocol
from whipper.client.models import Meta
from whipper.failures import CallError, answered
from whipper.protocol import TooLarge

T = TypeVar("T")

# What a supervisor sends is within its own --max-message-size, whatever that is; this bounds what is no message at all.
_MOST_BYTES = 1 << 30


@dataclass(slots=True)
class Answered(Generic[T]):
    """A request has its answer: an error, or else a result."""

    request: T
    result: Any
    error: CallError | None
    meta: Meta | None


@dataclass(slots=True)
class Told(Generic[T]):
    """A worker has said how far the job is that a request waits for."""

    request: T
    job: int
    value: Any


@dataclass(slots=True)
class Happened:
    """An event of a subscription."""

    subscription: int
    event: dict[str, Any]


@dataclass(slots=True)
class Unreadable:
    """Something came that is no message, so that a request may wait for ever: the connection is to be given up."""

    why: str


Message = Answered[T] | Told[T] | Happened | Unreadable


class Exchange(Generic[T]):
    """What is asked and not answered on one connection after the other. Ids are not used again.

    ``T`` is whatever a shell wants to have back with the answer. ``ask`` and ``receive`` may be called from two
    threads; each from one at a time.
    """

    def __init__(self) -> None:
        self._framer = protocol.Framer(_MOST_BYTES)
        self._ids = itertools.count(1)
        self._pending: dict[int, T] = {}

    def ask(self, method: str, params: bytes, request: T) -> tuple[int, bytes]:
        """The id and the frame of a request, which waits for its answer from now on."""
        id = next(self._ids)
        frame = b'{"jsonrpc":"2.0","id":%d,"method":%b,"params":%b}\n' % (id, json_text.encode(method), params)
        self._pending[id] = request
        return id, frame

    def cancel(self, id: int) -> bytes | None:
        """The frame that gives a request up; it still gets its answer. None if it has one already."""
        if id not in self._pending:
            return None
        return b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":%d}}\n' % id

    def receive(self, chunk: bytes) -> list[Message[T]]:
        """Takes in the next bytes."""
        return [message for frame in self._framer.feed(chunk) if (message := self._read(frame)) is not None]

    def lost(self) -> list[T]:
        """The connection has ended: the requests that will not be answered on it."""
        self._framer = protocol.Framer(_MOST_BYTES)
        pending, self._pending = self._pending, {}
        return list(pending.values())

    def _read(self, frame: bytes | TooLarge) -> Message[T] | None:
        if isinstance(frame, TooLarge):
            return Unreadable(f"a message of more than {_MOST_BYTES} bytes")
        try:
            message = json_text.decode(frame)
        except (ValueError, RecursionError) as why:
            # A plain ValueError is a number that Python refuses, in a frame that is sound: it is one request's alone.
            id = protocol.id_in(frame[:256]) if type(why) in (ValueError, RecursionError) else None
            if type(id) is int and (refused := self._pending.pop(id, None)) is not None:
                return Answered(refused, None, CallError(f"the answer cannot be read: {why}"), None)
            return Unreadable(f"what is no message: {why}") if frame.strip() else None
        if type(message) is not dict:
            return Unreadable("what is no message: it is not an object")
        if "method" in message:
            return self._notified(message)
        id = message.get("id")
        if type(id) is not int:
            # Our own request could not be read, and nobody can tell which.
            error = message.get("error")
            return Unreadable(f"an error: {error.get('message')}" if type(error) is dict else "an answer without an id")
        request = self._pending.pop(id, None)
        if request is None:
            return None
        meta = message.get("meta")
        error = message.get("error")
        known = Meta.read(meta) if type(meta) is dict else None
        if type(error) is not dict:
            return Answered(request, message.get("result"), None, known)
        source = meta.get("errorSource") if type(meta) is dict else None
        return Answered(request, None, answered(error, source, known.job if known else None), known)

    def _notified(self, message: dict[str, Any]) -> Message[T] | None:
        params = message.get("params")
        if type(params) is not dict:
            return None
        if message["method"] == "event":
            return Happened(params.get("subscription", 0), params)
        if message["method"] == protocol.PROGRESS:
            id = params.get("id")
            request = self._pending.get(id) if type(id) is int else None
            return Told(request, params.get("job", 0), params.get("value")) if request is not None else None
        return None
