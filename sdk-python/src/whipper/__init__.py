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
    from whipper.client.asks import CallOptions as CallOptions
    from whipper.client.asks import SubmitOptions as SubmitOptions
    from whipper.client.async_client import AsyncClient as AsyncClient
    from whipper.client.call import Call as Call
    from whipper.client.client import Client as Client
    from whipper.client.events import Events as Events
    from whipper.client.executor import Executor as Executor
    from whipper.client.models import (
        Attempt as Attempt,
    )
    from whipper.client.models import (
        Backoff as Backoff,
    )
    from whipper.client.models import (
        Event as Event,
    )
    from whipper.client.models import (
        Job as Job,
    )
    from whipper.client.models import (
        Meta as Meta,
    )
    from whipper.client.models import (
        Progress as Progress,
    )
    from whipper.client.models import (
        Stats as Stats,
    )
    from whipper.client.models import (
        Submission as Submission,
    )
    from whipper.client.models import (
        WorkerStats as WorkerStats,
    )
    from whipper.client.start import StartOptions as StartOptions
    from whipper.logs import LogHandler as LogHandler

from whipper.context import Context, context
from whipper.current import use
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
    "AsyncClient": "whipper.client.async_client",
    "Attempt": "whipper.client.models",
    "Backoff": "whipper.client.models",
    "Call": "whipper.client.call",
    "CallOptions": "whipper.client.asks",
    "Client": "whipper.client.client",
    "Event": "whipper.client.models",
    "Events": "whipper.client.events",
    "Job": "whipper.client.models",
    "Executor": "whipper.client.executor",
    "LogHandler": "whipper.logs",
    "Meta": "whipper.client.models",
    "Progress": "whipper.client.models",
    "StartOptions": "whipper.client.start",
    "Stats": "whipper.client.models",
    "Submission": "whipper.client.models",
    "SubmitOptions": "whipper.client.asks",
    "WorkerStats": "whipper.client.models",
}

__all__ = [
    "AsyncClient",
    "AtCapacityError",
    "Attempt",
    "Backoff",
    "BinaryNotFoundError",
    "Call",
    "CallError",
    "CallOptions",
    "CancelledError",
    "Client",
    "ClosedError",
    "Context",
    "DisconnectedError",
    "Event",
    "Events",
    "Executor",
    "ExpiredError",
    "InvalidArgumentError",
    "InvalidParamsError",
    "Job",
    "LedgerError",
    "LogHandler",
    "MessageTooLargeError",
    "Meta",
    "MethodNotFoundError",
    "NoSupervisorError",
    "NotFoundError",
    "PermanentError",
    "Progress",
    "QueueFullError",
    "RemoteError",
    "ShuttingDownError",
    "SnoozeError",
    "StartError",
    "StartOptions",
    "Stats",
    "Submission",
    "SubmitOptions",
    "TimeoutError",
    "UntrustedError",
    "WhipperError",
    "WorkerCrashedError",
    "WorkerStats",
    "__version__",
    "context",
    "listeners",
    "on_shutdown",
    "serve",
    "task",
    "use",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'whipper' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LATER[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
