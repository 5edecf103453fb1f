"""What a script wants done before its process ends in good order."""

import os
import sys
import traceback
from collections.abc import Callable
from typing import TypeVar

_Callback = TypeVar("_Callback", bound=Callable[[], object])

_callbacks: list[tuple[int, Callable[[], object]]] = []


def on_shutdown(callback: _Callback) -> _Callback:
    """Has a function called once the worker has answered its last call, before the process ends. Also a decorator.

    This is where a server on a shared socket stops accepting and finishes the requests that it has. The functions are
    called on the main thread, the last one first; what one raises goes to the log and does not keep the others from
    running. They have until the supervisor's ``--force-kill-timeout`` is over. After a crash they are not called.
    """
    _callbacks.append((os.getpid(), callback))
    return callback


def run_callbacks() -> None:
    """Calls the functions; a forked child is not the process that they are for."""
    while _callbacks:
        process, callback = _callbacks.pop()
        if process != os.getpid():
            continue
        try:
            callback()
        except Exception:
            traceback.print_exc(file=sys.stderr)
