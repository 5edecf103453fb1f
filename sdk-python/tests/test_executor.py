"""The executor, in place of those of concurrent.futures."""

import concurrent.futures
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import whipper
from conftest import TASKS
from runner_process import DEADLINE_SECONDS
from supervisor import gone


@pytest.fixture(scope="module")
def tasks() -> Iterator[ModuleType]:
    """The script, as an application imports it."""
    spec = importlib.util.spec_from_file_location("tasks", TASKS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tasks"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["tasks"]


@pytest.fixture(scope="module")
def executor() -> Iterator[whipper.Executor]:
    with whipper.Executor(TASKS, max_workers=2) as executor:
        yield executor


def test_it_is_an_executor_whose_functions_run_in_other_processes(
    executor: whipper.Executor, tasks: ModuleType
) -> None:
    assert isinstance(executor, concurrent.futures.Executor)
    assert executor.submit(tasks.pid).result(DEADLINE_SECONDS) != os.getpid()
    assert executor.submit("add", 1, 2).result(DEADLINE_SECONDS) == 3
    assert executor.submit(tasks.add, 1, b=2).result(DEADLINE_SECONDS) == 3
    assert list(executor.map(tasks.add, range(100), range(100))) == [2 * n for n in range(100)]


def test_an_error_of_the_function_is_the_futures(executor: whipper.Executor, tasks: ModuleType) -> None:
    error = executor.submit(tasks.fail, "no").exception(DEADLINE_SECONDS)
    assert isinstance(error, whipper.RemoteError)
    assert error.type == "ValueError"


def test_a_worker_that_dies_fails_its_own_call_and_the_executor_goes_on(executor: whipper.Executor) -> None:
    with pytest.raises(whipper.WorkerCrashedError):
        executor.submit("crash").result(DEADLINE_SECONDS)
    assert executor.submit("echo", 1).result(DEADLINE_SECONDS) == 1


def test_a_future_cancels_a_call_that_runs(executor: whipper.Executor, tmp_path: Path) -> None:
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    os.mkfifo(begun)
    os.mkfifo(ended)
    call = executor.submit("until_cancelled", str(begun), str(ended))
    assert begun.read_text() == "begun\n"
    assert call.cancel()
    assert ended.read_text() == "True\n"
    assert call.cancelled()
    assert concurrent.futures.wait([call], 0).done == {call}


def test_functions_that_are_not_the_scripts_are_refused(executor: whipper.Executor, tasks: ModuleType) -> None:
    with pytest.raises(
        ValueError, match=r"len is not a function of .*tasks\.py; a method can be named by a string too"
    ):
        executor.submit(len, [])
    with pytest.raises(ValueError, match="gone is not a function of"):
        executor.submit(gone, 1)
    with pytest.raises(TypeError, match="with positional arguments or with kwargs"):
        executor.submit("add", 1, b=2)


def test_a_shutdown_waits_for_what_is_under_way_and_takes_nothing_more(tmp_path: Path) -> None:
    gate, begun = tmp_path / "gate", tmp_path / "begun"
    os.mkfifo(gate)
    os.mkfifo(begun)
    executor = whipper.Executor(TASKS, max_workers=1)
    assert executor.client.sidecar is not None
    pid = executor.client.sidecar.pid
    assert pid is not None
    held = executor.submit("hold", str(gate), str(begun))
    begun.read_text()
    queued = executor.submit("echo", 1)
    executor.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="an executor that is shut down"):
        executor.submit("echo", 2)
    [closer] = [thread for thread in threading.enumerate() if thread.name == "whipper-executor"]
    closer.join(0.2)
    assert not held.done()
    gate.write_text("open\n")
    assert held.result(DEADLINE_SECONDS) == "released"
    assert queued.result(DEADLINE_SECONDS) == 1
    executor.shutdown()
    assert gone(pid)


def test_a_shutdown_can_cancel_what_waits_and_what_runs(tmp_path: Path) -> None:
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    os.mkfifo(begun)
    os.mkfifo(ended)
    executor = whipper.Executor(TASKS, max_workers=1)
    running = executor.submit("until_cancelled", str(begun), str(ended))
    begun.read_text()
    queued = executor.submit("echo", 1)
    executor.shutdown(wait=False, cancel_futures=True)
    assert ended.read_text() == "True\n"
    executor.shutdown()
    assert running.cancelled()
    assert queued.cancelled()


def test_it_works_with_functions_of_the_main_script(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        """
import os, whipper

def square(x):
    return [x * x, os.getpid()]

if __name__ == "__main__":
    with whipper.Executor(__file__, max_workers=2) as executor:
        for squared, pid in executor.map(square, range(3)):
            print(squared, pid != os.getpid())
"""
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("0 True\n1 True\n4 True\n", "")


def test_a_program_that_ends_without_a_shutdown_still_waits_for_its_calls(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import time\n\ndef slow(path):\n    time.sleep(0.3)\n    open(path, 'w').write('done')\n"
    )
    (tmp_path / "program.py").write_text(
        "import sys, whipper\nwhipper.Executor(sys.argv[1], max_workers=1).submit('slow', sys.argv[2])\n"
    )
    arguments = [tmp_path / "program.py", tmp_path / "slow.py", tmp_path / "out"]
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out").read_text() == "done"


def test_a_shutdown_waits_for_a_call_that_is_just_being_submitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, begun = tmp_path / "gate", tmp_path / "begun"
    os.mkfifo(gate)
    os.mkfifo(begun)
    executor = whipper.Executor(TASKS, max_workers=1)
    future = executor.client.future

    def meanwhile(method: str, *args: object, kwargs: dict[str, object]) -> whipper.Call[object]:
        call = future(method, *args, kwargs=kwargs)
        begun.read_text()
        executor.shutdown(wait=False)  # by another thread, as it were
        return call

    monkeypatch.setattr(executor.client, "future", meanwhile)
    held = executor.submit("hold", str(gate), str(begun))
    gate.write_text("open\n")
    assert held.result(DEADLINE_SECONDS) == "released"
    executor.shutdown()
