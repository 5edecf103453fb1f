"""A pool's methods as if they were functions."""

from collections.abc import Callable
from typing import Any


class Proxy:
    """``proxy.resize("a.png", width=…)`` calls the method ``resize``; ``proxy["images.resize"]`` one of any name.

    The methods are those of the client's ``invoke``: of an ``AsyncClient`` they are to be awaited.
    """

    def __init__(self, call: Callable[[str, tuple[Any, ...], dict[str, Any]], Any]) -> None:
        self._call = call

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(f"no method {name!r} is called by way of an attribute; use proxy[{name!r}]")
        return self[name]

    def __getitem__(self, method: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            return self._call(method, args, kwargs)

        call.__name__ = call.__qualname__ = method
        return call
