import functools
from collections.abc import Callable
from typing import Any

import pytest

from whipper.method import Method


def plain(a: Any, b: Any = 2) -> Any: ...
def keyword(a: Any, *, b: Any) -> Any: ...
def positional(a: Any, /, b: Any = 2) -> Any: ...
def greedy(a: Any, *rest: Any, **named: Any) -> Any: ...
def nothing() -> Any: ...


CASES: list[tuple[Callable[..., Any], Any, bool]] = [
    (plain, [1], True),
    (plain, [1, 2], True),
    (plain, [], False),
    (plain, None, False),
    (plain, [1, 2, 3], False),
    (plain, {"a": 1}, True),
    (plain, {"a": 1, "b": 2}, True),
    (plain, {"b": 2}, False),
    (plain, {"a": 1, "c": 3}, False),
    (keyword, {"a": 1, "b": 2}, True),
    (keyword, [1], False),
    (keyword, [1, 2], False),
    (keyword, {"a": 1}, False),
    (positional, [1, 2], True),
    (positional, {"a": 1}, False),
    (greedy, [1, 2, 3, 4], True),
    (greedy, {"a": 1, "z": 2}, True),
    (greedy, {"z": 2}, False),
    (nothing, None, True),
    (nothing, [], True),
    (nothing, {}, True),
    (nothing, [1], False),
    (nothing, {"a": 1}, False),
]


@pytest.mark.parametrize(("function", "params", "fits"), CASES)
def test_params_fit_exactly_where_python_would_accept_them(
    function: Callable[..., Any], params: Any, fits: bool
) -> None:
    method = Method("f", function)
    assert (method.misfit(params) is None) == fits
    if fits:
        method.call(params)
    else:
        with pytest.raises(TypeError):
            method.call(params)


def test_a_misfit_is_told_with_the_signature() -> None:
    def resize(path: str, width: int = 10) -> None: ...

    misfit = Method("scale", resize).misfit([])
    assert misfit == "scale(path: str, width: int = 10) -> None: missing a required argument: 'path'"


def test_arguments_that_a_decorator_supplies_are_not_asked_of_the_caller() -> None:
    def with_session(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **named: Any) -> Any:
            return function("session", *args, **named)

        return wrapper

    @with_session
    def find(session: str, name: str) -> str:
        return session + name

    method = Method("find", find)
    assert method.misfit(["x"]) is None
    assert method.call(["x"]) == "sessionx"


def test_a_function_without_a_signature_is_not_judged() -> None:
    assert Method("max", max).misfit([]) is None


def test_only_async_def_makes_a_coroutine_function() -> None:
    async def later() -> None: ...

    assert Method("later", later).is_coroutine
    assert not Method("plain", plain).is_coroutine
