"""A real runner process and the supervisor's ends of its pipes. Every wait has a deadline; nothing sleeps."""

import contextlib
import fcntl
import itertools
import json
import os
import select
import signal
import subprocess
import sys
import termios
import textwrap
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ENTRY = Path(__file__).parents[1] / "src" / "whipper" / "__main__.py"
DEADLINE_SECONDS = 20.0

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "$/initialize",
    "params": {"protocolVersion": 1, "pool": "default", "worker": "w1"},
}


class RunnerProcess:
    """Starts the runner on a script. Leaving the ``with`` block kills it and its children."""

    def __init__(self, script: Path | str, *args: str, command: list[str] | None = None, **options: Any) -> None:
        # Python's own variables, PYTHONUNBUFFERED above all, would hide what is tested here.
        plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self.process = subprocess.Popen(
            [*(command or [sys.executable, str(ENTRY)]), str(script), *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            **{"env": plain, **options},
        )
        self._received = b""
        self._log = ""
        self._logged = threading.Condition()
        self._logger = threading.Thread(target=self._read_log)
        self._logger.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # its children too, or they would hold the log open
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        self._logger.join()

    def initialize(self) -> dict[str, Any]:
        self.send(INITIALIZE)
        result: dict[str, Any] = self.receive()["result"]
        return result

    def call(self, method: str, *params: Any, **named: Any) -> Any:
        """The result; an error answer fails the test."""
        answer = self.ask(method, *params, **named)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def error(self, method: str, *params: Any, **named: Any) -> dict[str, Any]:
        answer = self.ask(method, *params, **named)
        assert "error" in answer, answer
        error: dict[str, Any] = answer["error"]
        return error

    def ask(self, method: str, *params: Any, **named: Any) -> dict[str, Any]:
        self.request(1, method, *params, **named)
        answer = self.receive()
        assert answer["id"] == 1
        return answer

    def request(self, id: int | str, method: str, *params: Any, **named: Any) -> None:
        self.send({"jsonrpc": "2.0", "id": id, "method": method, "params": named or params})

    def notify(self, method: str, **named: Any) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": named})

    def send(self, *messages: dict[str, Any]) -> None:
        """All of them in one write."""
        self.send_bytes(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    def send_bytes(self, data: bytes) -> None:
        assert self.process.stdin is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self.process.stdin.fileno(), view) :]

    def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.receive_line())
        assert message["jsonrpc"] == "2.0"
        return message

    def receive_line(self) -> bytes:
        while b"\n" not in self._received:
            chunk = self._read()
            assert chunk, f"the worker closed its stdout; its log: {self._log}"
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        return line

    def take_some(self) -> None:
        """Takes one chunk from the worker's stdout, for a later ``receive``."""
        self._received += self._read()

    def rest(self) -> bytes:
        """What is still written until the worker closes its stdout."""
        while chunk := self._read():
            self._received += chunk
        return self._received

    def close_stdin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait(self) -> int:
        return self.process.wait(DEADLINE_SECONDS)

    def log(self) -> str:
        """The whole log of a worker that has ended."""
        self._logger.join(DEADLINE_SECONDS)
        return self._log

    def wait_for_log(self, text: str) -> None:
        with self._logged:
            assert self._logged.wait_for(lambda: text in self._log, DEADLINE_SECONDS), self._log

    def _read(self) -> bytes:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], DEADLINE_SECONDS)
        assert ready, f"nothing came within {DEADLINE_SECONDS} s; the log: {self._log}"
        return os.read(self.process.stdout.fileno(), 1 << 20)

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as pipe:
            while chunk := pipe.read(1 << 16):
                with self._logged:
                    self._log += chunk.decode(errors="replace")
                    self._logged.notify_all()


class Flood:
    """Writes calls of ``quick`` to a worker until it is gone, and takes its answers. Ids count up from ``first``."""

    def __init__(self, worker: RunnerProcess, first: int) -> None:
        self._worker = worker
        self._first = first
        self._ends: list[int] = []  # of the frames, in bytes since the flood began
        self._written = 0
        self._some = threading.Condition()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._reader = threading.Thread(target=worker.rest, daemon=True)
        self._writer.start()
        self._reader.start()

    def wait_for(self, count: int) -> None:
        with self._some:
            assert self._some.wait_for(lambda: len(self._ends) >= count, DEADLINE_SECONDS)

    def answers(self) -> list[dict[str, Any]]:
        """All that the worker has answered until its end."""
        self._reader.join(DEADLINE_SECONDS)
        return [json.loads(line) for line in self._worker.rest().splitlines()]

    def end_of_read(self) -> int:
        """The first id that the worker, which has ended, has not read to its end: Linux keeps what is left."""
        self._writer.join(DEADLINE_SECONDS)
        assert self._worker.process.stdin is not None
        left = bytearray(4)
        fcntl.ioctl(self._worker.process.stdin, termios.FIONREAD, left)
        read = self._written - int.from_bytes(left, sys.byteorder)
        return self._first + sum(end <= read for end in self._ends)

    def _write(self) -> None:
        assert self._worker.process.stdin is not None
        pipe = self._worker.process.stdin.fileno()
        with contextlib.suppress(BrokenPipeError):
            for id in itertools.count(self._first):
                frame = b'{"jsonrpc":"2.0","id":%d,"method":"quick"}\n' % id
                end = self._written + len(frame)
                while self._written < end:
                    self._written += os.write(pipe, frame[self._written - end :])
                with self._some:
                    self._ends.append(end)
                    self._some.notify_all()


class Gate:
    """A named pipe that a script waits at with ``open(path).readline()``. Held open here: opening it never blocks."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._pipe = os.open(path, os.O_RDWR)

    def open(self) -> None:
        """Lets one waiter pass."""
        os.write(self._pipe, b"open\n")

    def close(self) -> None:
        os.close(self._pipe)


def write_script(folder: Path, source: str, name: str = "tasks.py") -> Path:
    path = folder / name
    path.write_text(textwrap.dedent(source))
    return path
