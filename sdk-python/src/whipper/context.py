"""What a function may know and say about the call that it runs."""

import contextvars
import threading
from typing import TYPE_CHECKING, Any

from whipper.failures import CancelledError

if TYPE_CHECKING:
    from datetime import datetime

    from opentelemetry.trace import Span

    from whipper.protocol import Request
    from whipper.worker import Worker

_MAX_PROGRESS_BYTES = 64 * 1024

current: contextvars.ContextVar["Context"] = contextvars.ContextVar("whipper.context")

_making_event = threading.Lock()


class Context:
    """One call, from within it. Any thread may use it.

    ``job`` and the like are None where the supervisor did not tell them, as when the runner is tried by hand.
    """

    __slots__ = ("_call", "_cancelled", "_event", "_span", "_worker")

    def __init__(self, worker: "Worker", call: "Request") -> None:
        self._worker = worker
        self._call = call
        self._cancelled = False
        self._event: threading.Event | None = None  # made by who waits first
        self._span: Span | None = None  # while it runs, where the program has OpenTelemetry set up

    @property
    def method(self) -> str:
        """The method's name on the wire."""
        return self._call.method

    @property
    def job(self) -> int | None:
        """The job's id: the same on every attempt, never given to another job. It makes a retry harmless."""
        return self._number("job")

    @property
    def attempt(self) -> int | None:
        """How many attempts are charged to the job, this one included."""
        return self._number("attempt")

    @property
    def deadline(self) -> "datetime | None":
        """When the call's timeout is over, in UTC."""
        text = self._text("deadline")
        if text is None:
            return None
        from datetime import datetime

        return datetime.fromisoformat(text)

    @property
    def remaining(self) -> float | None:
        """Seconds until the deadline; negative after it, None without one."""
        deadline = self.deadline
        if deadline is None:
            return None
        from datetime import UTC, datetime

        return (deadline - datetime.now(UTC)).total_seconds()

    @property
    def trace(self) -> dict[str, str]:
        """The caller's W3C trace context: ``traceparent``, ``tracestate`` and ``baggage``, where it gave them."""
        names = ("traceparent", "tracestate", "baggage")
        return {name: value for name in names if (value := self._text(name)) is not None}

    @property
    def cancelled(self) -> bool:
        """Nobody wants the call any more: its caller gave it up, or its timeout is over. For plain functions."""
        return self._cancelled

    def raise_if_cancelled(self) -> None:
        """Ends a plain function whose call is cancelled.

        Raises:
            CancelledError: The call is cancelled.
        """
        if self._cancelled:
            raise CancelledError("the call was cancelled")

    def wait(self, seconds: float | None = None) -> bool:
        """Waits until the call is cancelled, for so long at most. Whether it is: a sleep that a cancellation ends."""
        with _making_event:
            if self._event is None:
                self._event = threading.Event()
                if self._cancelled:
                    self._event.set()
        return self._event.wait(seconds)

    def progress(self, value: Any, *, total: float | None = None, message: str | None = None) -> None:
        """Tells whoever waits for the job how far it is; the last value is kept with the job.

        Args:
            value: Any JSON of up to 64 KiB. With ``total`` or ``message``, a number.
            total: What the value will come to.
            message: What is being done.

        Raises:
            TypeError: The value has no form in JSON.
            ValueError: It is too large.
        """
        if total is not None or message is not None:
            parts = {"progress": value, "total": total, "message": message}
            value = {name: part for name, part in parts.items() if part is not None}
        from whipper import json_text

        text = json_text.encode(value)
        if len(text) > _MAX_PROGRESS_BYTES:
            raise ValueError(f"the progress has {len(text)} bytes of JSON; it may have {_MAX_PROGRESS_BYTES}")
        self._worker.progress(self._call, text)

    def _cancel(self) -> None:
        with _making_event:
            self._cancelled = True
            if self._event is not None:
                self._event.set()

    def _number(self, name: str) -> int | None:
        value = (self._call.meta or {}).get(name)
        return value if type(value) is int else None

    def _text(self, name: str) -> str | None:
        value = (self._call.meta or {}).get(name)
        return value if type(value) is str else None


def context() -> Context:
    """The context of the call that is being run here: in its function, and in the tasks that a coroutine starts.

    A thread that the function starts has none; give it the context, or run it in ``contextvars.copy_context()``.

    Raises:
        LookupError: No call is being run here.
    """
    try:
        return current.get()
    except LookupError:
        raise LookupError(
            "no call is being run here: whipper.context() is for functions that a worker serves"
        ) from None
