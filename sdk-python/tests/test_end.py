"""How a worker ends: asked to, killed, orphaned, or by its own function."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runner_process import Flood, Gate, RunnerProcess, write_script

Start = Callable[[str], RunnerProcess]

# A function that says when it has begun and ends when the test says so; sync and as a coroutine.
GATED = """
    import atexit, os
    atexit.register(print, "goodbye")
    def gated(gate):
        print("begun")
        with open(gate) as file:
            return file.readline()
    def quick(): return 1
    """
GATED_COROUTINE = """
    import asyncio, atexit
    atexit.register(print, "goodbye")
    async def gated(gate):
        print("begun")
        return await asyncio.to_thread(lambda: open(gate).readline())
    async def quick(): return 1
    """
STUCK = """
    import time
    def stuck():
        print("begun")
        while True: time.sleep(0.001)
    """
STUCK_COROUTINE = """
    import asyncio
    async def stuck():
        print("begun")
        await asyncio.Event().wait()
    """

SHUTTING_DOWN = {"code": 1007, "message": "the worker is shutting down", "data": {"type": "ShuttingDownError"}}

both = pytest.mark.parametrize("source", [GATED, GATED_COROUTINE], ids=["sync", "coroutine"])
both_stuck = pytest.mark.parametrize("source", [STUCK, STUCK_COROUTINE], ids=["sync", "coroutine"])


@both
@pytest.mark.parametrize("way", ["shutdown", "shutdown and end of stdin", "SIGTERM"])
def test_asked_to_end_it_answers_what_it_has_and_exits_0(start: Start, gate: Gate, source: str, way: str) -> None:
    worker = start(source)
    worker.request(1, "gated", gate.path)
    worker.request(2, "quick")
    worker.wait_for_log("begun")
    if source is GATED_COROUTINE:
        assert worker.receive()["id"] == 2
    worker.request(3, "$/ping")
    assert worker.receive()["id"] == 3  # so all of them have been received
    if way == "SIGTERM":
        worker.process.send_signal(signal.SIGTERM)
    else:
        worker.notify("$/shutdown")
    if way.endswith("stdin"):
        worker.close_stdin()
    gate.open()
    assert worker.receive() == {"jsonrpc": "2.0", "id": 1, "result": "open\n"}
    if source is GATED:
        assert worker.receive()["id"] == 2
    assert worker.wait() == 0
    assert worker.rest() == b""
    assert "goodbye" in worker.log()


@both
def test_calls_behind_a_shutdown_are_refused_while_the_one_under_way_goes_on(
    start: Start, gate: Gate, source: str
) -> None:
    worker = start(source)
    worker.request(1, "gated", gate.path)
    worker.wait_for_log("begun")
    shutdown = {"jsonrpc": "2.0", "method": "$/shutdown"}
    worker.send(shutdown, *({"jsonrpc": "2.0", "id": id, "method": "quick"} for id in range(2, 1000)))
    for id in range(2, 1000):
        assert worker.receive() == {"jsonrpc": "2.0", "id": id, "error": SHUTTING_DOWN}
    gate.open()
    assert worker.receive() == {"jsonrpc": "2.0", "id": 1, "result": "open\n"}
    assert worker.wait() == 0
    assert worker.rest() == b""


@pytest.mark.skipif(sys.platform != "linux", reason="asks a pipe what nobody has read from it")
@both
@pytest.mark.parametrize("busy", [True, False], ids=["busy", "idle"])
def test_however_many_calls_come_around_a_sigterm_each_that_was_read_is_answered_once(
    start: Start, gate: Gate, source: str, busy: bool
) -> None:
    worker = start(source)
    if busy:
        worker.request(1, "gated", gate.path)
        worker.wait_for_log("begun")
    flood = Flood(worker, first=2)
    flood.wait_for(2_000)
    worker.process.send_signal(signal.SIGTERM)
    flood.wait_for(4_000 if busy else 0)
    gate.open()
    answers = flood.answers()
    assert worker.wait() == 0
    ids = sorted(answer["id"] for answer in answers)
    assert ids == list(range(1 if busy else 2, flood.end_of_read()))
    late = {answer["id"]: answer["error"] for answer in answers if "error" in answer}
    assert all(error == SHUTTING_DOWN for error in late.values())
    assert all(answer["result"] in (1, "open\n") for answer in answers if "result" in answer)
    assert sorted(late) == ids[len(ids) - len(late) :]  # what was read before the first of them has run


def test_a_coroutine_can_be_cancelled_while_the_worker_drains(start: Start) -> None:
    worker = start(STUCK_COROUTINE)
    worker.request(1, "stuck")
    worker.wait_for_log("begun")
    worker.notify("$/shutdown")
    worker.notify("$/cancelRequest", id=1)
    answer = worker.receive()
    assert (answer["id"], answer["error"]["code"]) == (1, -32800)
    assert worker.wait() == 0


def test_orphaned_when_it_reads_no_more_it_ends_though_an_exit_handler_hangs(start: Start) -> None:
    worker = start(
        "import atexit\n@atexit.register\ndef hang():\n    print('hanging')\n    while True: pass\ndef f(): pass"
    )
    worker.process.send_signal(signal.SIGTERM)
    worker.wait_for_log("hanging")
    worker.request(1, "f")  # stays in the pipe
    worker.close_stdin()
    assert worker.process.stdout is not None
    worker.process.stdout.close()
    assert worker.wait() == 1


@both
@pytest.mark.parametrize("way", ["shutdown", "SIGTERM", "end of stdin"])
def test_asked_to_end_while_idle_it_ends_at_once(start: Start, source: str, way: str) -> None:
    worker = start(source)
    assert worker.call("quick") == 1
    if way == "SIGTERM":
        worker.process.send_signal(signal.SIGTERM)
    elif way == "shutdown":
        worker.notify("$/shutdown")
    else:
        worker.close_stdin()
    assert worker.wait() == 0
    assert worker.log() == "goodbye\n"


@both_stuck
def test_orphaned_it_ends_though_a_function_runs(start: Start, source: str) -> None:
    worker = start(source)
    worker.request(1, "stuck")
    worker.wait_for_log("begun")
    worker.close_stdin()
    assert worker.wait() == 1


@both_stuck
def test_orphaned_while_it_drains_it_ends_too(start: Start, source: str) -> None:
    worker = start(source)
    worker.request(1, "stuck")
    worker.wait_for_log("begun")
    worker.notify("$/shutdown")
    worker.close_stdin()
    assert worker.process.stdout is not None
    worker.process.stdout.close()
    assert worker.wait() == 1


def test_orphaned_while_it_loads_it_ends_too(tmp_path: Path) -> None:
    script = write_script(tmp_path, "import time\nprint('loading')\nwhile True: time.sleep(0.001)")
    with RunnerProcess(script) as worker:
        worker.wait_for_log("loading")
        worker.close_stdin()
        assert worker.wait() == 1


def test_what_was_printed_is_not_lost_when_it_is_orphaned(start: Start) -> None:
    worker = start("def stuck():\n    print('begun')\n    print('half a line', end='')\n    while True: pass")
    worker.request(1, "stuck")
    worker.wait_for_log("begun")
    worker.close_stdin()
    worker.wait()
    assert "half a line" in worker.log()


def test_calls_that_came_before_the_end_of_stdin_are_answered(tmp_path: Path) -> None:
    with RunnerProcess(write_script(tmp_path, "def f(x): return x")) as worker:
        worker.request(1, "f", 1)
        worker.request(2, "f", 2)
        worker.close_stdin()
        assert worker.rest().count(b"\n") == 2
        assert worker.wait() == 0


def test_it_ends_if_nobody_reads_its_answers(start: Start) -> None:
    worker = start("def f(): return 1")
    assert worker.process.stdout is not None
    worker.process.stdout.close()
    worker.request(1, "f")
    worker.wait()


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_function_that_exits_ends_the_process_with_its_code(start: Start, kind: str) -> None:
    worker = start(f"import sys\n{kind} leave(): sys.exit(7)")
    worker.request(1, "leave")
    assert worker.wait() == 7
    assert worker.rest() == b""


def test_the_neighbours_of_a_coroutine_that_exits_are_not_answered_as_cancelled(start: Start) -> None:
    worker = start(
        """
        import asyncio, sys
        async def stuck():
            print("begun")
            await asyncio.Event().wait()
        async def leave(): sys.exit(7)
        """
    )
    worker.request(1, "stuck")
    worker.wait_for_log("begun")
    worker.request(2, "leave")
    assert worker.wait() == 7
    assert worker.rest() == b""


def test_ctrl_c_is_left_to_the_supervisor_but_not_taken_from_child_processes(start: Start) -> None:
    worker = start(
        """
        import signal, subprocess, sys
        def child():
            code = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
            return subprocess.check_output([sys.executable, "-c", code], text=True)
        """
    )
    worker.process.send_signal(signal.SIGINT)
    assert worker.call("child") == "True\n"


def test_a_forked_child_dies_of_sigterm_as_any_process_does(start: Start) -> None:
    worker = start(
        """
        import multiprocessing, time
        def wait():
            while True: time.sleep(0.001)
        def terminate(times):
            children = [multiprocessing.get_context("fork").Process(target=wait) for _ in range(times)]
            for child in children:
                child.start()
                child.terminate()  # at once: it may not have come to anything yet
            for child in children:
                child.join()
            return {child.exitcode for child in children} == {-15}
        """
    )
    assert worker.call("terminate", 200) is True


def test_a_script_keeps_a_sigterm_handler_of_its_own(start: Start) -> None:
    worker = start("import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\ndef f(): return 1")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.wait() == 9


@pytest.mark.parametrize("way", ["shutdown", "SIGTERM"])
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_what_was_to_be_done_at_the_end_is_done_after_the_last_answer(start: Start, way: str, kind: str) -> None:
    worker = start(
        f"""
        import threading, whipper
        @whipper.on_shutdown
        def first():
            print("in the end", threading.current_thread() is threading.main_thread())
        @whipper.on_shutdown
        def failing(): raise ValueError("no matter")
        whipper.on_shutdown(lambda: print("before it"))
        {kind} quick():
            print("called")
            return 1
        """
    )
    worker.request(1, "quick")
    assert worker.receive()["result"] == 1
    if way == "SIGTERM":
        worker.process.send_signal(signal.SIGTERM)
    else:
        worker.notify("$/shutdown")
    assert worker.wait() == 0
    log = worker.log()
    order = [log.index(text) for text in ("called", "before it", "ValueError: no matter", "in the end True")]
    assert order == sorted(order)


def test_what_was_to_be_done_at_the_end_is_not_done_by_a_forked_child(start: Start) -> None:
    worker = start(
        """
        import os, whipper
        whipper.on_shutdown(lambda: print("the end of", os.getpid()))
        def fork():
            child = os.fork()
            if child == 0: raise SystemExit  # unwinds like any end
            os.waitpid(child, 0)
            return os.getpid()
        """
    )
    process = worker.call("fork")
    worker.notify("$/shutdown")
    assert worker.wait() == 0
    assert [line for line in worker.log().splitlines() if "the end of" in line] == [f"the end of {process}"]


def test_when_the_supervisor_dies_the_end_is_not_waited_for(start: Start) -> None:
    worker = start(
        """
        import threading, whipper
        @whipper.on_shutdown
        def never():
            print("begun")
            threading.Event().wait()
        def quick(): return 1
        """
    )
    worker.notify("$/shutdown")
    worker.wait_for_log("begun")
    assert worker.process.stdout is not None
    worker.process.stdout.close()
    assert worker.wait() == 1
