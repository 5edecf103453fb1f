"""Who reads the wire: the main thread between calls, and a second thread while a call takes long.

What the main thread reads it runs without a word to another thread, which would take longer than a short call does. But
pings, cancellations and the supervisor's death must not wait for a call to end. So the second thread reads in the main
thread's place once that has been at the same calls for a while, until it hands over calls that the main thread has
asked for.

Its timer is not set anew with each batch of calls, which would be the word to another thread, but only when it has run
out and calls have come meanwhile. So it runs out a hundred times a second at most, while short calls follow each other,
and not at all while no calls run or the second thread reads.
"""

import os
import threading
import traceback
from collections.abc import Callable

# How long the main thread may be at a batch of calls before the second thread reads in its place; it may take twice as
# long until that is seen.
_PATIENCE_SECONDS = 0.01


class Reader:
    """Has the wire read by one thread at a time.

    Args:
        read: Waits for what comes next; b"" at the end, None if there is nothing after all.
        receive: Is given that, and says whether there were calls in it. The main thread has them when it returns.
        ended: Called on the second thread after the end.
    """

    def __init__(
        self, read: Callable[[], bytes | None], receive: Callable[[bytes], bool], ended: Callable[[], None]
    ) -> None:
        self._read = read
        self._receive = receive
        self._ended = ended
        self._reading = threading.Lock()  # held by the thread that reads, or for it
        self._turns = 0  # how often the main thread has read
        self._asked = False  # the main thread wants to read while the second one does
        self._called = threading.Event()  # calls may be running
        self._over = threading.Event()  # there is no more to read

    def start(self) -> None:
        """Starts the second thread, which reads until it is relieved. A daemon: it ends with the process."""
        self._reading.acquire()
        threading.Thread(target=self._stand_in, name="whipper-reader", daemon=True).start()

    def read_here(self) -> bool:
        """Reads once, on the main thread; False if the other thread is at it, or at the end: it brings what comes."""
        self._asked = True  # first: the second thread lets go before it looks here
        if not self._reading.acquire(blocking=False):
            return False
        self._asked = False
        try:
            chunk = self._read()
            came = self._receive(chunk) if chunk else False
        finally:
            self._reading.release()
        self._turns += 1
        if chunk == b"":
            self._end()
        elif came and not self._called.is_set():
            self._called.set()
        return chunk != b""

    def finish(self) -> None:
        """Returns when neither thread reads any more. Before that, ``read`` must have been made to see its end."""
        with self._reading:
            self._end()

    def _end(self) -> None:
        self._over.set()
        self._called.set()

    def _stand_in(self) -> None:
        try:
            self._read_on()
            while self._take_over():
                self._read_on()
            self._ended()
        except BaseException:  # a worker that cannot hear any more must not seem alive
            traceback.print_exc()
            os._exit(1)

    def _read_on(self) -> None:
        """Reads until the main thread has been given calls that it asked for, or to the end; then lets go."""
        while (chunk := self._read()) != b"":
            asked, self._asked = self._asked, False  # now: once it has the calls it may ask again
            if chunk and self._receive(chunk):
                if asked:
                    break
            elif asked:
                self._asked = True
        else:
            self._over.set()
        self._reading.release()

    def _take_over(self) -> bool:
        """Waits until nobody reads who should, and has this thread be the one that does; False at the end."""
        while not self._over.is_set():
            turns = self._turns
            if not self._asked:  # else it has asked again before it could see that this thread let go
                self._over.wait(_PATIENCE_SECONDS)
                if turns != self._turns:
                    continue
            if self._reading.acquire(blocking=False):
                return True
            self._called.clear()  # the main thread reads, and has for a while
            if turns == self._turns:
                self._called.wait()
        return False
