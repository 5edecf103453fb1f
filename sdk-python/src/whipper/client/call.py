"""A request under way, as a future that cancels for real."""

import logging
import os
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from whipper.client.asks import Ask
from whipper.client.models import Meta, Progress

if TYPE_CHECKING:
    from whipper.client.link import Link

T = TypeVar("T")

_log = logging.getLogger("whipper.client")


class Call(Future[T], Generic[T]):
    """A ``concurrent.futures.Future`` for a request to a supervisor.

    ``cancel`` tells the supervisor: a call that waits does not run, and the worker of one that runs is asked to end it.
    ``running`` is never true, since only the supervisor knows.

    Attributes:
        meta: What is known of a call that is answered: which job and worker it was, and how long it took.
    """

    def __init__(self, link: "Link", ask: Ask[T], progress: Callable[[Progress], object] | None = None) -> None:
        super().__init__()
        self.meta: Meta | None = None
        self._link = link
        self._process = os.getpid()
        self._undecided = [True]  # whoever takes it out decides what becomes of the future
        self.ask = ask
        self.progress = progress
        self.id = 0  # on the connection
        self.sent = False  # a part of it was, on the connection that there is

    def cancel(self) -> bool:
        """Cancels the call and tells the supervisor. False: it is over already, or another process's."""
        if self._process != os.getpid():
            return self.cancelled()  # a lock may be held here by a thread that only the other process has
        if not self._decide():
            return self.cancelled()
        super().cancel()
        self.set_running_or_notify_cancel()
        self._link.abandon(self)
        return True

    def result(self, timeout: float | None = None) -> T:
        """The result; what the call was answered with, if that is an error, is raised."""
        self._stay()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """The error that the call was answered with."""
        self._stay()
        return super().exception(timeout)

    def add_done_callback(self, fn: Callable[[Future[T]], object]) -> None:
        """Has it called when the call is over. An error of it is logged, also ``SystemExit`` on the client's thread."""

        def call_back(call: Future[T]) -> None:
            try:
                fn(call)
            except Exception:
                raise  # is logged where it is caught
            except BaseException:
                if not self._link.is_here():
                    raise
                _log.exception("a callback of %s ended the thread, which goes on", self.ask.about)

        super().add_done_callback(call_back)

    def succeed(self, result: Any, meta: Meta | None) -> None:
        """Gives it its result, as the supervisor sent it."""
        if not self._decide():
            return
        self.meta = meta
        try:
            value = self.ask.read(result)
        except Exception as error:
            self.set_running_or_notify_cancel()
            self.set_exception(error)
        else:
            self.set_running_or_notify_cancel()
            self.set_result(value)

    def fail(self, error: BaseException, meta: Meta | None = None) -> None:
        """Gives it its error."""
        if self._decide():
            self.meta = meta
            self.set_running_or_notify_cancel()
            self.set_exception(error)

    def _decide(self) -> bool:
        try:
            return self._undecided.pop()
        except IndexError:
            return False

    def _stay(self) -> None:
        if not self.done() and self._process != os.getpid():
            raise RuntimeError(
                f"{self.ask.about} belongs to process {self._process}, which this one was forked from: only that one "
                "hears of its end"
            )
