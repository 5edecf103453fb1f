"""Calls side by side, pings and cancellations while a function runs."""

from collections.abc import Callable

from runner_process import Gate, RunnerProcess

Start = Callable[[str], RunnerProcess]

SPIN = """
    import threading
    def spin(gate):
        print("begun")
        open(gate).readline()
        return threading.current_thread() is threading.main_thread()
    def quick(): return 1
    """


def test_a_ping_is_answered_while_a_sync_function_runs_on_the_main_thread(start: Start, gate: Gate) -> None:
    worker = start(SPIN)
    worker.request(1, "spin", gate.path)
    worker.wait_for_log("begun")
    worker.request("p", "$/ping")
    assert worker.receive() == {"jsonrpc": "2.0", "id": "p", "result": None}
    gate.open()
    assert worker.receive() == {"jsonrpc": "2.0", "id": 1, "result": True}


def test_a_ping_is_answered_while_a_sync_function_computes(start: Start) -> None:
    worker = start("def compute():\n    print('begun')\n    while True: pass")
    worker.request(1, "compute")
    worker.wait_for_log("begun")
    worker.request("p", "$/ping")
    assert worker.receive()["id"] == "p"


def test_a_sync_call_that_waits_is_cancelled_at_once_and_a_running_one_is_not(start: Start, gate: Gate) -> None:
    worker = start(SPIN)
    worker.request(1, "spin", gate.path)
    worker.wait_for_log("begun")
    worker.request(2, "quick")
    worker.notify("$/cancelRequest", id=1)
    worker.notify("$/cancelRequest", id=2)
    answer = worker.receive()
    assert (answer["id"], answer["error"]["code"]) == (2, -32800)
    gate.open()
    assert worker.receive() == {"jsonrpc": "2.0", "id": 1, "result": True}
    assert worker.call("quick") == 1


COROUTINES = """
    import asyncio, threading
    waiting = []
    async def meet(number):
        waiting.append(number)
        while len(waiting) < number: await asyncio.sleep(0)
        return threading.current_thread() is threading.main_thread()
    async def stuck():
        print("begun")
        try:
            await asyncio.Event().wait()
        finally:
            print("cleaned up")
    async def stubborn():
        print("begun")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "finished all the same"
    async def own(): raise asyncio.CancelledError
    async def fail(): raise LookupError("no")
    async def bad(): return {1, 2}
    def plain(): return threading.current_thread() is threading.main_thread()
    def plain_stray(): return asyncio.get_running_loop() is not None
    """


def test_coroutines_run_side_by_side(start: Start) -> None:
    worker = start(COROUTINES)
    for id in range(1, 11):
        worker.request(id, "meet", 10)
    assert sorted(worker.receive()["id"] for _ in range(10)) == list(range(1, 11))


def test_a_coroutine_is_cancelled_and_may_clean_up(start: Start) -> None:
    worker = start(COROUTINES)
    worker.request(1, "stuck")
    worker.wait_for_log("begun")
    worker.notify("$/cancelRequest", id=1)
    answer = worker.receive()
    assert (answer["id"], answer["error"]["code"]) == (1, -32800)
    worker.wait_for_log("cleaned up")


def test_a_coroutine_cancelled_in_the_same_breath_is_answered_as_cancelled(start: Start) -> None:
    worker = start(COROUTINES)
    for id in range(1, 201):
        request = {"jsonrpc": "2.0", "id": id, "method": "stuck", "params": []}
        worker.send(request, {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": id}})
    answers = [worker.receive() for _ in range(200)]
    assert sorted(answer["id"] for answer in answers) == list(range(1, 201))
    assert {answer["error"]["code"] for answer in answers} == {-32800}


def test_a_coroutine_that_finishes_in_spite_of_its_cancellation_is_answered_with_its_result(start: Start) -> None:
    worker = start(COROUTINES)
    worker.request(1, "stubborn")
    worker.wait_for_log("begun")
    worker.notify("$/cancelRequest", id=1)
    assert worker.receive()["result"] == "finished all the same"


def test_a_coroutine_that_cancels_itself_has_failed(start: Start) -> None:
    error = start(COROUTINES).error("own")
    assert (error["code"], error["data"]["type"]) == (1, "CancelledError")


def test_a_coroutine_fails_as_a_function_does(start: Start) -> None:
    worker = start(COROUTINES)
    error = worker.error("fail")
    assert (error["code"], error["message"], error["data"]["type"]) == (1, "no", "LookupError")
    assert "tasks.py" in error["data"]["stack"].splitlines()[1]
    assert "is of type set" in worker.error("bad")["message"]
    assert worker.error("meet")["code"] == -32602


def test_plain_functions_beside_coroutines_run_on_the_main_thread_too(start: Start) -> None:
    worker = start(COROUTINES)
    assert worker.call("plain") is True
    assert worker.call("plain_stray") is True
    assert worker.call("meet", 1) is True


def test_a_module_without_coroutine_functions_does_without_asyncio(start: Start) -> None:
    worker = start("import sys\ndef f(): return 'asyncio' in sys.modules")
    assert worker.call("f") is False
