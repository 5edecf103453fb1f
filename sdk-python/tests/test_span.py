"""The server span around a function's run, in workers whose scripts have OpenTelemetry set up."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import whipper
from runner_process import RunnerProcess, write_script

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"

SETUP = """
    import asyncio, os, sys, threading
    import whipper
    from opentelemetry import baggage, trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    tracer = trace.get_tracer("application")

    def inner(name="inner"):
        with tracer.start_as_current_span(name):
            pass

    class Own(whipper.PermanentError):
        code = 77

    def spans():
        ended = [span for span in exporter.get_finished_spans() if span.name != "spans"]
        exporter.clear()
        return [tell(span) for span in sorted(ended, key=lambda span: span.name)]

    def tell(span):
        return {
            "name": span.name, "kind": span.kind.name, "trace": f"{span.context.trace_id:032x}",
            "id": f"{span.context.span_id:016x}", "state": span.context.trace_state.to_header(),
            "parent": span.parent and f"{span.parent.span_id:016x}", "remote": span.parent and span.parent.is_remote,
            "attributes": dict(span.attributes), "status": [span.status.status_code.name, span.status.description],
            "events": {event.name: dict(event.attributes) for event in span.events},
            "scope": [span.instrumentation_scope.name, span.instrumentation_scope.version],
        }
    """

PLAIN = """
    def ok(): inner()
    def fails(): raise Own("mine")
    def unsendable(): return object()
    def snoozes(): raise whipper.SnoozeError(1500)
    def hangs():
        print("hanging", file=sys.stderr, flush=True)
        whipper.context().wait()
        whipper.context().raise_if_cancelled()
    both = threading.Barrier(2)
    def meets(name):
        both.wait()
        inner(name)
    def forks():
        if child := os.fork():
            os.waitpid(child, 0)
    def user(): return baggage.get_baggage("user")
    def nested(): return whipper.Client().invoke("ok")
    """

COROUTINES = """
    async def ok(): inner()
    async def fails(): raise Own("mine")
    async def unsendable(): return object()
    async def snoozes(): raise whipper.SnoozeError(1500)
    async def hangs():
        print("hanging", file=sys.stderr, flush=True)
        await asyncio.Event().wait()
    waiting = asyncio.Event()
    async def meets(name):
        if name == "a":
            await waiting.wait()
        waiting.set()
        await asyncio.sleep(0)
        inner(name)
    """

METHODS = {"plain": PLAIN, "coroutines": COROUTINES}


@pytest.fixture(params=METHODS)
def worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunnerProcess]:
    threads = ["--threads=3"] if request.param == "plain" else []
    script = write_script(tmp_path, SETUP + METHODS[request.param])
    with RunnerProcess(*threads, str(script)) as worker:
        worker.initialize()
        yield worker


def call(worker: RunnerProcess, method: str, *params: Any, id: int = 1, **meta: Any) -> None:
    worker.send({"jsonrpc": "2.0", "id": id, "method": method, "params": params, "meta": meta})


def spans(worker: RunnerProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = worker.call("spans")
    return found


def test_a_call_is_a_server_span_under_its_callers_and_over_those_of_the_function(worker: RunnerProcess) -> None:
    call(worker, "ok", id=7, job=42, attempt=2, traceparent=TRACEPARENT, tracestate="a=b")
    worker.receive()
    inner, own = spans(worker)
    assert [inner["parent"], inner["trace"], inner["remote"]] == [own["id"], TRACE, False]
    assert own == {
        "name": "ok",
        "kind": "SERVER",
        "trace": TRACE,
        "id": own["id"],
        "state": "a=b",
        "parent": PARENT,
        "remote": True,
        "attributes": {
            "rpc.system.name": "jsonrpc",
            "rpc.method": "ok",
            "jsonrpc.protocol.version": "2.0",
            "jsonrpc.request.id": "7",
            "whipper.job.id": 42,
            "whipper.job.attempt": 2,
        },
        "status": ["UNSET", None],
        "events": {},
        "scope": ["whipper", whipper.__version__],
    }


def test_a_call_without_a_trace_begins_one(worker: RunnerProcess) -> None:
    worker.call("ok")
    assert [span["parent"] is None for span in spans(worker)] == [False, True]


@pytest.mark.parametrize(("method", "code", "kind"), [("fails", "77", "Own"), ("unsendable", "1", "TypeError")])
def test_a_span_tells_how_its_call_failed(worker: RunnerProcess, method: str, code: str, kind: str) -> None:
    error = worker.error(method)
    (span,) = spans(worker)
    assert span["attributes"]["rpc.response.status_code"] == span["attributes"]["error.type"] == code
    assert span["status"] == ["ERROR", error["message"]]
    exception = {"exception.type": kind, "exception.message": error["message"]}
    if "stack" in error["data"]:
        exception["exception.stacktrace"] = error["data"]["stack"]
    assert span["events"] == {"exception": exception}


def test_a_call_that_was_snoozed_or_cancelled_has_not_failed(worker: RunnerProcess) -> None:
    worker.error("snoozes")
    worker.request(2, "hangs")
    worker.wait_for_log("hanging")
    worker.notify("$/cancelRequest", id=2)
    assert worker.receive()["error"]["code"] == -32800
    hangs, snoozes = spans(worker)
    for span in hangs, snoozes:
        assert span["status"] == ["UNSET", None]
        assert "error.type" not in span["attributes"]
    assert hangs["attributes"]["rpc.response.status_code"] == "-32800"
    assert hangs["events"] == {"whipper.cancel": {}}
    assert snoozes["events"] == {"whipper.snooze": {"whipper.retry.delay": 1.5}}


def test_calls_at_once_keep_their_spans_apart(worker: RunnerProcess) -> None:
    for id, name in enumerate("ab", 1):
        call(worker, "meets", name, id=id, traceparent=f"00-{name * 32}-{PARENT}-01")
    worker.receive()
    worker.receive()
    a, b, *calls = spans(worker)
    assert [a["name"], a["trace"][0], b["name"], b["trace"][0]] == ["a", "a", "b", "b"]
    assert {span["id"]: span["trace"] for span in calls} == {span["parent"]: span["trace"] for span in (a, b)}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[whipper.Client]:
    script = write_script(tmp_path, SETUP + PLAIN)
    with whipper.Client.start(script, max_workers=1, threads=2) as client:
        yield client


def test_a_call_from_within_a_function_belongs_to_its_span(client: whipper.Client) -> None:
    client.request("job.invoke", {"method": "nested", "traceparent": TRACEPARENT})
    _, nested, ok = client.invoke("spans")
    assert [nested["name"], nested["parent"], nested["trace"]] == ["nested", PARENT, TRACE]
    assert [ok["name"], ok["parent"], ok["trace"], ok["remote"]] == ["ok", nested["id"], TRACE, True]


def test_baggage_is_the_callers_with_a_trace_or_without(client: whipper.Client) -> None:
    for traced in {"traceparent": TRACEPARENT}, dict[str, str]():
        assert client.request("job.invoke", {"method": "user", "baggage": "user=ann", **traced}) == "ann"


@pytest.mark.parametrize("setup", ["", "trace.set_tracer_provider(trace.NoOpTracerProvider())"])
def test_where_nobody_would_see_a_span_the_callers_is_current(tmp_path: Path, setup: str) -> None:
    source = f"""
        from opentelemetry import trace
        {setup}
        def span():
            own = trace.get_current_span().get_span_context()
            return [f"{{own.span_id:016x}}", own.is_remote]
        """
    with RunnerProcess(write_script(tmp_path, source)) as worker:
        worker.initialize()
        call(worker, "span", traceparent=TRACEPARENT)
        assert worker.receive()["result"] == [PARENT, True]
        assert worker.call("span") == ["0" * 16, False]


def test_a_forked_child_does_not_end_its_parents_span(tmp_path: Path) -> None:
    setup = SETUP.replace("InMemorySpanExporter()", "ConsoleSpanExporter(formatter=lambda span: span.name + '\\n')")
    setup = setup.replace(".export.in_memory_span_exporter import InMemory", ".export import Console")
    with RunnerProcess(write_script(tmp_path, setup + PLAIN)) as worker:
        worker.initialize()
        worker.call("forks")
        worker.close_stdin()
        worker.wait()
        assert worker.log().split().count("forks") == 1


def test_a_provider_that_the_environment_names_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_TRACER_PROVIDER", "sdk_tracer_provider")
    source = """
        from opentelemetry import trace
        def recorded(): return trace.get_current_span().is_recording()
        """
    with whipper.Client.start(write_script(tmp_path, source), max_workers=1) as client:
        assert client.invoke("recorded") is True
