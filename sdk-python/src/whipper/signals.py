"""What SIGINT and SIGTERM mean to a worker; to the children that it forks they mean what they mean to any process."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

_HANDLED = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """Installs the handlers. One per process; everything is called on the main thread.

    Args:
        stop: Called on SIGTERM.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._masks = threading.local()  # of a thread that is forking, from before it

    def while_loading(self) -> None:
        """SIGINT is ignored from now on: Ctrl-C is the supervisor's to act on. SIGTERM ends the process."""
        # A function and not SIG_IGN, which the programs that are executed would inherit.
        signal.signal(signal.SIGINT, self._ignore)
        # A signal that reaches a child before its handlers are reset would be lost in ours, so it has to wait.
        os.register_at_fork(before=self._block, after_in_parent=self._unblock, after_in_child=self._reset)

    def while_serving(self) -> None:
        """SIGTERM calls ``stop`` from now on, unless the script has set a handler of its own."""
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._terminate)

    def _ignore(self, number: int, frame: FrameType | None) -> None:
        pass

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self._stop()

    def _block(self) -> None:
        self._masks.old = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)

    def _unblock(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._masks.old)

    def _reset(self) -> None:
        if signal.getsignal(signal.SIGINT) == self._ignore:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if signal.getsignal(signal.SIGTERM) == self._terminate:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._unblock()
