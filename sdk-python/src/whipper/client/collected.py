"""What becomes of a client that nobody has closed, and that nobody has any more."""

import _thread
import os
import threading
import weakref
from collections.abc import Callable


def close_when_collected(client: object, *closes: Callable[[], None]) -> "weakref.finalize[..., object]":
    """Has what a client holds closed, in this order, once the garbage collector has taken the client.

    The collector may come on any thread in the middle of anything, also while that thread holds a lock that closing
    needs: so this happens on a thread of its own, and nobody waits for it. A forked child closes nothing of its
    parent's. At the end of the program those who keep a list of what is open close it.
    """
    finalizer = weakref.finalize(client, _begin, os.getpid(), closes)
    finalizer.atexit = False
    return finalizer


def _begin(process: int, closes: tuple[Callable[[], None], ...]) -> None:
    if os.getpid() == process:
        _thread.start_new_thread(_go_on, (closes,))  # takes no lock, unlike the start of a Thread


def _go_on(closes: tuple[Callable[[], None], ...]) -> None:
    threading.Thread(target=_close, args=(closes,), name="whipper-closing", daemon=True).start()


def _close(closes: tuple[Callable[[], None], ...]) -> None:
    for close in closes:
        close()
