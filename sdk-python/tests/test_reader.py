"""Which thread reads the wire."""

import queue
import threading
from collections.abc import Iterator

import pytest

from runner_process import DEADLINE_SECONDS
from whipper.reader import Reader

CALLS, PING, END = b"calls", b"ping", b""


class Patience(threading.Event):
    """The second thread's with the main thread, which ends when a test says so. Set once there is no more to read."""

    def __init__(self) -> None:
        super().__init__()
        self._ends = threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        self._ends.acquire()
        return self.is_set()

    def set(self) -> None:
        super().set()
        self._ends.release()

    def run_out(self) -> None:
        self._ends.release()


class Script:
    """A wire that brings what it is told to; ``reads`` are the threads that have begun to read, in order."""

    def __init__(self) -> None:
        self.coming: queue.Queue[bytes] = queue.Queue()
        self.reads: queue.Queue[threading.Thread] = queue.Queue()
        self.brought: queue.Queue[bytes] = queue.Queue()
        self.pass_on = threading.Event()  # what was brought is gone on from
        self.pass_on.set()
        self.ended = threading.Event()
        self.reader = Reader(self._read, self._receive, self.ended.set)
        self.patience = self.reader._over = Patience()

    def _read(self) -> bytes:
        self.reads.put(threading.current_thread())
        return self.coming.get()

    def _receive(self, chunk: bytes) -> bool:
        self.brought.put(chunk)
        assert self.pass_on.wait(DEADLINE_SECONDS)
        return chunk == CALLS

    def next_thread(self) -> threading.Thread:
        return self.reads.get(timeout=DEADLINE_SECONDS)

    def bring(self, chunk: bytes) -> None:
        """Has the second thread read that."""
        self.coming.put(chunk)
        assert self.brought.get(timeout=DEADLINE_SECONDS) == chunk

    def hand_over(self) -> None:
        """Has the second thread bring calls that this one waits for."""
        assert not self.reader.read_here()
        self.bring(CALLS)

    def wait_until_free(self) -> None:
        """Returns when the second thread has let go."""
        assert self.reader._reading.acquire(timeout=DEADLINE_SECONDS)
        self.reader._reading.release()


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()
    script.reader.start()
    assert script.next_thread() is not threading.current_thread()
    yield script
    script.coming.put(END)
    if script.reader._reading.acquire(blocking=False):  # nobody reads the end
        script.reader._reading.release()
        script.reader.finish()
    if not script.ended.wait(DEADLINE_SECONDS):
        pytest.fail("the second thread goes on after the end")


def test_the_reading_comes_back_with_calls_that_were_waited_for(script: Script) -> None:
    script.hand_over()
    script.wait_until_free()
    script.coming.put(CALLS)
    assert script.reader.read_here()
    assert script.next_thread() is threading.current_thread()


def test_while_a_call_takes_long_the_second_thread_reads(script: Script) -> None:
    script.hand_over()
    script.patience.run_out()
    assert script.next_thread() is not threading.current_thread()  # after a call that it has brought
    script.hand_over()
    script.wait_until_free()
    script.coming.put(CALLS)
    assert script.reader.read_here()
    assert script.next_thread() is threading.current_thread()
    script.patience.run_out()
    script.patience.run_out()  # the first time it only sees that this thread has read
    assert script.next_thread() is not threading.current_thread()


def test_the_second_thread_sleeps_until_calls_come(script: Script) -> None:
    class Called(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            script.coming.put(CALLS)
            return super().wait(timeout)

    def run_out() -> None:
        assert script.next_thread() is threading.main_thread()
        script.patience.run_out()

    script.hand_over()
    script.wait_until_free()
    script.reader._called = Called()
    patience = threading.Thread(target=run_out)
    patience.start()
    assert script.reader.read_here()
    patience.join()
    script.patience.run_out()
    script.patience.run_out()
    assert script.next_thread() is not threading.current_thread()


def test_calls_that_nobody_waits_for_do_not_end_the_second_threads_turn(script: Script) -> None:
    script.bring(CALLS)
    assert script.next_thread() is not threading.current_thread()
    script.hand_over()
    script.patience.run_out()
    assert script.next_thread() is not threading.current_thread()
    script.bring(CALLS)
    assert script.next_thread() is not threading.current_thread()


def test_who_waits_for_calls_is_not_forgotten_for_a_ping(script: Script) -> None:
    assert not script.reader.read_here()
    script.bring(PING)
    assert script.next_thread() is not threading.current_thread()
    script.bring(CALLS)
    script.wait_until_free()


def test_who_asks_again_before_the_second_thread_has_let_go_is_not_kept_waiting(script: Script) -> None:
    script.pass_on.clear()
    script.hand_over()
    assert not script.reader.read_here()  # the calls that were brought are answered
    script.pass_on.set()
    assert script.next_thread() is not threading.current_thread()


def test_the_end_that_this_thread_reads_is_told_on_the_second_one(script: Script) -> None:
    script.hand_over()
    script.wait_until_free()
    script.coming.put(END)
    assert not script.reader.read_here()
    assert script.ended.wait(DEADLINE_SECONDS)
