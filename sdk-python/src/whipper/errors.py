"""Errors on the wire, and the ones that a function raises to steer what becomes of its job."""

import os
import traceback
from types import TracebackType
from typing import Any

from whipper import json_text, protocol

_OWN_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")
_INT64 = range(-(2**63), 2**63)

# The innermost frames are kept: a recursion without end must not fill the ledger.
_MAX_STACK_FRAMES = 50


class PermanentError(Exception):
    """Raised by a function whose job would fail again: it is not retried. Subclasses count too."""


class SnoozeError(Exception):
    """Raised by a function that wants to be run again later, without an attempt being charged.

    Args:
        ms: How much later, in milliseconds; 0 or more.
        message: Why.

    Raises:
        TypeError: ms is not an integer.
        ValueError: ms is negative.
    """

    def __init__(self, ms: int, message: str = "") -> None:
        if type(ms) is not int:
            raise TypeError(f"snooze ms must be an integer, not {ms!r}")
        if ms < 0:
            raise ValueError(f"snooze ms must not be negative, but is {ms}")
        super().__init__(ms, message)
        self._ms = ms
        self._message = message

    @property
    def ms(self) -> int:
        """How much later, in milliseconds."""
        return self._ms

    def __str__(self) -> str:
        return self._message or f"run again in {self._ms} ms"


def thrown(exception: BaseException) -> dict[str, Any]:
    """The error member for an exception that a function raised.

    The exception's own ``code`` is used if it is an integer of 64 bits, else 1. Its other public attributes become
    ``data.fields``, as far as they have a form in JSON.
    """
    code = _own_code(exception)
    if not isinstance(code, int) or isinstance(code, bool) or code not in _INT64:
        code = protocol.THROWN
    name = type(exception).__name__
    data: dict[str, Any] = {"type": name, "stack": stack(exception)}
    fields = {key: value for key, value in _attributes(exception).items() if _encodable(value)}
    if fields:
        data["fields"] = fields
    if isinstance(exception, PermanentError):
        data["retryable"] = False
    if isinstance(exception, SnoozeError):
        data["snoozeMs"] = exception.ms
    return {"code": int(code), "message": _message(exception) or name, "data": data}


def condition(code: int, message: str, type: str = "", **data: Any) -> dict[str, Any]:
    """The error member for a condition that the runner itself has found."""
    error: dict[str, Any] = {"code": code, "message": message}
    if type:
        error["data"] = {"type": type, **data}
    return error


def stack(exception: BaseException) -> str:
    """The traceback as Python prints it, causes included, without the runner's own frames."""
    frames = traceback.TracebackException(
        type(exception),
        exception,
        _without_runner(exception.__traceback__),
        limit=-_MAX_STACK_FRAMES,
        compact=True,
    )
    return "".join(frames.format()).rstrip("\n")


def _without_runner(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
        trace = trace.tb_next
    return trace


def _own_code(exception: BaseException) -> object:
    try:
        return getattr(exception, "code", None)
    except Exception:  # a property of the user's
        return None


def _message(exception: BaseException) -> str:
    try:
        return str(exception)
    except Exception:  # the user's __str__
        return ""


def _attributes(exception: BaseException) -> dict[str, Any]:
    own = getattr(exception, "__dict__", {})
    return {key: value for key, value in own.items() if not key.startswith("_") and key != "code"}


def _encodable(value: Any) -> bool:
    try:
        json_text.encode(value)
    except TypeError:
        return False
    return True
