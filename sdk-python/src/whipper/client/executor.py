"""``Executor``: a ``concurrent.futures.Executor`` whose functions run in the workers of a supervisor of its own."""

import atexit
import concurrent.futures
import os
import sys
import threading
import weakref
from collections.abc import Callable
from types import FunctionType
from typing import Any, ParamSpec, TypeVar, Unpack, overload

from whipper.client.call import Call
from whipper.client.client import Client
from whipper.client.start import Path, StartOptions
from whipper.failures import ClosedError
from whipper.task import is_task, one_kind, task_name

P = ParamSpec("P")
T = TypeVar("T")

# As good as none, which is what other executors have.
_NO_TIMEOUT = 10 * 365 * 24 * 3600.0


class Executor(concurrent.futures.Executor):
    """Runs the functions of a script in worker processes that outlive crashes and can be cancelled.

    In place of a ``ProcessPoolExecutor``: ``submit``, ``map`` and ``shutdown`` are the same, but functions are those of
    the script, named or given as they are, and arguments and results have a form in JSON. A future's ``cancel`` works
    at any time: the worker of a call that runs is asked to end it, and is killed if it does not. A worker that dies
    fails its own call alone, with ``WorkerCrashedError``. ``submit`` waits while 4,000 calls are under way. A program
    that ends without ``shutdown`` still waits for its calls, as with any executor.

    Args:
        script: The script.
        options: See ``StartOptions``; ``max_workers`` is one per core unless given, and calls have no timeout unless
            ``invocation_timeout`` gives them one.

    Raises:
        BinaryNotFoundError: There is no whipper program; the text says how to get it.
        StartError: The supervisor did not get ready; the text says why.
    """

    def __init__(self, script: Path, **options: Unpack[StartOptions]) -> None:
        options.setdefault("invocation_timeout", _NO_TIMEOUT)
        self._script = os.path.abspath(script)
        self._client = Client.start(script, **options)
        self._pending: set[Call[Any]] = set()
        self._changed = threading.Condition()
        self._sending = 0  # calls that are taken and are not among the pending ones yet
        self._shut = False
        self._cancelling = False
        _open.add(self)

    @property
    def client(self) -> Client:
        """The client that it calls by way of."""
        return self._client

    @overload
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Call[T]: ...

    @overload
    def submit(self, fn: str, /, *args: Any, **kwargs: Any) -> Call[Any]: ...

    def submit(self, fn: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> Call[Any]:
        """Has a worker run a function of the script.

        Args:
            fn: The function, a task, or the method's name.
            args: Its arguments.
            kwargs: And those by name.

        Raises:
            RuntimeError: It is shut down.
            TypeError: The arguments do not fit, or have no form in JSON.
            ValueError: The function is not one of the script's.
        """
        method = self._method(fn)
        given: tuple[Any, ...] = args
        named: dict[str, Any] = kwargs
        if not isinstance(fn, str):
            given, named = one_kind(fn, given, named)
        with self._changed:
            if self._shut:
                raise RuntimeError("cannot submit to an executor that is shut down")
            self._sending += 1
        call: Call[Any] | None = None
        try:
            call = self._client.future(method, *given, kwargs=named)
        except ClosedError:
            raise RuntimeError("cannot submit to an executor that is shut down") from None
        finally:
            with self._changed:
                self._sending -= 1
                if call is not None:
                    self._pending.add(call)
                self._changed.notify_all()
        call.add_done_callback(self._done)
        if self._cancelling:
            call.cancel()
        return call

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more calls and ends the supervisor once those that are under way are answered.

        Args:
            wait: Return only then.
            cancel_futures: Cancel them all, those that run as well.
        """
        with self._changed:
            self._shut = True
            self._cancelling = self._cancelling or cancel_futures
            pending = list(self._pending)
        if cancel_futures:
            for call in pending:
                call.cancel()
        if wait:
            self._end()
        else:
            threading.Thread(target=self._end, name="whipper-executor").start()

    def _end(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._sending)
            pending = list(self._pending)
        concurrent.futures.wait(pending)
        self._client.close()

    def _done(self, call: concurrent.futures.Future[Any]) -> None:
        with self._changed:
            self._pending.discard(call)

    def _method(self, fn: Callable[..., Any] | str) -> str:
        if isinstance(fn, str):
            return fn
        if is_task(fn):
            return task_name(fn) or fn.__name__
        name = getattr(fn, "__name__", repr(fn))
        module = sys.modules.get(getattr(fn, "__module__", ""))
        file = os.path.abspath(getattr(module, "__file__", None) or "")
        if not isinstance(fn, FunctionType) or os.path.realpath(file) != os.path.realpath(self._script):
            raise ValueError(f"{name} is not a function of {self._script}; a method can be named by a string too")
        if fn.__qualname__ != name or name == "<lambda>":
            raise ValueError(f"{fn.__qualname__} cannot be found by its name in {self._script}: define it at the top")
        return name


_open: "weakref.WeakSet[Executor]" = weakref.WeakSet()


def _finish_all() -> None:
    for executor in list(_open):
        executor.shutdown()


atexit.register(_finish_all)  # runs before the clients are closed, being registered after that
os.register_at_fork(after_in_child=_open.clear)  # they are the parent's to wait for
