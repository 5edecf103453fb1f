"""The ``task`` decorator: marks the functions that are served, and lets an application call them in the pool."""

import inspect
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, Unpack, cast, overload

if TYPE_CHECKING:
    from whipper.client.asks import SubmitOptions
    from whipper.client.call import Call
    from whipper.client.models import Submission

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)

_MARK = "__whipper_task__"

_CALL_OPTIONS = frozenset({"pool", "timeout", "priority"})
_OPTIONS = _CALL_OPTIONS | {
    "delay",
    "run_at",
    "max_attempts",
    "backoff",
    "idempotency_key",
    "delivery",
    "expires_at",
    "labels",
    "concurrency_key",
}


class Remote(Generic[P, T]):
    """A task with options: ``resize.options(delay=60).submit("a.png")``."""

    def __init__(self, function: Callable[..., Any], name: str | None, options: Mapping[str, Any]) -> None:
        for option in options:
            if option not in _OPTIONS:
                raise TypeError(f"task() has no option {option!r}; there are name, {', '.join(sorted(_OPTIONS))}")
        self._function = function
        self._name = name
        self._options = options

    def options(self, **options: "Unpack[SubmitOptions]") -> "Remote[P, T]":
        """The same task with further options, which go before those that it has."""
        return Remote(self._function, self._name, {**self._options, **options})

    def call(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Has a worker run the function, and gives its result. See ``Client.invoke``."""
        return self.future(*args, **kwargs).result()

    def future(self, *args: P.args, **kwargs: P.kwargs) -> "Call[T]":
        """Has a worker run the function; its future cancels for real."""
        from whipper.current import current

        given, options = self._split(args, kwargs, _CALL_OPTIONS)
        return current().future(self._method, *given, **options)

    def submit(self, *args: P.args, **kwargs: P.kwargs) -> "Submission":
        """Submits a job, and returns when it is on disk. See ``Client.submit``."""
        from whipper.current import current

        given, options = self._split(args, kwargs, _OPTIONS)
        return current().submit(self._method, *given, **options)

    async def acall(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """``call`` for a coroutine. If that is cancelled, so is the call."""
        from whipper import current
        from whipper.client import asks

        given, options = self._split(args, kwargs, _CALL_OPTIONS)
        return cast("T", await current.ask(lambda pool: asks.invoke(self._method, given, options, pool)))

    async def asubmit(self, *args: P.args, **kwargs: P.kwargs) -> "Submission":
        """``submit`` for a coroutine."""
        from whipper import current
        from whipper.client import asks

        given, options = self._split(args, kwargs, _OPTIONS)
        return await current.ask(lambda pool: asks.submit(self._method, given, options, pool))

    @property
    def _method(self) -> str:
        return self._name or self._function.__name__

    def _split(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], known: frozenset[str]
    ) -> tuple[tuple[Any, ...], Any]:
        """What is given by position; and the options, with what is given by name among them."""
        args, kwargs = one_kind(self._function, args, kwargs)
        options = {name: value for name, value in self._options.items() if name in known}
        return args, options | {"kwargs": kwargs}


class Task(Protocol[P, R_co, T]):
    """A marked function, as type checkers see it: itself, and what calls it in the pool."""

    __name__: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Runs the function here, as if it were not marked."""

    def options(self, **options: "Unpack[SubmitOptions]") -> Remote[P, T]:
        """The same task with further options."""

    def call(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Has a worker run it, and gives its result."""

    def future(self, *args: P.args, **kwargs: P.kwargs) -> "Call[T]":
        """Has a worker run it; the future cancels for real."""

    def submit(self, *args: P.args, **kwargs: P.kwargs) -> "Submission":
        """Submits a job, and returns when it is on disk."""

    async def acall(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """``call`` for a coroutine."""

    async def asubmit(self, *args: P.args, **kwargs: P.kwargs) -> "Submission":
        """``submit`` for a coroutine."""


class _Marker(Protocol):
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, T]], /) -> Task[P, Coroutine[Any, Any, T], T]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R, R]: ...


@overload
def task(function: Callable[P, Coroutine[Any, Any, T]], /) -> Task[P, Coroutine[Any, Any, T], T]: ...


@overload
def task(function: Callable[P, R], /) -> Task[P, R, R]: ...


@overload
def task(*, name: str | None = None, **options: "Unpack[SubmitOptions]") -> _Marker: ...


def task(function: Any = None, /, *, name: str | None = None, **options: Any) -> Any:
    """Mark a function as one that the worker serves; the others of the module are then not served.

    Used bare (``@task``) or with options (``@task(name="resize", timeout=10)``). What it gives is the function itself,
    with further attributes: ``fn(…)`` runs it here; ``fn.call(…)``, ``fn.future(…)``, ``fn.submit(…)`` and, to be
    awaited, ``fn.acall(…)`` and ``fn.asubmit(…)`` reach the pool, by way of the client given to ``whipper.use``, or
    else of the supervisor that is found as ``whipper.Client()`` finds it. ``fn.options(delay=60).submit(…)`` has other
    options for once.

    Args:
        function: The function, sync or ``async def``.
        name: The method's name on the wire. Default: the name the function is bound to in the module.
        options: Of the calls and jobs that are made of it; see ``SubmitOptions``.

    Raises:
        TypeError: What is marked is a class or cannot be called, the name is not a string, or an option is not known.
        ValueError: The name is empty or begins with ``$/``, which is whipper's own.
    """
    if name is not None and not isinstance(name, str):
        raise TypeError(f"task name must be a string, not {name!r}")
    if name is not None and (not name or name.startswith("$/")):
        raise ValueError(f"task name {name!r} is empty or begins with '$/'")
    Remote(task, name, options)  # so that an unknown option is told where it stands

    def mark(function: Any) -> Any:
        if isinstance(function, type) or not callable(function):
            raise TypeError(f"@task marks functions, not {function!r}")
        setattr(function, _MARK, (name,))
        remote: Remote[..., Any] = Remote(function, name, options)
        for attribute in ("call", "future", "submit", "acall", "asubmit", "options"):
            setattr(function, attribute, getattr(remote, attribute))
        return function

    return mark if function is None else mark(function)


def is_task(value: object) -> bool:
    """Whether the value carries the mark."""
    # A tuple of our own making: objects that answer to any attribute, such as mocks, are not marked.
    return callable(value) and isinstance(getattr(value, _MARK, None), tuple)


def task_name(value: object) -> str | None:
    """The name that a marked function asked for, or None."""
    name: str | None = getattr(value, _MARK)[0]
    return name


def one_kind(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments all by position or all by name: JSON-RPC has one or the other.

    Raises:
        TypeError: They do not fit the function, or cannot all be given in one of the two ways.
    """
    if not args or not kwargs:
        return args, kwargs
    signature = inspect.signature(function, follow_wrapped=False)
    bound = signature.bind(*args, **kwargs)
    kinds = {name: signature.parameters[name].kind for name in bound.arguments}
    for name, kind in kinds.items():
        if kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL):
            raise TypeError(
                f"{function.__name__}{signature}: {name} is given by position, so all arguments have to be; "
                "the pool takes them in one way or the other"
            )
    named = dict(bound.arguments)
    for name, kind in kinds.items():
        if kind is inspect.Parameter.VAR_KEYWORD:
            named |= named.pop(name)
    return (), named
