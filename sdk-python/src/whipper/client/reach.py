"""How a supervisor is reached, and what both clients check before they ask."""

import os
import socket as sockets
from typing import Any, Protocol

from whipper.client.asks import Ask
from whipper.client.locate import locate
from whipper.client.patience import MOST_IN_FLIGHT
from whipper.client.start import Path
from whipper.failures import MESSAGE_TOO_LARGE, MessageTooLargeError

# Around the params of a request: its id and its method.
_ENVELOPE_BYTES = 128


class Reach(Protocol):
    """A supervisor, from where a client is."""

    def connect(self) -> sockets.socket:
        """A connection to it."""

    def close(self) -> None:
        """The client needs it no more."""


class Running:
    """A supervisor that somebody else has started."""

    def __init__(self, dir: Path | None, socket: Path | None) -> None:
        self._dir = os.path.abspath(dir) if dir is not None else None
        self._socket = os.path.abspath(socket) if socket is not None else None

    def connect(self) -> sockets.socket:
        """A connection to where it listens now, which may be elsewhere than before."""
        return locate(self._dir, self._socket).connect()

    def close(self) -> None:
        """It goes on."""


def check_options(patience: float, most: int, largest: int) -> None:
    """Refuses a ``reconnect_timeout``, a ``max_in_flight`` or a ``max_message_size`` that cannot be."""
    if isinstance(patience, bool) or not isinstance(patience, int | float) or not patience >= 0:
        raise ValueError(f"reconnect_timeout must be seconds, 0 or more, not {patience!r}")
    if type(most) is not int or not 1 <= most <= MOST_IN_FLIGHT:
        raise ValueError(f"max_in_flight must be from 1 to {MOST_IN_FLIGHT}, not {most!r}")
    if type(largest) is not int or largest < 1:
        raise ValueError(f"max_message_size must be a number of bytes, not {largest!r}")


def check_size(ask: Ask[Any], largest: int) -> None:
    """Refuses a request that the supervisor would.

    Raises:
        MessageTooLargeError: It has more bytes than a message may have.
    """
    size = len(ask.params) + _ENVELOPE_BYTES
    if size > largest:
        raise MessageTooLargeError(
            f"{ask.about} has {size} bytes, and a message may have {largest}: "
            "send a path to the data, or raise --max-message-size and max_message_size",
            code=MESSAGE_TOO_LARGE,
            type="MessageTooLargeError",
        )
