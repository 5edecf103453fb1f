"""The listening sockets that all workers of a pool share, from ``whipper exec --listen``."""

import functools
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a worker that has none need not wait for the module to load
    from socket import socket

_FIRST = 3  # the descriptor, as systemd has it


def listeners() -> "list[socket]":
    """The sockets that were given to this process, in the order of ``--listen``; none if there are none.

    They are the same objects each time, and they are this process's: a forked child gets none. They are non-blocking,
    because other workers wait on them too: wait until one is readable, and expect ``BlockingIOError`` from ``accept``
    when another worker was faster. asyncio, socketserver and whatever waits in a selector do so anyway. Closing one
    leaves it open for the other workers.
    """
    return list(_opened()) if _meant_for_us() else []


def protect() -> None:
    """Keeps the sockets from programs that this process executes."""
    for descriptor in _descriptors():
        os.set_inheritable(descriptor, False)


@functools.cache
def _opened() -> "tuple[socket, ...]":
    from socket import socket

    protect()
    opened = tuple(socket(fileno=descriptor) for descriptor in _descriptors())
    for one in opened:
        one.setblocking(False)  # as it is: Python does not look
    return opened


def _descriptors() -> range:
    count = os.environ.get("LISTEN_FDS", "") if _meant_for_us() else ""
    return range(_FIRST, _FIRST + (int(count) if count.isdecimal() else 0))


def _meant_for_us() -> bool:
    return os.environ.get("LISTEN_PID") == str(os.getpid())
