"""The server span around a function's run, where the program has OpenTelemetry set up. Nothing here loads it.

Names are those of the semantic conventions, and of whipper's docs/tracing.md.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from whipper import __version__, protocol

if TYPE_CHECKING:
    from opentelemetry.context import Context as TraceContext
    from opentelemetry.trace import Span, Tracer, TracerProvider

    from whipper.context import Context


def start(provider: "TracerProvider", call: "Context", parent: "TraceContext") -> "Span":
    """Starts a call's span."""
    from opentelemetry.trace import SpanKind

    return _tracer(provider).start_span(call.method, context=parent, kind=SpanKind.SERVER, attributes=_attributes(call))


def end(span: "Span", error: dict[str, Any] | None = None) -> None:
    """Ends a call's span with what the call was answered. A call that was cancelled or put off has not failed."""
    if error is not None and span.is_recording():
        _add_error(span, error)
    span.end()


@lru_cache(maxsize=1)
def _tracer(provider: "TracerProvider") -> "Tracer":
    return provider.get_tracer("whipper", __version__)


def _attributes(call: "Context") -> dict[str, str | int]:
    attributes: dict[str, str | int] = {
        "rpc.system.name": "jsonrpc",
        "rpc.method": call.method,
        "jsonrpc.protocol.version": "2.0",
        "jsonrpc.request.id": str(call._call.id),
    }
    if (job := call.job) is not None:
        attributes["whipper.job.id"] = job
    if (attempt := call.attempt) is not None:
        attributes["whipper.job.attempt"] = attempt
    return attributes


def _add_error(span: "Span", error: dict[str, Any]) -> None:
    from opentelemetry.trace import Status, StatusCode

    status, data = str(error["code"]), error.get("data", {})
    span.set_attribute("rpc.response.status_code", status)
    if error["code"] == protocol.REQUEST_CANCELLED:
        span.add_event("whipper.cancel")
    elif "snoozeMs" in data:
        span.add_event("whipper.snooze", {"whipper.retry.delay": data["snoozeMs"] / 1000})
    else:
        span.set_attribute("error.type", status)
        told = {"type": data.get("type"), "message": error["message"], "stacktrace": data.get("stack")}
        span.add_event("exception", {f"exception.{name}": text for name, text in told.items() if text})
        span.set_status(Status(StatusCode.ERROR, error["message"]))
