"""W3C trace context, by way of OpenTelemetry where the program has loaded it. Nothing here loads it."""

import sys
from functools import cache
from typing import Any

from whipper.context import Context, current


def carried() -> dict[str, str]:
    """What a call is to carry: the current span's context, or else that of the call that is being run here."""
    carrier: dict[str, str] = {}
    if "opentelemetry.trace" in sys.modules:
        for propagator in _propagators():
            propagator.inject(carrier)
    if "traceparent" not in carrier and (context := current.get(None)) is not None:
        carrier = context.trace | carrier
    return {name: carrier[name] for name in ("traceparent", "tracestate", "baggage") if name in carrier}


def attach(call: Context) -> object | None:
    """Makes a call's span the current one, or else its caller's; what it gives is for ``detach``."""
    if "opentelemetry.trace" not in sys.modules:
        return None
    from opentelemetry import context, trace

    from whipper import span

    before = ours = context.get_current()
    if carrier := call.trace:
        for propagator in _propagators():
            ours = propagator.extract(carrier, ours)
    if call._call.id is not None:  # a notification is not followed to its end
        call._span = span.start(call, ours)
        if call._span is not None:
            ours = trace.set_span_in_context(call._span, ours)
    return None if ours is before else context.attach(ours)


def detach(token: object | None) -> None:
    """Takes back what ``attach`` did."""
    if token is not None:
        from opentelemetry import context

        context.detach(token)  # type: ignore[arg-type]


@cache
def _propagators() -> tuple[Any, ...]:
    # By name, and not the global one: what a supervisor stores is W3C's form, whatever else the program speaks.
    from opentelemetry.baggage.propagation import W3CBaggagePropagator
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator(), W3CBaggagePropagator()
