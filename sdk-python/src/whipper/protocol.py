"""The worker wire without any I/O: bytes to messages, answers to bytes.

Framing is NDJSON: one JSON-RPC 2.0 object per line. Nothing that arrives raises: what is not a message becomes a Fault
that says how to answer it.
"""

import os
import re
from typing import Any, NamedTuple, TypeAlias, TypeGuard

from whipper import json_text

PROTOCOL_VERSION = 1

_UNITS = {"": 1} | {f"{unit}{i}b": (1024 if i else 1000) ** n for n, unit in enumerate("kmg", 1) for i in ("i", "")}


def size(text: int | str | None, default: int) -> int:
    """A number of bytes as whipper's flags have it, as ``16MiB``; the default for what is none."""
    found = re.fullmatch(r"(\d+)\s*([kmg]?i?b?)", str(text or "").strip().lower())
    unit = _UNITS.get(found[2].removesuffix("b") + "b" if found[2].strip("b") else "") if found else None
    return int(found[1]) * unit if found and unit else default


MAX_FRAME_BYTES = size(os.environ.get("WHIPPER_MAX_MESSAGE_SIZE"), 16 * 1024 * 1024)
"""Largest frame in either direction: the supervisor's --max-message-size."""

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
REQUEST_CANCELLED = -32800
THROWN = 1
SHUTTING_DOWN = 1007
MESSAGE_TOO_LARGE = 1009

INITIALIZE = "$/initialize"
PING = "$/ping"
CANCEL = "$/cancelRequest"
SHUTDOWN = "$/shutdown"
PROGRESS = "$/progress"
LOG = "$/log"

Id: TypeAlias = int | str
Params: TypeAlias = list[Any] | dict[str, Any] | None


class Request(NamedTuple):
    """A call; a notification if it has no id."""

    id: Id | None
    method: str
    params: Params
    meta: dict[str, Any] | None = None


class Fault(NamedTuple):
    """What arrived is no message; this is the answer it gets."""

    id: Id | None
    code: int
    message: str
    type: str = ""


class TooLarge(NamedTuple):
    """A frame beyond the limit: only how it began was kept."""

    head: bytes


# Enough of a frame to find its id in.
_HEAD_BYTES = 256
_ID_IN_HEAD = re.compile(rb'\s*\{\s*"jsonrpc"\s*:\s*"2\.0"\s*,\s*"id"\s*:\s*(-?\d{1,19}|"[^"\\]{0,200}")\s*[,}]')


class Framer:
    """Cuts a stream of bytes into lines and never holds more than one frame's limit of it."""

    def __init__(self, limit: int = MAX_FRAME_BYTES) -> None:
        self._limit = limit
        self._begun = bytearray()  # of a line whose end has not come
        self._too_large = False  # and which has outgrown the limit

    def feed(self, chunk: bytes) -> list[bytes | TooLarge]:
        """The frames that end in this chunk, without their newlines."""
        first, *others = chunk.split(b"\n")
        self._extend(first)
        if not others:
            return []
        frames = [self._end()]
        begun = others.pop()
        limit = self._limit
        frames += [line if len(line) <= limit else TooLarge(line[:_HEAD_BYTES]) for line in others]
        self._extend(begun)
        return frames

    def _extend(self, part: bytes) -> None:
        if self._too_large:
            return
        self._begun += part
        if len(self._begun) > self._limit:
            self._too_large = True
            del self._begun[_HEAD_BYTES:]

    def _end(self) -> bytes | TooLarge:
        line = bytes(self._begun)
        self._begun = bytearray()
        if self._too_large:
            self._too_large = False
            return TooLarge(line)
        return line


def parse(frame: bytes | TooLarge) -> Request | Fault | None:
    """The message in a frame; None for what asks for nothing: an empty line, or an answer to a question never put."""
    if isinstance(frame, TooLarge):
        message = f"the message is larger than {MAX_FRAME_BYTES} bytes"
        return Fault(id_in(frame.head), MESSAGE_TOO_LARGE, message, "MessageTooLargeError")
    try:
        message = json_text.decode(frame)
    except RecursionError:
        return Fault(id_in(frame[:_HEAD_BYTES]), PARSE_ERROR, "the message is nested too deeply")
    except ValueError as error:
        if not frame.strip():
            return None
        # A plain ValueError is a number that Python refuses, in a frame that was sound so far: its id can be trusted.
        id = id_in(frame[:_HEAD_BYTES]) if type(error) is ValueError else None
        return Fault(id, PARSE_ERROR, f"the message cannot be read as JSON: {error}")
    if type(message) is not dict:
        return Fault(None, INVALID_REQUEST, "the message is not a JSON object")
    return _request(message)


def result_frame(id: Id, result: Any) -> bytes:
    """The frame of a successful answer.

    Raises:
        TypeError: The result has no form in JSON.
    """
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}\n' % (_id_text(id), json_text.encode(result))


def error_frame(id: Id | None, error: dict[str, Any]) -> bytes:
    """The frame of an error answer. The error must be encodable, as those made by whipper.errors are."""
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}\n' % (_id_text(id), json_text.encode(error))


def notification_frame(method: str, params: dict[str, Any]) -> bytes:
    """The frame of a notification. The params must be encodable."""
    return b'{"jsonrpc":"2.0","method":%b,"params":%b}\n' % (json_text.encode(method), json_text.encode(params))


def progress_frame(id: Id, value: bytes) -> bytes:
    """The frame that tells how far a call is; the value is JSON already."""
    return b'{"jsonrpc":"2.0","method":"%b","params":{"id":%b,"value":%b}}\n' % (PROGRESS.encode(), _id_text(id), value)


def is_id(value: object) -> TypeGuard[Id]:
    """Whether the value may be the id of a call: a string or an integer."""
    return type(value) is int or type(value) is str


def _request(message: dict[str, Any]) -> Request | Fault | None:
    id = message.get("id")
    known = id if is_id(id) else None
    method = message.get("method")
    if method is None and ("result" in message or "error" in message):
        return None
    if type(method) is not str or message.get("jsonrpc") != "2.0":
        return Fault(known, INVALID_REQUEST, 'the message is not a JSON-RPC 2.0 request with "jsonrpc" and "method"')
    if known is None and "id" in message:
        return Fault(None, INVALID_REQUEST, "the id is neither a string nor an integer")
    params = message.get("params")
    if params is not None and type(params) is not list and type(params) is not dict:
        return Fault(known, INVALID_PARAMS, "params is neither an array nor an object")
    meta = message.get("meta")
    return Request(known, method, params, meta if type(meta) is dict else None)


def id_in(head: bytes) -> Id | None:
    """The id of a message of which only how it begins can be read."""
    found = _ID_IN_HEAD.match(head)
    try:
        return json_text.decode(found[1]) if found else None
    except ValueError:
        return None


def _id_text(id: Id | None) -> bytes:
    return b"%d" % id if type(id) is int else json_text.encode(id)
