"""A queue of bounded length between a reader that never waits and whoever takes what it brings."""

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Where it is full, the oldest makes room for the newest."""

    def __init__(self, most: int) -> None:
        self._items: deque[T] = deque(maxlen=most)
        self._lost = 0
        self._closed = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        """Adds one, without waiting."""
        with self._changed:
            if len(self._items) == self._items.maxlen:
                self._lost += 1
            self._items.append(item)
            self._changed.notify()

    def close(self, error: BaseException | None = None) -> None:
        """Nothing more comes; whoever takes gets what is left, and then the error if there is one."""
        with self._changed:
            if not self._closed:
                self._closed = True
                self._error = error
            self._changed.notify_all()

    def take(self, timeout: float | None = None) -> tuple[T, int] | None:
        """The next one, and how many before it were lost; None if nothing more comes.

        Raises:
            TimeoutError: Nothing came in so many seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._items or self._closed, timeout):
                raise TimeoutError(f"nothing came within {timeout} s")
            if self._items:
                lost, self._lost = self._lost, 0
                return self._items.popleft(), lost
            if self._error is not None:
                raise self._error
            return None
