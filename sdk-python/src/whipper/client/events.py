"""A subscription to what happens, for threads."""

import contextlib
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from whipper.client import asks
from whipper.client.call import Call
from whipper.client.mailbox import Mailbox
from whipper.client.models import Event
from whipper.client.patience import WAITING_EVENTS
from whipper.failures import WhipperError

if TYPE_CHECKING:
    from whipper.client.link import Link


class Events(Iterator[Event]):
    """An iterator over events, which waits for the next one. Leaving its ``with`` block ends it."""

    def __init__(self, link: "Link") -> None:
        self._link = link
        self._box: Mailbox[dict[str, Any]] = Mailbox(WAITING_EVENTS)
        self._number = 0

    def subscribed(self, number: int) -> int:
        """The supervisor has given it a number; on the thread that reads."""
        self._number = number
        self._link.subscriptions[number] = self._box
        return number

    def get(self, timeout: float | None = None) -> Event | None:
        """The next event; None after ``close``.

        Raises:
            TimeoutError: None came in so many seconds.
            DisconnectedError: The connection has ended, and events are missed from then on.
        """
        taken = self._box.take(timeout)
        return None if taken is None else Event.read(*taken)

    def close(self) -> None:
        """Ends the subscription."""
        self._box.close()
        if self._link.subscriptions.get(self._number) is self._box:  # the next connection counts from 1 again
            del self._link.subscriptions[self._number]
            with contextlib.suppress(WhipperError):  # there is no connection, and so no subscription
                self._link.send(Call(self._link, asks.unsubscribe(self._number)))

    def __next__(self) -> Event:
        event = self.get()
        if event is None:
            raise StopIteration
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
