"""W3C trace context, by way of OpenTelemetry where the program has loaded it. Nothing here loads it."""

import os
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
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return None
    carrier, provider = call.trace, _provider(api)
    if not carrier and provider is None:
        return None
    from opentelemetry import context, trace

    ours = context.get_current()
    if carrier:
        for propagator in _propagators():
            ours = propagator.extract(carrier, ours)
    if provider is not None and call._call.id is not None:  # a notification is not followed to its end
        from whipper import span

        call._span = span.start(provider, call, ours)
        ours = trace.set_span_in_context(call._span, ours)
    token: object = context.attach(ours)
    return token


def detach(token: object | None) -> None:
    """Takes back what ``attach`` did."""
    if token is not None:
        from opentelemetry import context

        context.detach(token)  # type: ignore[arg-type]


def _provider(api: Any) -> Any:
    """What the program makes spans with; None: nothing. Looked up with each call, as it may be set at any time."""
    if getattr(api, "_TRACER_PROVIDER", api) is None and not _named():
        return None  # get_tracer_provider would look into the environment first, with each call
    provider = api.get_tracer_provider()
    kind = type(provider)
    return None if kind is api.ProxyTracerProvider or kind is api.NoOpTracerProvider else provider


@cache
def _named() -> bool:
    """The environment names a provider, which is loaded when somebody first asks for it."""
    return "OTEL_PYTHON_TRACER_PROVIDER" in os.environ


@cache
def _propagators() -> tuple[Any, ...]:
    # By name, and not the global one: what a supervisor stores is W3C's form, whatever else the program speaks.
    from opentelemetry.baggage.propagation import W3CBaggagePropagator
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator(), W3CBaggagePropagator()
