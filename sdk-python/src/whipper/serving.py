"""``serve``: a program of one's own as a worker, for ``whipper exec -- python3 program.py``."""

import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


def serve(
    methods: Mapping[str, Callable[..., Any]] | ModuleType | None = None,
    /,
    *,
    threads: int = 0,
    concurrency: int = 0,
    name: str = "whipper-python",
    version: str | None = None,
) -> None:
    """Serves functions on stdin and stdout until the supervisor ends it.

    For a program that is run as it is: ``whipper exec -- python3 program.py``. From here on what the process prints
    goes to stderr. ``whipper exec tasks.py`` needs no call of this. To be called once, on the main thread.

    Args:
        methods: Functions by their names on the wire, or a module. Default: the program's own, as of any script.
        threads: How many threads run plain functions; 0: the main thread does.
        concurrency: How many calls there may be at once where there are coroutine functions; 0: 10.
        name: What ``whipper pool status`` shows.
        version: And its version.

    Raises:
        RuntimeError: This process serves already, as it does under the built-in runner.
        TypeError: A method is not a function.
        ValueError: There is nothing to serve, or a number or a name cannot be meant.
    """
    from whipper import __version__, runner
    from whipper.worker import Settings

    if runner.taken:
        raise RuntimeError("this process serves already: whipper exec SCRIPT needs no whipper.serve()")
    settings = Settings(threads=threads, concurrency=concurrency, name=name, version=version or __version__)
    served = _methods(methods)
    worker, signals = runner.begin(settings)
    runner.finish(worker, signals, served)


def _methods(given: Mapping[str, Callable[..., Any]] | ModuleType | None) -> dict[str, Any]:
    from whipper import loader
    from whipper.method import Method

    if given is None or isinstance(given, ModuleType):
        try:
            return loader.methods(given or sys.modules["__main__"])
        except loader.LoadError as error:
            raise ValueError(str(error)) from None
    if not given:
        raise ValueError("there is nothing to serve: methods is empty")
    for name, function in given.items():
        if not callable(function):
            raise TypeError(f"method {name!r} must be a function, not {function!r}")
        if not name or name.startswith("$/"):
            raise ValueError(f"method name {name!r} is empty or begins with '$/'")
    return {name: Method(name, function) for name, function in sorted(given.items())}
