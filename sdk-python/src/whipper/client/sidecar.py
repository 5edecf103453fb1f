"""A supervisor that this process starts, and that ends with it.

Its stdin is a pipe whose other end only this process holds: when that closes, by ``close`` or because the process is
gone, however it went, the supervisor drains and exits, and removes its folder if that is a temporary one.
A forked child closes its copy at once, so that it does not keep a supervisor alive that its parent has left.
"""

import atexit
import contextlib
import json
import logging
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from whipper.client.locate import Target, locate
from whipper.failures import NoSupervisorError, StartError

_log = logging.getLogger("whipper.sidecar")

_KEPT_LINES = 20
_LAST_WORDS_SECONDS = 0.25

# Beyond the supervisor's own --drain-timeout, and what its workers may take to be killed.
_GRACE_SECONDS = 15.0

_alive: "weakref.WeakSet[Sidecar]" = weakref.WeakSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is started.

    Attributes:
        binary: The whipper program.
        flags: Of exec, without --dir.
        program: The script and its arguments, or ``--`` and a command.
        dir: The supervisor's folder; None: a temporary one that it makes, and removes at the end.
        environment: Variables that differ from this process's.
        start_timeout: How long it may take to get ready, in seconds.
        drain_timeout: How long it lets running calls finish when it ends, in seconds.
    """

    binary: str
    flags: Sequence[str]
    program: Sequence[str]
    dir: str | None
    environment: Mapping[str, str]
    start_timeout: float
    drain_timeout: float


class Sidecar:
    """The supervisor. ``connect`` starts it, and starts it again if it has died; ``close`` ends it."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._owner = os.getpid()
        folder = command.dir or os.path.join(tempfile.gettempdir(), f"whipper-{secrets.token_hex(6)}")
        self.dir = os.path.abspath(folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline = -1
        self._copier: threading.Thread | None = None
        self._last_lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._starting = threading.Lock()
        self._closed = False
        _alive.add(self)

    @property
    def pid(self) -> int | None:
        """The supervisor's process id, while it lives."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def connect(self) -> socket.socket:
        """A connection to the supervisor, which is started first if need be. A forked child starts none.

        Raises:
            StartError: It did not get ready; the text has its last words.
            NoSupervisorError: It is gone, and was not to be started here.
        """
        if os.getpid() == self._owner:
            with self._starting:
                if self._closed:
                    raise NoSupervisorError("the supervisor was closed")
                if self.pid is None:
                    self._start()
        return self._target().connect()

    def close(self) -> None:
        """Has the supervisor drain and end, and removes its folder if that is a temporary one."""
        if os.getpid() != self._owner:
            return
        with self._starting:
            if self._closed:
                return
            self._closed = True
            self._end()
        _alive.discard(self)

    def forget(self) -> None:
        """In a forked child: it is not this process that the supervisor ends with."""
        lifeline, self._lifeline = self._lifeline, -1
        with contextlib.suppress(OSError):
            os.close(lifeline)

    def _target(self) -> Target:
        return locate(self.dir, None)

    def _start(self) -> None:
        self._reap()
        self._last_lines.clear()
        stdin, lifeline = os.pipe()
        ready, told = os.pipe()
        command = self._command
        # Flags come first: a script's own arguments, or a command's, follow it.
        argv = [command.binary, "exec", "--exit-with-parent", "--ready-fd", str(told), "--dir", self.dir]
        if command.dir is None:
            argv.append("--ephemeral")
        argv += ["--drain-timeout", f"{command.drain_timeout:g}s", *command.flags, *command.program]
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[told],
                env=self._environment(),
                start_new_session=True,  # Ctrl-C is for the application, which then ends it
            )
        except OSError as error:
            os.close(lifeline)
            os.close(ready)
            raise StartError(f"cannot start {command.binary}: {error.strerror}") from error
        finally:
            os.close(stdin)
            os.close(told)
        self._lifeline = lifeline
        assert self._process.stderr is not None
        self._copier = threading.Thread(
            target=self._copy, args=(self._process.stderr,), name="whipper-sidecar-log", daemon=True
        )
        self._copier.start()
        try:
            self._wait_until_ready(ready)
        except BaseException:
            self._kill()
            self._remove()
            raise
        finally:
            os.close(ready)

    def _environment(self) -> dict[str, str]:
        # Another supervisor's: this one has its own.
        environment = {name: value for name, value in os.environ.items() if name not in _OTHERS}
        return {**environment, **self._command.environment}

    def _wait_until_ready(self, ready: int) -> None:
        assert self._process is not None
        poll = select.poll()
        poll.register(ready, select.POLLIN)
        if not poll.poll(self._command.start_timeout * 1000):
            raise StartError(self._words(f"the supervisor was not ready within {self._command.start_timeout:g} s"))
        with open(ready, "rb", closefd=False) as file:
            told = file.readline()  # written at once
        if not told:
            code = self._process.wait()
            assert self._copier is not None
            self._copier.join()
            raise StartError(self._words(f"the supervisor ended with exit code {code}"))
        state = json.loads(told)
        if state.get("state") == "degraded":
            raise StartError(f"the workers do not get ready: {state.get('reason')}")

    def _words(self, what: str) -> str:
        words = "\n".join(self._last_lines)
        return f"{what}:\n{words}" if words else what

    def _copy(self, stderr: IO[bytes]) -> None:
        """Passes on what the supervisor and its workers print. What it says of itself goes to ``logging``."""
        with stderr:
            for line in stderr:
                text = line.decode(errors="replace").rstrip("\n")
                self._last_lines.append(text)
                if text.startswith("whipper: "):
                    _log.debug("%s", text.removeprefix("whipper: "))
                    continue
                if sys.stderr is not None:  # as in a program without a console
                    with contextlib.suppress(OSError, ValueError):
                        sys.stderr.write(text + "\n")

    def _end(self) -> None:
        lifeline, self._lifeline = self._lifeline, -1
        with contextlib.suppress(OSError):
            os.close(lifeline)
        if self._process is not None:
            try:
                self._process.wait(self._command.drain_timeout + _GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self._kill()
            self._reap()
        self._remove()

    def _remove(self) -> None:
        """Removes a temporary folder that its supervisor, having been killed, could not."""
        if self._command.dir is None:
            shutil.rmtree(self.dir, ignore_errors=True)

    def _kill(self) -> None:
        """Ends it at once; its workers die with it."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._reap()

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait()
        if self._copier is not None:
            self._copier.join(_LAST_WORDS_SECONDS)  # a process that somebody's worker has left may hold the pipe
        lifeline, self._lifeline = self._lifeline, -1
        with contextlib.suppress(OSError):
            os.close(lifeline)
        self._process = None


_OTHERS = frozenset({"WHIPPER_DIR", "WHIPPER_SOCKET", "WHIPPER_POOL"})


def _forget_all() -> None:
    for sidecar in list(_alive):
        sidecar.forget()


def _close_all() -> None:
    for sidecar in list(_alive):
        sidecar.close()


os.register_at_fork(after_in_child=_forget_all)
atexit.register(_close_all)
