"""The worker: the main thread, which runs the calls, and a thread that reads the wire while it cannot.

The latter never runs user code, so pings are answered, cancellations noted and the supervisor's death noticed while a
function runs. Calls come in batches, as they arrive. The main thread writes each answer before it begins the next call.

Once the end was asked for, calls that arrive are refused. The reading ends before the process does, for a call that was
taken from the pipe and not answered would count as one that the worker crashed in.
"""

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import Token
from dataclasses import dataclass
from typing import Any

from whipper import __version__, errors, protocol, trace
from whipper.context import Context, current
from whipper.failures import CancelledError
from whipper.inbox import Inbox
from whipper.method import Method
from whipper.protocol import Id, Request
from whipper.reader import Reader
from whipper.wire import Wire, flush_log

# How long a call under way may go on once nobody is left to hear of it.
_GRACE_SECONDS = 0.5

_COROUTINE_CONCURRENCY = 10

# The most that a supervisor hands out to one process.
_MOST_CALLS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a worker serves and what it says it is.

    Attributes:
        threads: How many threads run plain functions; 0: the main thread does.
        concurrency: How many calls there may be at once where there are coroutine functions; 0: 10.
        name: What ``whipper pool status`` shows.
        version: And its version.

    Raises:
        ValueError: A number is below 0 or above 1000.
    """

    threads: int = 0
    concurrency: int = 0
    name: str = "whipper-python"
    version: str = __version__

    def __post_init__(self) -> None:
        for name in ("threads", "concurrency"):
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value <= _MOST_CALLS:
                raise ValueError(f"{name} must be a whole number from 0 to {_MOST_CALLS}, not {value!r}")


class Worker:
    """Serves methods over a wire.

    ``start`` begins to read; ``serve`` answers calls until ``stop`` was asked for, by the wire or by a signal, and all
    calls that were read are answered: those that came before it have run, the others are refused.
    """

    def __init__(self, wire: Wire, settings: Settings | None = None) -> None:
        self._wire = wire
        self._settings = settings or Settings()
        self._inbox = Inbox()
        self._batches: queue.SimpleQueue[list[Request] | None] = queue.SimpleQueue()  # None: the last has come
        self._methods: dict[str, Method] = {}
        self._contexts: dict[Id | None, Context] = {}  # of calls that are begun; a notification's is not kept
        self._logging = False
        self._stopping = False
        self._reader = Reader(wire.read, self._receive, self._outlive_supervisor)
        # What the asyncio shell wants to be told; both are called from any thread.
        self.on_batch: Callable[[], None] = _nothing
        self.on_cancel: Callable[[Id], None] = _nothing

    def start(self) -> None:
        """Begins to read."""
        self._reader.start()

    def stop(self) -> None:
        """Asks ``serve`` to return once it has answered what has come so far. For signal handlers too."""
        self._stopping = True
        self._inbox.close()
        self._batches.put(None)
        self._wire.wake()
        self.on_batch()

    def serve(self, methods: dict[str, Method]) -> None:
        """Runs calls on this thread or, if the settings say so, on others; coroutine functions in an event loop."""
        self._methods = methods
        if any(method.is_coroutine for method in methods.values()):
            from whipper.aio import AsyncShell  # here, because asyncio doubles the time that a start takes

            AsyncShell(self, self._settings.threads).run()
        elif self._settings.threads:
            from whipper import threads

            threads.serve(self, self._settings.threads)
        else:
            self._run()
        if not self._wire.gone:  # a forked child, to which it is, has nobody to wait for
            self._wire.stop_reading()
            self._reader.finish()
            self.refuse_rest()

    def _run(self) -> None:
        while (batch := self._read_batch()) is not None:
            for call in batch:
                method = self.begin(call)
                if method is not None:
                    self.execute(method, call)
                if self._wire.gone:  # to a forked child too, whose calls the others are not
                    return

    def _read_batch(self) -> list[Request] | None:
        """The next calls, which this thread reads itself where it can; None when the last have come."""
        while self._batches.empty() and self._reader.read_here():
            pass
        return self._batches.get()

    def next_batch(self) -> list[Request] | None:
        """The next calls, None when the last have come.

        Raises:
            queue.Empty: There are none at the moment.
        """
        return self._batches.get_nowait()

    def wait_batch(self) -> list[Request] | None:
        """The next calls, None when the last have come or nobody hears of their answers."""
        return None if self._wire.gone else self._batches.get()

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
        if call.id is not None:
            self._contexts[call.id] = Context(self, call)  # before the claim: from then on a cancellation looks here
        if not self._inbox.begin(call):
            self._contexts.pop(call.id, None)
            return None
        method = self._method(call)
        if method is None:
            self._contexts.pop(call.id, None)
        return method

    def _method(self, call: Request) -> Method | None:
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
            tokens = self._enter(call)  # as within does, which costs more than it all
            try:
                result = method.call(call.params)
            finally:
                _leave(tokens)
        except (SystemExit, KeyboardInterrupt):
            raise  # the function asked for the process to end: to the supervisor that is a crash
        except BaseException as exception:
            self.fail(call, exception)
        else:
            self.succeed(call, result)

    @contextlib.contextmanager
    def within(self, call: Request) -> Iterator[None]:
        """What is begun inside has the call's context, and its caller's trace context."""
        tokens = self._enter(call)
        try:
            yield
        finally:
            _leave(tokens)

    def _enter(self, call: Request) -> tuple[Token[Context], object | None]:
        if not self._logging and "logging" in sys.modules:
            self.take_logs()
        context = self._contexts.get(call.id) or Context(self, call)
        return current.set(context), trace.attach(context)

    def still_wanted(self, call: Request) -> bool:
        """False: it was cancelled after ``begin`` and before it ran, and is now answered."""
        context = self._contexts.get(call.id)
        if context is None or not context.cancelled:
            return True
        self.cancelled(call)
        return False

    def take_logs(self) -> None:
        """Has records of ``logging`` sent over the wire, if the root logger has no handler."""
        from whipper import logs

        self._logging = True
        logs.install(self)

    def leave_logs(self) -> None:
        """Has records go to stderr from now on."""
        if self._logging:
            from whipper import logs

            logs.leave()

    def log(self, frame: bytes) -> bool:
        """Sends a log record; False if it cannot be, as in a forked child."""
        self._wire.write(frame)
        return not self._wire.gone

    def progress(self, call: Request, value: bytes) -> None:
        """Tells how far a call is, as long as it is not answered."""
        context = self._contexts.get(call.id)
        if call.id is not None and context is not None and context._call is call:  # an id may be used again
            self._wire.write(protocol.progress_frame(call.id, value))

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
        self._forget(call)
        self._wire.write(frame)

    def fail(self, call: Request, exception: BaseException) -> None:
        """Answers a call with the exception that its function raised."""
        if call.id is None:
            print(errors.stack(exception), file=sys.stderr)  # nobody else would hear of it
            return
        context = self._contexts.get(call.id)
        if context is not None and context.cancelled and isinstance(exception, CancelledError):
            self.cancelled(call)
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
            error = _too_large(call, len(frame))
            frame = protocol.error_frame(call.id, error)
        self._forget(call, error)
        self._wire.write(frame)

    def _forget(self, call: Request, error: dict[str, Any] | None = None) -> None:
        """Ends what is kept of a call, which is about to be answered."""
        context = self._contexts.pop(call.id, None)
        span = None if context is None else context._span
        if span is not None and not self._wire.gone:  # a forked child's is its parent's to end
            from whipper.span import end

            end(span, error)

    def _introduction(self) -> dict[str, Any]:
        own = self._settings
        concurrency = max(own.threads, 1)
        if any(method.is_coroutine for method in self._methods.values()):
            concurrency = max(own.threads, own.concurrency or _COROUTINE_CONCURRENCY)
        return {
            "protocolVersion": protocol.PROTOCOL_VERSION,
            "name": own.name,
            "version": own.version,
            "concurrency": concurrency,
            "methods": [{"name": name} for name in self._methods],
        }

    def _not_found(self, method: str) -> dict[str, Any]:
        names = list(self._methods)
        message = f"there is no method {method!r}; there are: {', '.join(names)}"
        return errors.condition(protocol.METHOD_NOT_FOUND, message, "MethodNotFoundError", methods=names)

    def _receive(self, chunk: bytes) -> bool:
        """Takes in what has come, and gives whether there were calls in it."""
        received = self._inbox.receive(chunk)
        for answer in received.answers:
            self._wire.write(answer)
        if received.calls:
            self._batches.put(received.calls)
            self.on_batch()
        for id in received.cancelled:
            if (context := self._contexts.get(id)) is not None:
                context._cancel()
            self.on_cancel(id)
        if received.shutdown:
            self.stop()
        return bool(received.calls)

    def _outlive_supervisor(self) -> None:
        """When there is no more to read: ends the process soon after the supervisor's, unless it ends by itself."""
        if self._stopping:
            self._wire.wait_until_gone()  # it drains, for as long as there is somebody to hear of it
        else:
            self.stop()
        threading.Event().wait(_GRACE_SECONDS)
        flush_log()
        os._exit(1)


def _leave(tokens: tuple[Token[Context], object | None]) -> None:
    token, traced = tokens
    trace.detach(traced)
    current.reset(token)


def _too_large(call: Request, size: int) -> dict[str, Any]:
    message = f"the answer of {call.method} has {size} bytes; a message may have {protocol.MAX_FRAME_BYTES}"
    return errors.condition(protocol.MESSAGE_TOO_LARGE, message, "MessageTooLargeError")


def _nothing(*_: object) -> None:
    pass
