"""Plain functions on threads."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from runner_process import ENTRY, Gate, RunnerProcess, write_script

MEET = """
    import os, sys, threading, whipper
    barrier = threading.Barrier(3)
    def meet():
        barrier.wait()
        return threading.current_thread().name
    def job(): return whipper.context().job
    def stuck(gate):
        print("begun")
        with open(gate) as gate: gate.readline()
        return "unstuck"
    def until_cancelled():
        print("waits")
        whipper.context().wait()
        whipper.context().raise_if_cancelled()
    def leave(): sys.exit(7)
    def fork():
        child = os.fork()
        if child == 0: return "the child's"
        return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]
    """


class Start(Protocol):
    def __call__(self, source: str, *options: str) -> RunnerProcess: ...


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(source: str, *options: str) -> RunnerProcess:
            script = write_script(tmp_path, source)
            command = [sys.executable, str(ENTRY), *options]
            return stack.enter_context(RunnerProcess(script, command=command))

        yield start


def test_as_many_functions_run_side_by_side_as_there_are_threads(start: Start) -> None:
    worker = start(MEET, "--threads", "3")
    assert worker.initialize()["concurrency"] == 3
    for id in (1, 2, 3):
        worker.request(id, "meet")
    names = {worker.receive()["result"] for _ in range(3)}
    assert names == {"whipper-1", "whipper-2", "whipper-3"}


def test_the_environment_says_how_many_threads_there_are_and_an_option_goes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHIPPER_THREADS", "4")
    script = write_script(tmp_path, MEET)
    with RunnerProcess(script) as worker:
        assert worker.initialize()["concurrency"] == 4
    with RunnerProcess(script, command=[sys.executable, str(ENTRY), "--threads=2"]) as worker:
        assert worker.initialize()["concurrency"] == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--threads", "many"], "threads must be a whole number, not 'many'"),
        (["--threads", "2000"], "threads must be a whole number from 0 to 1000, not 2000"),
        (["--treads", "2"], "there is no option --treads"),
        (["--threads"], "threads"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(start: Start, options: list[str], words: str) -> None:
    worker = start(MEET, *options)
    assert worker.wait() == 2
    assert words in worker.log()


def test_each_thread_has_the_context_of_its_call(start: Start) -> None:
    worker = start(MEET, "--threads", "2")
    worker.initialize()
    for job in range(1, 21):
        worker.send({"jsonrpc": "2.0", "id": job, "method": "job", "meta": {"job": job}})
    answers = [worker.receive() for _ in range(20)]
    assert all(answer["id"] == answer["result"] for answer in answers)


def test_a_function_on_a_thread_is_cancelled_by_its_flag_and_one_that_waits_for_a_thread_at_once(
    start: Start, gate: Gate
) -> None:
    worker = start(MEET, "--threads", "1")
    worker.initialize()
    worker.request(1, "until_cancelled")
    worker.wait_for_log("waits")
    worker.request(2, "job")
    worker.notify("$/cancelRequest", id=2)
    worker.notify("$/cancelRequest", id=1)
    answers = [worker.receive() for _ in range(2)]
    assert {answer["id"]: answer["error"]["code"] for answer in answers} == {1: -32800, 2: -32800}


def test_a_function_that_exits_ends_the_process_and_does_not_wait_for_its_neighbours(start: Start, gate: Gate) -> None:
    worker = start(MEET, "--threads", "2")
    worker.initialize()
    worker.request(1, "stuck", gate.path)
    worker.wait_for_log("begun")
    worker.request(2, "leave")
    assert worker.wait() == 7
    assert worker.rest() == b""


def test_at_a_shutdown_what_runs_on_threads_is_answered(start: Start, gate: Gate) -> None:
    worker = start(MEET, "--threads", "2")
    worker.initialize()
    worker.request(1, "stuck", gate.path)
    worker.wait_for_log("begun")
    worker.notify("$/shutdown")
    gate.open()
    assert worker.receive()["result"] == "unstuck"
    assert worker.wait() == 0


def test_a_child_that_is_forked_on_a_thread_and_returns_ends(start: Start) -> None:
    worker = start(MEET, "--threads", "2")
    worker.initialize()
    assert worker.call("fork") == [0]


MIXED = (
    MEET
    + """
    import asyncio
    async def soon():
        await asyncio.sleep(0)
        return threading.current_thread() is threading.main_thread()
    """
)


def test_beside_coroutines_plain_functions_run_on_the_threads(start: Start, gate: Gate) -> None:
    worker = start(MIXED, "--threads", "1", "--concurrency", "5")
    assert worker.initialize()["concurrency"] == 5
    worker.request(1, "stuck", gate.path)
    worker.wait_for_log("begun")
    worker.request(2, "soon")
    assert worker.receive() == {"jsonrpc": "2.0", "id": 2, "result": True}
    gate.open()
    assert worker.receive()["result"] == "unstuck"
    worker.notify("$/shutdown")
    assert worker.wait() == 0


def test_a_function_on_a_thread_beside_coroutines_ends_the_process_too(start: Start) -> None:
    worker = start(MIXED, "--threads", "1")
    worker.initialize()
    worker.request(1, "leave")
    assert worker.wait() == 7
    assert worker.rest() == b""
