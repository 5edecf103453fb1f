"""How a script is started: what it sees of itself, and what happens if it cannot be loaded."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import whipper
from runner_process import ENTRY, INITIALIZE, Gate, RunnerProcess, write_script

Start = Callable[[str], RunnerProcess]


def test_the_worker_introduces_itself(tmp_path: Path) -> None:
    with RunnerProcess(write_script(tmp_path, "def b(): pass\ndef a(): pass")) as worker:
        assert worker.initialize() == {
            "protocolVersion": 1,
            "name": "whipper-python",
            "version": whipper.__version__,
            "concurrency": 1,
            "methods": [{"name": "a"}, {"name": "b"}],
        }


def test_a_module_with_a_coroutine_function_takes_ten_calls_at_once(tmp_path: Path) -> None:
    with RunnerProcess(write_script(tmp_path, "def b(): pass\nasync def a(): pass")) as worker:
        assert worker.initialize()["concurrency"] == 10


def test_it_is_ready_only_when_the_script_is_loaded_but_answers_pings_before(tmp_path: Path, gate: Gate) -> None:
    script = write_script(tmp_path, f"open({gate.path!r}).readline()\ndef f(): return 1")
    with RunnerProcess(script) as worker:
        worker.send(INITIALIZE)
        worker.request(1, "$/ping")
        assert worker.receive()["id"] == 1
        gate.open()
        assert worker.receive()["id"] == 0


def test_a_script_sees_itself_as_a_module_started_with_arguments(tmp_path: Path) -> None:
    script = write_script(
        tmp_path,
        """
        import sys, neighbour
        def look():
            assert neighbour.here
            assert sys.modules["tasks"].look is look
            return [__name__, sys.argv, sys.path[0], __file__, look.__code__.co_filename]
        if __name__ == "__main__":
            raise SystemExit("ran as a program")
        """,
    )
    write_script(tmp_path, "here = True", "neighbour.py")
    with RunnerProcess("tasks.py", "--fast", "2", cwd=tmp_path) as worker:
        worker.initialize()
        folder, file = os.path.realpath(tmp_path), str(script)
        assert worker.call("look") == ["tasks", ["tasks.py", "--fast", "2"], folder, file, file]


def test_import_whipper_gives_the_runners_own_package_and_hides_nothing_of_the_users(tmp_path: Path) -> None:
    source = """
        import sys, whipper, errors, task, wire
        def look():
            assert errors.mine and task.mine and wire.mine
            return [whipper.__file__, sys.path]
        """
    for name in ("errors.py", "task.py", "wire.py"):
        write_script(tmp_path, "mine = True", name)
    with RunnerProcess(write_script(tmp_path, source)) as worker:
        worker.initialize()
        file, path = worker.call("look")
        assert file == str(ENTRY.parent / "__init__.py")
        assert path[-1] == str(ENTRY.parents[1])
        assert str(ENTRY.parent) not in path  # where wire.py would hide an installed module of that name


def test_the_runner_works_from_any_folder_and_with_dash_m(tmp_path: Path) -> None:
    home = tmp_path / "a folder"
    shutil.copytree(ENTRY.parent, home / "whipper")
    script = write_script(tmp_path, "def f(): return 1")
    commands = [[sys.executable, str(home / "whipper" / "__main__.py")], [sys.executable, "-m", "whipper"]]
    for command in [*commands, [sys.executable, "-I", commands[0][1]]]:
        with RunnerProcess(script, command=command, cwd=home) as worker:
            worker.initialize()
            assert worker.call("f") == 1


def test_the_runners_folder_is_not_in_the_environment_of_child_processes(start: Start) -> None:
    worker = start("import os\ndef environment(): return dict(os.environ)")
    environment = worker.call("environment")
    assert "PYTHONPATH" not in environment
    assert not [value for value in environment.values() if str(ENTRY.parent) in value]


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_multiprocessing_finds_the_scripts_functions_again(start: Start, method: str) -> None:
    worker = start(
        """
        import multiprocessing, whipper
        def square(x):
            print("square", x)
            return x * x
        @whipper.task
        def squares(method, numbers):
            with multiprocessing.get_context(method).Pool(2) as pool:
                return pool.map(square, numbers)
        """
    )
    assert worker.call("squares", method, [1, 2, 3]) == [1, 4, 9]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f(:", "SyntaxError"),
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("x = 1", "whipper: tasks.py has nothing to serve"),
    ],
)
def test_a_script_that_cannot_be_loaded_says_why_and_exits_1(tmp_path: Path, source: str, words: str) -> None:
    with RunnerProcess(write_script(tmp_path, source)) as worker:
        worker.send(INITIALIZE)
        assert worker.wait() == 1
        assert worker.rest() == b""
        assert words in worker.log()
        assert str(ENTRY.parent) not in worker.log()


def test_a_script_that_is_missing_is_told_in_one_line(tmp_path: Path) -> None:
    with RunnerProcess("nowhere.py", cwd=tmp_path) as worker:
        assert worker.wait() == 1
        assert worker.log() == "whipper: read 'nowhere.py': No such file or directory\n"


def test_a_script_that_exits_while_it_is_loaded_keeps_its_exit_code(tmp_path: Path) -> None:
    with RunnerProcess(write_script(tmp_path, "raise SystemExit(7)")) as worker:
        assert worker.wait() == 7


def test_it_can_be_tried_by_hand_with_files(tmp_path: Path) -> None:
    script = write_script(tmp_path, "def echo(x):\n    print('seen')\n    return x")
    calls = tmp_path / "calls"
    calls.write_text('{"jsonrpc":"2.0","id":1,"method":"echo","params":[5]}\n')
    answers = tmp_path / "answers"
    with calls.open() as stdin, answers.open("w") as stdout:
        command = [sys.executable, str(ENTRY), str(script)]
        done = subprocess.run(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "seen\n")
    assert answers.read_text() == '{"jsonrpc":"2.0","id":1,"result":5}\n'


def test_without_a_script_it_says_how_to_use_it() -> None:
    done = subprocess.run([sys.executable, str(ENTRY)], capture_output=True, text=True, check=False, input="")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ")
