"""The wire belongs to the protocol, whatever the user's code does."""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from runner_process import DEADLINE_SECONDS, RunnerProcess
from whipper.wire import Wire

Start = Callable[[str], RunnerProcess]


@pytest.mark.parametrize(
    "statement",
    [
        "print('stray')",
        "sys.stdout.write('stray\\n')",
        "sys.stdout.buffer.write(b'stray\\n'); sys.stdout.buffer.flush()",
        "os.write(1, b'stray\\n')",
        "subprocess.run(['echo', 'stray'])",
        "subprocess.run([sys.executable, '-c', 'print(\"stray\")'])",
        "ctypes.CDLL(None).puts(b'stray'), ctypes.CDLL(None).fflush(None)",
    ],
)
def test_what_is_printed_goes_to_the_log_while_loading_and_while_running(start: Start, statement: str) -> None:
    worker = start(f"import ctypes, os, subprocess, sys\n{statement}\ndef f():\n    {statement}\n    return 1")
    worker.wait_for_log("stray\n")
    assert worker.call("f") == 1
    worker.wait_for_log("stray\nstray\n")


def test_a_line_is_in_the_log_as_soon_as_it_is_printed(start: Start) -> None:
    worker = start("import sys\ndef f():\n    print('begun')\n    while True: pass")
    worker.request(1, "f")
    worker.wait_for_log("begun\n")


def test_any_character_can_be_printed_in_any_locale(tmp_path: Path) -> None:
    script = tmp_path / "tasks.py"
    script.write_text("def f(x):\n    print(x, '\\ud800')\n    return 1")
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "latin-1"}
    with RunnerProcess(script, env=environment) as worker:
        worker.initialize()
        assert worker.call("f", "🐴") == 1
        worker.wait_for_log("🐴 \\ud800\n")


def test_stdin_is_empty(start: Start) -> None:
    worker = start(
        "import subprocess, sys\ndef f(): return [sys.stdin.read(), subprocess.check_output('cat').decode()]"
    )
    assert worker.call("f") == ["", ""]


def test_programs_that_the_worker_executes_inherit_nothing_of_the_wire(start: Start) -> None:
    code = "import os; print(sum(os.path.exists(f'/dev/fd/{n}') for n in range(3, 256)))"
    worker = start(
        f"""
        import subprocess, sys
        def count():
            return int(subprocess.check_output([sys.executable, "-c", {code!r}], close_fds=False))
        """
    )
    assert worker.call("count") == 0


def test_a_forked_child_neither_holds_nor_uses_the_wire(start: Start) -> None:
    worker = start(
        """
        import os
        def fork():
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(writing)
                os.read(reading, 1)  # until the parent is gone
                print("child ends")
                return "an answer of the child's"
            return child
        """
    )
    assert isinstance(worker.call("fork"), int)
    worker.close_stdin()
    assert worker.rest() == b""  # stdout is closed although the child may live
    assert worker.wait() == 0
    worker.wait_for_log("child ends")


def test_a_function_that_closes_descriptors_0_and_1_does_not_close_the_wire(start: Start) -> None:
    worker = start("import os\ndef f():\n    os.close(0)\n    os.close(1)\n    return 1")
    assert worker.call("f") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_wire_is_blocking_even_if_it_was_handed_over_otherwise(tmp_path: Path) -> None:
    script = tmp_path / "tasks.py"
    script.write_text("def make(n): return 'x' * n")
    with RunnerProcess(script, preexec_fn=_unblock) as worker:
        worker.initialize()
        assert len(worker.call("make", 10_000_000)) == 10_000_000


def _unblock() -> None:
    import os

    os.set_blocking(0, False)
    os.set_blocking(1, False)


def test_a_signal_in_the_middle_of_a_large_answer_does_not_tear_it(start: Start) -> None:
    worker = start("def make(n): return 'x' * n")
    worker.request(1, "make", 10_000_000)
    assert worker.process.stdout is not None
    select.select([worker.process.stdout], [], [])  # the pipe is full before long, and the worker stuck in its write
    for _ in range(20):
        worker.process.send_signal(signal.SIGINT)
        worker.take_some()
    assert len(worker.receive()["result"]) == 10_000_000


def test_a_wake_that_comes_late_writes_to_no_other_file() -> None:
    wire = Wire(os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_WRONLY))
    waker = wire._waker  # as of a signal or a thread that is about to write to it
    wire.stop_reading()
    wire.wake()
    os.write(waker, b"x")
    assert wire.read() == b""
    wire.close()


def test_reading_that_is_stopped_while_it_is_woken_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    source, held = os.pipe()
    wire = Wire(source, os.open(os.devnull, os.O_WRONLY))
    real = os.read

    def read(descriptor: int, size: int) -> bytes:
        wire.stop_reading()
        return real(descriptor, size)

    wire.wake()
    monkeypatch.setattr(os, "read", read)
    assert not wire.read()
    monkeypatch.undo()
    reads: list[bytes | None] = []
    reader = threading.Thread(target=lambda: reads.append(wire.read()), daemon=True)
    reader.start()
    reader.join(DEADLINE_SECONDS)
    assert reads == [b""]
    wire.close()
    os.close(held)


def test_what_a_finalizer_writes_in_the_middle_of_a_frame_follows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    wire = Wire(os.open(os.devnull, os.O_RDONLY), writing)
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        if data == b"first\n":  # as the collector may do anywhere
            wire.write(b"late\n")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    writer = threading.Thread(target=wire.write, args=(b"first\n",), daemon=True)
    writer.start()
    writer.join(DEADLINE_SECONDS)
    assert not writer.is_alive()
    assert os.read(reading, 100) == b"first\nlate\n"
    wire.close()
    os.close(reading)
