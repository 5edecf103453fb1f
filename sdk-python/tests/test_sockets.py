"""Sockets that all workers share, as a supervisor hands them over."""

import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner_process import ENTRY, RunnerProcess, write_script

# What whipper's launcher does: the sockets from descriptor 3 on, LISTEN_PID, and then it becomes the worker.
LAUNCH = """
import os, sys
count = int(sys.argv[1])
given = [int(fd) for fd in sys.argv[2:2 + count]]
for i, fd in enumerate(given):
    os.dup2(fd, 100 + i)
for i in range(count):
    os.dup2(100 + i, 3 + i)
os.closerange(3 + count, 200)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(count), LISTEN_FDNAMES=":".join("abc"[:count]))
os.execv(sys.executable, [sys.executable, *sys.argv[2 + count:]])
"""

SCRIPT = """
import os, subprocess, sys, whipper
def addresses(): return [str(s.getsockname()) for s in whipper.listeners()]
def same(): return [a is b for a, b in zip(whipper.listeners(), whipper.listeners())]
def modes(): return [[s.getblocking(), s.get_inheritable()] for s in whipper.listeners()]
def descriptors(): return [s.fileno() for s in whipper.listeners()]
def accept():
    connection, _ = whipper.listeners()[0].accept()
    connection.sendall(b"served")
    connection.close()
def forked():
    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, str(len(whipper.listeners())).encode())
        os._exit(0)
    os.wait()
    return os.read(read, 10).decode()
def executed():
    # Not by number: the interpreter itself may open what is free.
    code = "import os; found = [fd for fd in range(3, 20) if os.path.exists(f'/proc/self/fd/{fd}')];"
    code += f"print(any(os.stat(fd).st_ino == {os.stat(3).st_ino} for fd in found))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, close_fds=False).stdout.strip()
"""

Given = Callable[[list[socket.socket]], RunnerProcess]


@pytest.fixture
def given(tmp_path: Path) -> Iterator[Given]:
    """Starts a runner that is given listening sockets."""
    with contextlib.ExitStack() as stack:

        def start(sockets: list[socket.socket]) -> RunnerProcess:
            descriptors = [s.fileno() for s in sockets]
            launch = [sys.executable, "-c", LAUNCH, str(len(sockets)), *map(str, descriptors), str(ENTRY)]
            script = write_script(tmp_path, SCRIPT)
            worker = stack.enter_context(RunnerProcess(script, command=launch, pass_fds=descriptors))
            worker.initialize()
            return worker

        yield start


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as s:
        s.setblocking(False)
        yield s


def test_a_script_gets_the_sockets_in_order(given: Given, listening: socket.socket, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "s"))
        other.listen()
        other.setblocking(False)
        worker = given([listening, other])
        assert worker.call("addresses") == [str(listening.getsockname()), str(tmp_path / "s")]
        assert worker.call("descriptors") == [3, 4]
        assert worker.call("same") == [True, True]
        assert worker.call("modes") == [[False, False], [False, False]]


def test_it_serves_who_connects(given: Given, listening: socket.socket) -> None:
    worker = given([listening])
    assert worker.error("accept")["data"]["type"] == "BlockingIOError"
    with socket.create_connection(listening.getsockname()) as connection:
        worker.call("accept")
        assert connection.recv(100) == b"served"


def test_children_have_none(given: Given, listening: socket.socket) -> None:
    worker = given([listening])
    assert worker.call("forked") == "0"
    if os.path.exists("/proc/self/fd"):
        assert worker.call("executed") == "False"


def test_without_shared_sockets_there_are_none(tmp_path: Path) -> None:
    script = write_script(tmp_path, SCRIPT)
    for foreign in ({}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_FDS": "1"}):
        with RunnerProcess(script, env={**os.environ, **foreign}) as worker:
            worker.initialize()
            assert worker.call("addresses") == []
