"""Which thread reads the wire."""

import queue
import threading
from collections.abc import Iterator

import pytest

from runner_process import DEADLINE_SECONDS
from whipper.reader import Reader

CALLS, END = True, None


class Script:
    """A wire that brings what it is told to; ``reads`` are the threads that have begun to read, in order."""

    def __init__(self) -> None:
        self.coming: queue.Queue[bool | None] = queue.Queue()
        self.reads: queue.Queue[threading.Thread] = queue.Queue()
        self.brought: queue.Queue[bool] = queue.Queue()
        self.ended = threading.Event()
        self.reader = Reader(self._read, self.ended.set)

    def _read(self) -> bool | None:
        self.reads.put(threading.current_thread())
        came = self.coming.get()
        if came is not None:
            self.brought.put(came)
        return came

    def next_thread(self) -> threading.Thread:
        return self.reads.get(timeout=DEADLINE_SECONDS)

    def hand_over(self) -> None:
        """Has the second thread bring calls that this one waits for."""
        assert not self.reader.read_here()
        self.coming.put(CALLS)
        assert self.brought.get(timeout=DEADLINE_SECONDS)

    def read_here(self) -> bool:
        """Reads on this thread, as soon as the second one has let go."""
        while not self.reader.read_here():
            pass
        return True


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()
    script.reader.start()
    assert script.next_thread() is not threading.current_thread()
    yield script
    script.coming.put(END)
    if not script.ended.wait(DEADLINE_SECONDS):
        pytest.fail("the second thread goes on after the end")


def test_the_reading_comes_back_with_calls_that_were_waited_for(script: Script) -> None:
    script.hand_over()
    script.coming.put(CALLS)
    assert script.read_here()
    assert script.next_thread() is threading.current_thread()


def test_while_a_call_takes_long_the_second_thread_reads(script: Script) -> None:
    script.hand_over()
    script.coming.put(CALLS)
    assert script.read_here()  # and now this thread is at it
    assert script.next_thread() is threading.current_thread()
    assert script.next_thread() is not threading.current_thread()


def test_calls_that_nobody_waits_for_do_not_end_the_second_threads_turn(script: Script) -> None:
    script.coming.put(CALLS)
    assert script.next_thread() is not threading.current_thread()


def test_the_end_that_this_thread_reads_is_told_on_the_second_one(script: Script) -> None:
    script.hand_over()
    script.coming.put(END)
    while script.coming.qsize():
        script.reader.read_here()
    assert script.ended.wait(DEADLINE_SECONDS)
