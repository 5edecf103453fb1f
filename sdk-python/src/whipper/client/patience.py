"""How connections are tried again, and what is said of those that end. Shared by both shells."""

import random

from whipper.failures import DisconnectedError

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0

MOST_IN_FLIGHT = 4000
"""A supervisor serves 4,096 requests of one connection and reads no further while there are as many."""

WAITING_EVENTS = 1024
WAITING_PROGRESS = 64


class Pauses:
    """The pauses between attempts: twice as long each time, spread so that clients do not come all at once."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    def next(self) -> float:
        """The next pause in seconds."""
        pause = self._next
        self._next = min(self._next * 2, LONGEST_PAUSE)
        return pause * random.uniform(0.8, 1.2)


def unknown(about: str, why: str) -> DisconnectedError:
    """What a request gets that was sent, has no answer and must not be sent again unasked."""
    return DisconnectedError(f"{about}: {why} before the answer came: whether it took effect is unknown")
