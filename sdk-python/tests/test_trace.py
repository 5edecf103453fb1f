"""W3C trace context from the application to the worker's function."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as contexts
from opentelemetry.sdk.trace import TracerProvider

import whipper
from runner_process import write_script

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = """
        import asyncio, sys, whipper
        from opentelemetry import baggage, trace
        def span():
            current = trace.get_current_span().get_span_context()
            return [f"{current.trace_id:032x}-{current.span_id:016x}", current.is_remote, baggage.get_baggage("user")]
        async def aspan():
            await asyncio.sleep(0)
            return span()
        def nested(): return whipper.Client().invoke("seen")
        def seen(): return whipper.context().trace
        """
    return write_script(tmp_path_factory.mktemp("traced"), source)


@pytest.fixture(scope="module")
def client(script: Path) -> Iterator[whipper.Client]:
    with whipper.Client.start(script, max_workers=2, threads=4) as client:
        yield client


tracer = TracerProvider().get_tracer("test")


@pytest.mark.parametrize("method", ["span", "aspan"])
def test_the_span_of_the_caller_is_current_in_the_function(client: whipper.Client, method: str) -> None:
    with tracer.start_as_current_span("call") as span:
        token = contexts.attach(baggage.set_baggage("user", "ann"))
        try:
            own = span.get_span_context()
            name = f"{own.trace_id:032x}-{own.span_id:016x}"
            assert client.invoke(method) == [name, True, "ann"]
            assert client.wait(client.submit(method)).value() == [name, True, "ann"]
        finally:
            contexts.detach(token)


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_one_calls_span_is_not_the_nexts(tmp_path: Path, kind: str) -> None:
    source = f"""
        from opentelemetry import trace
        {kind} span(): return trace.get_current_span().get_span_context().is_valid
        """
    with whipper.Client.start(write_script(tmp_path, source), max_workers=1) as client:  # all on its main thread
        with tracer.start_as_current_span("call"):
            assert client.invoke("span") is True
        assert client.invoke("span") is False


def test_a_call_from_within_a_function_belongs_to_the_same_trace(client: whipper.Client) -> None:
    with tracer.start_as_current_span("call") as span:
        seen = client.invoke("nested")
    assert re.match(f"00-{span.get_span_context().trace_id:032x}-", seen["traceparent"])
    assert trace.get_current_span().get_span_context().trace_id == 0


def test_baggage_that_a_function_sets_goes_along_where_it_has_no_span(tmp_path: Path) -> None:
    source = """
        import whipper
        from opentelemetry import baggage, context, trace
        def nested():
            context.attach(baggage.set_baggage("user", "ann"))
            return whipper.Client().invoke("seen")
        def seen(): return whipper.context().trace
        """
    with whipper.Client.start(write_script(tmp_path, source), min_workers=2, max_workers=2) as client:
        assert client.invoke("nested") == {"baggage": "user=ann"}


def test_without_opentelemetry_a_worker_passes_its_callers_context_on(tmp_path: Path) -> None:
    source = """
        import sys, whipper
        def nested(): return whipper.Client().invoke("seen")
        def seen(): return [whipper.context().trace, "opentelemetry" in sys.modules]
        """
    with whipper.Client.start(write_script(tmp_path, source), min_workers=2, max_workers=2) as client:
        params = {"method": "nested", "traceparent": PARENT, "tracestate": "a=b", "baggage": "user=ann"}
        carried = {"traceparent": PARENT, "tracestate": "a=b", "baggage": "user=ann"}
        assert client.request("job.invoke", params) == [carried, False]


def test_the_package_does_not_load_opentelemetry(tmp_path: Path) -> None:
    import subprocess

    code = "import sys, whipper; whipper.Client, whipper.AsyncClient; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
