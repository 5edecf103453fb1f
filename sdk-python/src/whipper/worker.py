"""The worker: one thread that reads the wire, and the main thread, which runs the calls.

The reader never runs user code, so pings are answered, cancellations noted and the supervisor's death noticed while a
function runs. It hands calls over in batches, as they arrive. The main thread writes each answer before it begins the
next call.

Once the end was asked for, calls that arrive are refused. The reader ends before the process does, for a call that was
taken from the pipe and not answered would count as one that the worker crashed in.
"""

import contextlib
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from whipper import __version__, errors, protocol
from whipper.inbox import Inbox
from whipper.method import Method
from whipper.protocol import Id, Request
from whipper.wire import Wire, flush_log

# How long a call under way may go on once nobody is left to hear of it.
_GRACE_SECONDS = 0.5

_COROUTINE_CONCURRENCY = 10


class Worker:
    """Serves methods over a wire.

    ``start`` begins to read; ``serve`` answers calls until ``stop`` was asked for, by the wire or by a signal, and all
    calls that were read are answered: those that came before it have run, the others are refused.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._inbox = Inbox()
        self._batches: queue.SimpleQueue[list[Request] | None] = queue.SimpleQueue()  # None: the last has come
        self._methods: dict[str, Method] = {}
        self._stopping = False
        self._heard_all = threading.Event()  # the reader has taken its last bytes from the wire
        # What the asyncio shell wants to be told; both are called from any thread.
        self.on_batch: Callable[[], None] = _nothing
        self.on_cancel: Callable[[Id], None] = _nothing

    def start(self) -> None:
        """Starts the reader. It is a daemon: it ends with the process."""
        threading.Thread(target=self._read, name="whipper-reader", daemon=True).start()

    def stop(self) -> None:
        """Asks ``serve`` to return once it has answered what has come so far. For signal handlers too."""
        self._stopping = True
        self._inbox.close()
        self._batches.put(None)
        self.on_batch()

    def serve(self, methods: dict[str, Method]) -> None:
        """Runs calls on this thread; with coroutine functions among the methods, in an asyncio event loop."""
        self._methods = methods
        if any(method.is_coroutine for method in methods.values()):
            from whipper.aio import AsyncShell  # here, because asyncio doubles the time that a start takes

            AsyncShell(self).run()
        else:
            self._run()
        if not self._wire.gone:  # a forked child, to which it is, has no reader to wait for
            self._wire.stop_reading()
            self._heard_all.wait()
            self.refuse_rest()

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            for call in batch:
                method = self.begin(call)
                if method is not None:
                    self.execute(method, call)
            if self._wire.gone:
                return

    def next_batch(self) -> list[Request] | None:
        """The next calls, None when the last have come.

        Raises:
            queue.Empty: There are none at the moment.
        """
        return self._batches.get_nowait()

    def refuse_rest(self) -> None:
        """Refuses the calls that were read before ``stop`` took effect and handed over after it."""
        with contextlib.suppress(queue.Empty):
            while True:
                for call in self._batches.get_nowait() or ():
                    answer = self._inbox.refuse(call)
                    if answer is not None:
                        self._wire.write(answer)

    def begin(self, call: Request) -> Method | None:
        """The method to run for a call; None if there is nothing to run, and all that was to be answered is."""
        if not self._inbox.begin(call):
            return None
        method = self._methods.get(call.method)
        if method is None:
            if call.method == protocol.INITIALIZE:
                self.succeed(call, self._introduction())
            else:
                self._answer_error(call, self._not_found(call.method))
            return None
        misfit = method.misfit(call.params)
        if misfit is not None:
            self._answer_error(call, errors.condition(protocol.INVALID_PARAMS, misfit, "InvalidParamsError"))
            return None
        return method

    def execute(self, method: Method, call: Request) -> None:
        """Runs a function that is not a coroutine function, and answers its call."""
        try:
            result = method.call(call.params)
        except (SystemExit, KeyboardInterrupt):
            raise  # the function asked for the process to end: to the supervisor that is a crash
        except BaseException as exception:
            self.fail(call, exception)
        else:
            self.succeed(call, result)

    def succeed(self, call: Request, result: Any) -> None:
        """Answers a call with its result, or with an error if that cannot be sent."""
        if call.id is None:
            return
        try:
            frame = protocol.result_frame(call.id, result)
        except TypeError as error:
            message = f"{call.method} returned what cannot be sent: {error}"
            self._answer_error(call, errors.condition(protocol.THROWN, message, "TypeError"))
            return
        if len(frame) > protocol.MAX_FRAME_BYTES:
            self._answer_error(call, _too_large(call, len(frame)))
            return
        self._wire.write(frame)

    def fail(self, call: Request, exception: BaseException) -> None:
        """Answers a call with the exception that its function raised."""
        if call.id is None:
            print(errors.stack(exception), file=sys.stderr)  # nobody else would hear of it
            return
        self._answer_error(call, errors.thrown(exception))

    def cancelled(self, call: Request) -> None:
        """Answers a call that was cancelled while it ran."""
        self._answer_error(call, errors.condition(protocol.REQUEST_CANCELLED, "the call was cancelled"))

    def _answer_error(self, call: Request, error: dict[str, Any]) -> None:
        if call.id is None:
            return
        frame = protocol.error_frame(call.id, error)
        if len(frame) > protocol.MAX_FRAME_BYTES:
            frame = protocol.error_frame(call.id, _too_large(call, len(frame)))
        self._wire.write(frame)

    def _introduction(self) -> dict[str, Any]:
        coroutines = any(method.is_coroutine for method in self._methods.values())
        return {
            "protocolVersion": protocol.PROTOCOL_VERSION,
            "name": "whipper-python",
            "version": __version__,
            "concurrency": _COROUTINE_CONCURRENCY if coroutines else 1,
            "methods": [{"name": name} for name in self._methods],
        }

    def _not_found(self, method: str) -> dict[str, Any]:
        names = list(self._methods)
        message = f"there is no method {method!r}; there are: {', '.join(names)}"
        return errors.condition(protocol.METHOD_NOT_FOUND, message, "MethodNotFoundError", methods=names)

    def _read(self) -> None:
        try:
            while chunk := self._wire.read():
                received = self._inbox.receive(chunk)
                for answer in received.answers:
                    self._wire.write(answer)
                if received.calls:
                    self._batches.put(received.calls)
                    self.on_batch()
                for id in received.cancelled:
                    self.on_cancel(id)
                if received.shutdown:
                    self.stop()
            self._heard_all.set()
            self._outlive_supervisor()
        except BaseException:  # a worker that cannot hear any more must not seem alive
            traceback.print_exc()
            os._exit(1)

    def _outlive_supervisor(self) -> None:
        """When there is no more to read: ends the process soon after the supervisor's, unless it ends by itself."""
        if self._stopping:
            self._wire.wait_until_gone()  # it drains, for as long as there is somebody to hear of it
        else:
            self.stop()
        threading.Event().wait(_GRACE_SECONDS)
        flush_log()
        os._exit(1)


def _too_large(call: Request, size: int) -> dict[str, Any]:
    message = f"the answer of {call.method} has {size} bytes; a message may have {protocol.MAX_FRAME_BYTES}"
    return errors.condition(protocol.MESSAGE_TOO_LARGE, message, "MessageTooLargeError")


def _nothing(*_: object) -> None:
    pass
