"""What has been received and not yet begun. No I/O: bytes in; calls, answers and wishes out."""

from dataclasses import dataclass, field

from whipper import errors, protocol
from whipper.protocol import Fault, Id, Request


@dataclass(slots=True)
class Received:
    """What one chunk of bytes brought."""

    calls: list[Request] = field(default_factory=list)
    """To be begun in this order, each if ``Inbox.begin`` agrees."""
    answers: list[bytes] = field(default_factory=list)
    """Frames to be written at once."""
    cancelled: list[Id] = field(default_factory=list)
    """Calls that were already begun, or never known, and are no longer wanted."""
    shutdown: bool = False


class Inbox:
    """Takes the stream apart and knows which calls still wait.

    ``receive`` belongs to the reader's thread, ``begin`` to the one that runs calls. Taking an id out of a dict is
    atomic, so of a call's beginning and its cancellation exactly one succeeds.
    """

    def __init__(self) -> None:
        self._framer = protocol.Framer()
        self._waiting: dict[Id, Request] = {}
        self._closed = False

    def close(self) -> None:
        """Refuses the calls that come from now on; those that wait may still begin. Any thread may call it."""
        self._closed = True

    def receive(self, chunk: bytes) -> Received:
        """Takes in the next bytes of the stream."""
        received = Received()
        for frame in self._framer.feed(chunk):
            message = protocol.parse(frame)
            if isinstance(message, Request):
                self._take(message, received)
            elif message is not None:
                received.answers.append(_refusal(message))
        return received

    def begin(self, call: Request) -> bool:
        """Claims a call; False if it has been cancelled, and answered, while it waited."""
        return call.id is None or self._waiting.pop(call.id, None) is not None

    def refuse(self, call: Request) -> bytes | None:
        """The answer to a call that is not to begin any more; None if it has one, or asks for none."""
        return _refusal(_too_late(call.id)) if call.id is not None and self.begin(call) else None

    def _take(self, message: Request, received: Received) -> None:
        id, method = message.id, message.method
        if id is None:
            if method == protocol.CANCEL:
                self._cancel(message, received)
            elif method == protocol.SHUTDOWN:
                received.shutdown = True
                self.close()  # here, as calls may follow in the same chunk
            elif not self._closed:
                received.calls.append(message)
        elif method == protocol.PING:
            received.answers.append(protocol.result_frame(id, None))
        elif id in self._waiting:
            fault = Fault(id, protocol.INVALID_REQUEST, "another call with this id is still waiting")
            received.answers.append(_refusal(fault))
        elif self._closed:
            received.answers.append(_refusal(_too_late(id)))
        else:
            self._waiting[id] = message
            received.calls.append(message)

    def _cancel(self, message: Request, received: Received) -> None:
        id = message.params.get("id") if type(message.params) is dict else None
        if not protocol.is_id(id):
            return
        if self._waiting.pop(id, None) is not None:
            received.answers.append(_refusal(Fault(id, protocol.REQUEST_CANCELLED, "the call was cancelled")))
        else:
            received.cancelled.append(id)


def _too_late(id: Id) -> Fault:
    """What is wrong with a call that came after the end was asked for. To the supervisor it has never begun."""
    return Fault(id, protocol.SHUTTING_DOWN, "the worker is shutting down", "ShuttingDownError")


def _refusal(fault: Fault) -> bytes:
    return protocol.error_frame(fault.id, errors.condition(fault.code, fault.message, fault.type))
