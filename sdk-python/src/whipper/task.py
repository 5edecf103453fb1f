"""The ``task`` decorator: marks the functions of a module that are served."""

from collections.abc import Callable
from typing import Any, TypeVar, overload

_F = TypeVar("_F", bound=Callable[..., Any])

_MARK = "__whipper_task__"


@overload
def task(function: _F, /) -> _F: ...


@overload
def task(*, name: str | None = None) -> Callable[[_F], _F]: ...


def task(function: _F | None = None, /, *, name: str | None = None) -> _F | Callable[[_F], _F]:
    """Mark a function as one that the worker serves; the others of the module are then not served.

    Used bare (``@task``) or with options (``@task(name="resize")``). The function itself is returned, unchanged but for
    the mark.

    Args:
        function: The function, sync or ``async def``.
        name: The method's name on the wire. Default: the name the function is bound to in the module.

    Raises:
        TypeError: What is marked is a class or cannot be called, or the name is not a string.
        ValueError: The name is empty or begins with ``$/``, which is whipper's own.
    """
    if name is not None and not isinstance(name, str):
        raise TypeError(f"task name must be a string, not {name!r}")
    if name is not None and (not name or name.startswith("$/")):
        raise ValueError(f"task name {name!r} is empty or begins with '$/'")

    def mark(function: _F) -> _F:
        if isinstance(function, type) or not callable(function):
            raise TypeError(f"@task marks functions, not {function!r}")
        setattr(function, _MARK, (name,))
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
