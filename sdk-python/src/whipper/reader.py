"""Who reads the wire: the main thread between calls, and a second thread while a call takes long.

What the main thread reads it runs without a word to another thread, which would take longer than a short call does. But
pings, cancellations and the supervisor's death must not wait for a call to end. So the second thread looks every now
and then whether the main thread is still at the same calls. If so it reads in its place, until it hands over calls that
the main thread has asked for. While no calls run it sleeps.
"""

import os
import threading
import traceback
from collections.abc import Callable

# How long the main thread may be at a batch of calls before the second thread reads in its place.
_PATIENCE_SECONDS = 0.01


class Reader:
    """Has the wire read by one thread at a time.

    Args:
        read: Reads once, and waits for that. It gives whether calls came, None at the end.
        ended: Called on the second thread after the end.
    """

    def __init__(self, read: Callable[[], bool | None], ended: Callable[[], None]) -> None:
        self._read = read
        self._ended = ended
        self._reading = threading.Lock()  # held by the thread that reads
        self._turns = 0  # how often the main thread has read
        self._asked = False  # the main thread wants to read while the second one does
        self._called = threading.Event()  # calls may be running
        self._over = threading.Event()  # there is no more to read

    def start(self) -> None:
        """Starts the second thread, which reads until it is relieved. A daemon: it ends with the process."""
        threading.Thread(target=self._stand_in, name="whipper-reader", daemon=True).start()

    def read_here(self) -> bool:
        """Reads once, on the main thread; False if the other thread is at it, or at the end: it brings what comes."""
        if not self._reading.acquire(blocking=False):
            self._asked = True
            return False
        self._asked = False
        try:
            came = self._read()
        finally:
            self._reading.release()
        self._turns += 1
        if came is None:
            self._end()
        elif came and not self._called.is_set():
            self._called.set()
        return came is not None

    def finish(self) -> None:
        """Returns when neither thread reads any more. Before that, ``read`` must have been made to see its end."""
        with self._reading:
            self._end()

    def _end(self) -> None:
        self._over.set()
        self._called.set()

    def _stand_in(self) -> None:
        try:
            with self._reading:
                self._read_on()
            turns = 0
            while not self._over.wait(_PATIENCE_SECONDS):
                if turns != self._turns:
                    turns = self._turns
                elif self._reading.acquire(blocking=False):
                    try:
                        self._read_on()
                    finally:
                        self._reading.release()
                else:  # the main thread reads, and has for a while
                    self._called.clear()
                    if turns == self._turns:
                        self._called.wait()
            self._ended()
        except BaseException:  # a worker that cannot hear any more must not seem alive
            traceback.print_exc()
            os._exit(1)

    def _read_on(self) -> None:
        """Reads until the main thread has been given calls that it asked for, or to the end."""
        while (came := self._read()) is not None:
            if came and self._asked:
                return
        self._over.set()
