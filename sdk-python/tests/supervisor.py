"""A real supervisor, as somebody else than the client under test starts it. Every wait has a deadline."""

import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import whipper
from runner_process import DEADLINE_SECONDS

BINARY = os.environ.get("WHIPPER_BIN") or str(Path(__file__).parents[2] / "bin" / "whipper")


class Supervisor:
    """``whipper exec`` in a folder of its own. It is killed with the test if it has not ended."""

    def __init__(self, dir: Path, script: Path | str, *flags: str, environment: dict[str, str] | None = None) -> None:
        self.dir = dir
        self._command = [
            BINARY,
            "exec",
            "--dir",
            str(dir),
            "--interpreter",
            sys.executable,
            "--log-level",
            "error",
            *flags,
        ]
        self._script = str(script)
        self._environment = {**os.environ, **(environment or {})}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        reading, writing = os.pipe()
        self.process = subprocess.Popen(
            [*self._command, "--ready-fd", str(writing), self._script],
            pass_fds=[writing],
            start_new_session=True,
            env=self._environment,
            stdin=subprocess.DEVNULL,
        )
        os.close(writing)
        ready, _, _ = select.select([reading], [], [], DEADLINE_SECONDS)
        assert ready
        assert os.read(reading, 4096), "whipper exec did not get ready"
        os.close(reading)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def freeze(self) -> None:
        """It neither reads nor writes until it is killed."""
        self.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)  # a process stops some time after the signal

    def kill(self) -> None:
        """It and its workers die at once."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    def stop(self) -> int:
        """It drains."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(DEADLINE_SECONDS)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def settled(client: whipper.Client) -> bool:
    """Whether all that a client has asked is answered, or soon is: a result is there before it is counted."""
    link = client._link
    with link._lock:
        return link._room.wait_for(lambda: link._in_flight == 0, DEADLINE_SECONDS)


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody reaps counts as ended."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until_gone(pid: int) -> None:
    """Waits for a process that is not a child of this one."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            ready, _, _ = select.select([descriptor], [], [], DEADLINE_SECONDS)
            assert ready, f"process {pid} still lives"
        finally:
            os.close(descriptor)
