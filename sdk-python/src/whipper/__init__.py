"""Run Python functions as a durable, supervised worker pool, and call those of any pool.

A worker needs nothing of this: ``whipper exec tasks.py`` serves a plain file's public functions as they are. ``task``
marks what is served, ``context`` tells a function about its call, the errors steer what becomes of a job, ``serve``
makes a worker of a program of one's own. ``Client`` and ``AsyncClient`` call a supervisor, or start one of their own;
``Executor`` is a ``concurrent.futures.Executor`` over one.

What the client side needs is loaded when it is first named: a worker starts without it.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from whipper.logs import LogHandler as LogHandler

from whipper.context import Context, context
from whipper.ending import on_shutdown
from whipper.errors import PermanentError, SnoozeError
from whipper.failures import (
    AtCapacityError,
    BinaryNotFoundError,
    CallError,
    CancelledError,
    ClosedError,
    DisconnectedError,
    ExpiredError,
    InvalidArgumentError,
    InvalidParamsError,
    LedgerError,
    MessageTooLargeError,
    MethodNotFoundError,
    NoSupervisorError,
    NotFoundError,
    QueueFullError,
    RemoteError,
    ShuttingDownError,
    StartError,
    TimeoutError,
    UntrustedError,
    WhipperError,
    WorkerCrashedError,
)
from whipper.serving import serve
from whipper.sockets import listeners
from whipper.task import task

_LATER = {
    "LogHandler": "whipper.logs",
}

__all__ = [
    "AtCapacityError",
    "BinaryNotFoundError",
    "CallError",
    "CancelledError",
    "ClosedError",
    "Context",
    "DisconnectedError",
    "ExpiredError",
    "InvalidArgumentError",
    "InvalidParamsError",
    "LedgerError",
    "LogHandler",
    "MessageTooLargeError",
    "MethodNotFoundError",
    "NoSupervisorError",
    "NotFoundError",
    "PermanentError",
    "QueueFullError",
    "RemoteError",
    "ShuttingDownError",
    "SnoozeError",
    "StartError",
    "TimeoutError",
    "UntrustedError",
    "WhipperError",
    "WorkerCrashedError",
    "__version__",
    "context",
    "listeners",
    "on_shutdown",
    "serve",
    "task",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'whipper' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LATER[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
