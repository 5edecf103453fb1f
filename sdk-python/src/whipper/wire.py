"""The two descriptors that carry the protocol, out of reach of whatever else the process does."""

import contextlib
import os
import select
import sys
import threading
from typing import TextIO

# As much as a pipe holds.
_CHUNK_BYTES = 64 * 1024


class Wire:
    """Reads from one descriptor and writes to another. Reading belongs to one thread; any thread may write."""

    def __init__(self, source: int, sink: int) -> None:
        self._source = source
        self._sink = sink
        self._writing = threading.Lock()
        self._writer = 0  # the thread that is writing
        self._late: list[bytes] = []  # what that thread wanted to write meanwhile
        self._deaf = False
        self._woken, self._waker = os.pipe()  # a byte in the second ends a wait, closing it ends all of them
        os.set_blocking(self._waker, False)
        self._arrival = select.poll()
        self._arrival.register(source, select.POLLIN)
        self._arrival.register(self._woken, select.POLLIN)
        self.gone = False
        """Nobody reads any more what is written."""

    @classmethod
    def take_over(cls) -> "Wire":
        """Takes stdin and stdout for the wire.

        Descriptor 1 then leads to stderr and 0 to /dev/null, so that neither ``print`` nor native code nor a child
        process can touch the wire. Its descriptors are not inherited by programs that are executed.
        """
        wire = cls(os.dup(0), os.dup(1))
        os.set_blocking(wire._source, True)
        os.set_blocking(wire._sink, True)
        os.dup2(2, 1)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.close(null)
        # Both are a log now: no line waits in a buffer, no character fails a call. The old stdout object may believe
        # that it can seek, which what is behind its descriptor now cannot.
        sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
        return wire

    def read(self) -> bytes | None:
        """The next bytes; none at the end, and none after ``stop_reading``. None if ``wake`` came first."""
        try:
            ready = self._arrival.poll()
            if self._deaf:
                return b""
            if ready[0][0] == self._woken:
                os.read(self._woken, _CHUNK_BYTES)
                return None
            return os.read(self._source, _CHUNK_BYTES)
        except OSError:
            return b""

    def wake(self) -> None:
        """Ends a ``read`` that waits, or else the next one. For signal handlers too."""
        with contextlib.suppress(OSError):  # it is about to end as it is, or nobody reads any more
            os.write(self._waker, b"x")

    def stop_reading(self) -> None:
        """Ends a ``read`` under way. What has not been read stays in the pipe, for the supervisor to see. For once."""
        self._deaf = True
        waker, self._waker = self._waker, -1
        os.close(waker)

    def write(self, frame: bytes) -> None:
        """Writes a whole frame, or sets ``gone``. The frame of a finalizer that logs meanwhile follows it."""
        if self.gone:
            return
        me = threading.get_ident()
        if self._writer == me:
            self._late.append(frame)
            return
        with self._writing:
            self._writer = me
            try:
                self._write(frame)
                while self._late:
                    self._write(self._late.pop(0))
            except OSError:
                self.gone = True
            finally:
                self._writer = 0

    def _write(self, frame: bytes) -> None:
        written = os.write(self._sink, frame)
        while written < len(frame):
            written += os.write(self._sink, memoryview(frame)[written:])

    def wait_until_gone(self) -> None:
        """Waits until nobody holds the reading end of what is written."""
        poll = select.poll()
        poll.register(self._sink, 0)  # only hang-up and error are reported
        poll.poll()

    def close(self) -> None:
        """Lets go of all descriptors. For a forked child: the wire is its parent's."""
        self.gone = True
        for descriptor in (self._source, self._sink, self._woken, self._waker):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._source = self._sink = self._woken = self._waker = -1


def flush_log() -> None:
    """Writes out what the log streams still hold."""
    streams: list[TextIO | None] = [sys.stdout, sys.stderr]
    for stream in streams:
        with contextlib.suppress(Exception):  # the user may have put anything in their place
            if stream is not None:
                stream.flush()
