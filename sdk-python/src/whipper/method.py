"""One served function, and whether params fit it."""

import inspect
from collections.abc import Callable
from typing import Any

from whipper.protocol import Params

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Method:
    """A function under the name it is served by.

    Attributes:
        name: On the wire.
        function: What is called: an array of params becomes its positional arguments, an object its keyword arguments.
        is_coroutine: It was declared with ``async def``.
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function
        self.is_coroutine = inspect.iscoroutinefunction(function)
        self._signature = _signature(function)
        self._least = self._most = 0  # arguments that are sure to fit an array
        self._required: set[str] = set()  # and the names an object must hold
        self._known: set[str] = set()  # and may hold
        if self._signature is not None:
            self._learn(self._signature)

    def call(self, params: Params) -> Any:
        """Calls the function with what it is given, whether it fits or not."""
        if params is None:
            return self.function()
        if type(params) is dict:
            return self.function(**params)
        return self.function(*params)

    def misfit(self, params: Params) -> str | None:
        """Why the params do not fit, with the signature; None if they do."""
        # Signature.bind is right but slow, so what is plainly right does not come to it.
        if type(params) is dict:
            fits = self._required <= params.keys() <= self._known
        else:
            fits = self._least <= (len(params) if params else 0) <= self._most
        if fits or self._signature is None:
            return None
        try:
            if type(params) is dict:
                self._signature.bind(**params)
            else:
                self._signature.bind(*(params or ()))
        except TypeError as error:
            return f"{self.name}{self._signature}: {error}"
        return None

    def _learn(self, signature: inspect.Signature) -> None:
        for parameter in signature.parameters.values():
            required = parameter.default is parameter.empty
            if parameter.kind in _POSITIONAL:
                self._most += 1
                self._least += required
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                self._known.add(parameter.name)
            if required and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                self._required.add(parameter.name)
            if required and parameter.kind is parameter.KEYWORD_ONLY:
                self._least = len(signature.parameters) + 1  # no array fits; bind says why


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        # Not of what a decorator wraps: it may supply arguments of its own.
        return inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):  # some that are written in C have none
        return None
