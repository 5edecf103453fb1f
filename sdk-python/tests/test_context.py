"""What a function learns of its call and says about it, over real pipes."""

from collections.abc import Callable
from pathlib import Path

import pytest

import whipper
from runner_process import Gate, RunnerProcess, write_script

Start = Callable[[str], RunnerProcess]

META = {"job": 42, "attempt": 2, "deadline": "2026-11-23T15:28:23.085Z", "traceparent": "00-aa-bb-01", "baggage": "k=v"}


def request(method: str, id: int = 1, **params: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params, "meta": META}


ABOUT = """
    import whipper
    {kind} about():
        call = whipper.context()
        assert call.remaining < 0 and not call.cancelled
        return [call.method, call.job, call.attempt, call.deadline.isoformat(), call.trace]
    """


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_function_knows_its_job_attempt_deadline_and_trace(start: Start, kind: str) -> None:
    worker = start(ABOUT.format(kind=kind))
    worker.send(request("about"))
    trace = {"traceparent": "00-aa-bb-01", "baggage": "k=v"}
    assert worker.receive()["result"] == ["about", 42, 2, "2026-11-23T15:28:23.085000+00:00", trace]


def test_what_the_supervisor_did_not_tell_is_none(start: Start) -> None:
    worker = start(
        """
        import whipper
        def about():
            call = whipper.context()
            return [call.job, call.attempt, call.deadline, call.remaining, call.trace]
        """
    )
    assert worker.call("about") == [None, None, None, None, {}]


def test_outside_of_a_call_there_is_no_context() -> None:
    with pytest.raises(LookupError, match="no call is being run here"):
        whipper.context()


def test_coroutines_side_by_side_have_their_own_contexts(start: Start) -> None:
    worker = start(
        """
        import asyncio, whipper
        waiting = []
        async def inner(): return whipper.context().job
        async def meet():
            waiting.append(1)
            while len(waiting) < 3: await asyncio.sleep(0)
            return await asyncio.create_task(inner())
        """
    )
    for job in (7, 8, 9):
        worker.send({"jsonrpc": "2.0", "id": job, "method": "meet", "meta": {"job": job}})
    answers = [worker.receive() for _ in range(3)]
    assert [answer["id"] for answer in answers] == [answer["result"] for answer in answers]


def test_a_plain_function_sees_that_its_call_is_cancelled_and_ends_it(start: Start) -> None:
    worker = start(
        """
        import whipper
        def work():
            print("begun")
            assert whipper.context().wait(60)
            whipper.context().raise_if_cancelled()
        def not_cancelled():
            whipper.context().raise_if_cancelled()
            raise whipper.CancelledError("of its own accord")
        """
    )
    worker.request(1, "work")
    worker.wait_for_log("begun")
    worker.notify("$/cancelRequest", id=1)
    assert worker.receive()["error"]["code"] == -32800
    assert worker.error("not_cancelled")["data"]["type"] == "CancelledError"


def test_progress_goes_out_at_once_with_the_calls_id(start: Start, gate: Gate) -> None:
    worker = start(
        f"""
        import whipper
        def work():
            whipper.context().progress([1, "half"])
            whipper.context().progress(3, total=10, message="three of ten")
            with open({gate.path!r}) as gate: gate.readline()
            return "done"
        """
    )
    worker.request(5, "work")
    first, second = worker.receive(), worker.receive()  # while the function is held at the gate
    assert first == {"jsonrpc": "2.0", "method": "$/progress", "params": {"id": 5, "value": [1, "half"]}}
    assert second["params"]["value"] == {"progress": 3, "total": 10, "message": "three of ten"}
    gate.open()
    assert worker.receive() == {"jsonrpc": "2.0", "id": 5, "result": "done"}


def test_progress_that_cannot_be_sent_is_an_error_in_the_function(start: Start) -> None:
    worker = start(
        """
        import whipper
        def large(): whipper.context().progress("x" * 65536)
        def odd(): whipper.context().progress({1, 2})
        """
    )
    assert worker.error("large")["message"] == "the progress has 65538 bytes of JSON; it may have 65536"
    assert "is of type set" in worker.error("odd")["message"]


def test_no_progress_follows_the_answer(start: Start) -> None:
    worker = start(
        """
        import whipper
        kept = []
        def keep(): kept.append(whipper.context())
        def use(): kept[0].progress("late")
        """
    )
    assert worker.call("keep") is None
    assert worker.call("use") is None


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_nothing_of_a_call_is_kept_when_it_is_answered(start: Start, kind: str) -> None:
    worker = start(
        f"""
        import gc, whipper
        {kind} ok(): pass
        {kind} fail(): raise ValueError("no")
        {kind} odd(): return {{1}}
        {kind} count():
            gc.collect()
            return sum(isinstance(one, whipper.Context) for one in gc.get_objects())
        """
    )
    for method in ("ok", "fail", "odd", "missing"):
        worker.ask(method)
        worker.ask(method, "does", "not", "fit")
        worker.notify(method)
        worker.ask("ok")  # a notification beside it may still be under way; the one before is not
    worker.ask("ok")
    assert worker.call("count") == 1


def test_a_forked_child_has_the_context_but_not_the_wire(start: Start) -> None:
    worker = start(
        """
        import multiprocessing, whipper
        def child():
            whipper.context().progress("from the child")
            return whipper.context().method
        def run():
            with multiprocessing.get_context("fork").Pool(1) as pool:
                return pool.apply(child)
        """
    )
    assert worker.call("run") == "run"


def test_a_module_that_uses_the_context_does_without_datetime_and_logging(tmp_path: Path) -> None:
    script = write_script(
        tmp_path,
        """
        import sys, whipper
        def loaded():
            whipper.context().raise_if_cancelled()
            heavy = ("asyncio", "datetime", "logging", "socket", "json.tool", "whipper.client", "concurrent.futures")
            return [name for name in heavy if name in sys.modules]
        """,
    )
    with RunnerProcess(script) as worker:
        worker.initialize()
        assert worker.call("loaded") == []
