"""The errors that a caller sees: what is wrong with a supervisor, and what became of a call or a job."""

import builtins
from typing import Any


class WhipperError(Exception):
    """What all errors of this package have in common, but for those that say that an argument is wrong."""


class NoSupervisorError(WhipperError):
    """Nothing listens where a supervisor should, or none has come back in time."""


class UntrustedError(WhipperError):
    """The supervisor's folder, or the process that listens on its socket, belongs to another user."""


class DisconnectedError(WhipperError):
    """The connection ended before the answer came. Whether the request took effect is unknown."""


class ClosedError(WhipperError):
    """The client was closed, by whoever uses it."""


class BinaryNotFoundError(WhipperError):
    """There is no whipper program to start a supervisor with."""


class StartError(WhipperError):
    """A supervisor that was started did not get ready."""


class CallError(WhipperError):
    """What a call, a job or another request was answered with.

    Attributes:
        code: The JSON-RPC code.
        message: What went wrong.
        type: Name of the error's class, in whatever language; "" where it is not known.
        stack: The worker's stack trace; "" where there is none.
        fields: The error's own fields.
        source: ``worker`` if a worker's function raised it, ``whipper`` if the supervisor did, or this client.
        job: The job's id, where there is one.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int = 0,
        type: str = "",
        stack: str = "",
        fields: dict[str, Any] | None = None,
        source: str = "whipper",
        job: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.type = type
        self.stack = stack
        self.fields = fields or {}
        self.source = source
        self.job = job
        if stack:
            self.add_note(f"in the worker:\n{stack}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, dict(self.__dict__))


def _rebuild(kind: type[CallError], message: str, state: dict[str, Any]) -> CallError:
    """What pickle makes an error of again: concurrent.futures and multiprocessing carry errors between processes."""
    error = kind(message)
    error.__dict__.update(state)
    return error


class RemoteError(CallError):
    """The worker's function raised an error: ``type``, ``stack`` and ``fields`` are that error's."""

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.type else self.message


class MethodNotFoundError(CallError):
    """The worker has no such method. The message names those that it has."""


class InvalidParamsError(CallError):
    """The arguments do not fit the function, or the request's members are not as they should be."""


class AtCapacityError(CallError):
    """All slots are taken, and the pool refuses calls then."""


class TimeoutError(CallError, builtins.TimeoutError):
    """The call, or the wait, took longer than its timeout. It is a ``TimeoutError`` of Python's too."""


class WorkerCrashedError(CallError):
    """The worker's process died with the call in it, or its supervisor did."""


class CancelledError(CallError):
    """The job was cancelled. A plain function raises it to say that it has noticed (``Context.raise_if_cancelled``)."""


class QueueFullError(CallError):
    """As many calls or jobs wait as may."""


class NotFoundError(CallError):
    """There is no such job, pool or schedule."""


class ShuttingDownError(CallError):
    """The supervisor is draining and takes nothing new."""


class ExpiredError(CallError):
    """The job had not started by its ``expires_at``."""


class MessageTooLargeError(CallError):
    """A message, or a result, is larger than it may be."""


class InvalidArgumentError(CallError):
    """Well-formed arguments that cannot be meant."""


class LedgerError(CallError):
    """The ledger cannot be read or written."""


REQUEST_CANCELLED = -32800
MESSAGE_TOO_LARGE = 1009

_CONDITIONS: dict[int, type[CallError]] = {
    -32601: MethodNotFoundError,
    -32602: InvalidParamsError,
    REQUEST_CANCELLED: CancelledError,
    1001: AtCapacityError,
    1002: TimeoutError,
    1003: WorkerCrashedError,
    1004: CancelledError,
    1005: QueueFullError,
    1006: NotFoundError,
    1007: ShuttingDownError,
    1008: ExpiredError,
    MESSAGE_TOO_LARGE: MessageTooLargeError,
    1010: InvalidArgumentError,
    1011: LedgerError,
}


def answered(error: dict[str, Any], source: str | None = None, job: int | None = None) -> CallError:
    """The exception for the error member of an answer or of a job.

    The codes from 1001 are whipper's only if the error is: a worker's function may use the same numbers.
    """
    code = error.get("code")
    code = code if type(code) is int else 0
    data = error.get("data")
    data = data if type(data) is dict else {}
    ours = source != "worker" or code in (-32601, -32602, REQUEST_CANCELLED)
    ours = ours or (code == MESSAGE_TOO_LARGE and data.get("type") == "MessageTooLargeError")  # the runner's own
    kind = _CONDITIONS.get(code, RemoteError if source == "worker" else CallError) if ours else RemoteError
    fields = data.get("fields")
    return kind(
        str(error.get("message", "")),
        code=code,
        type=str(data.get("type") or ""),
        stack=str(data.get("stack") or ""),
        fields=fields if type(fields) is dict else None,
        source=source or "whipper",
        job=job,
    )
