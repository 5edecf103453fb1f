"""The runner's main: the wire first, then the user's script, then the calls."""

import os
import sys

from whipper import ending, errors, loader, sockets
from whipper.method import Method
from whipper.signals import Signals
from whipper.wire import Wire
from whipper.worker import Settings, Worker

_USAGE = """usage: python3 -m whipper [--threads N] [--concurrency N] SCRIPT [ARG...]

Serves the script's functions on stdin and stdout, as in: whipper exec -- python3 -m whipper SCRIPT
--threads N      plain functions run on N threads, not on the main thread (environment: WHIPPER_THREADS)
--concurrency N  calls at a time where there are coroutine functions (environment: WHIPPER_CONCURRENCY; default: 10)"""

_NUMBERS = ("threads", "concurrency")

taken = False
"""A worker serves in this process, or is about to."""


def main(arguments: list[str]) -> int:
    """Serves a script until the supervisor ends the process; returns the exit code.

    0 after a shutdown, a SIGTERM or the end of stdin; 1 if the script cannot be loaded; 2 for wrong usage.
    """
    try:
        settings, arguments = _read(arguments)
    except ValueError as error:
        print(f"whipper: {error}\n{_USAGE}", file=sys.stderr)
        return 2
    if not arguments:
        print(_USAGE, file=sys.stderr)
        return 2
    # The package can be imported from here on without its folder on the path; but a child process that
    # multiprocessing spawns gets a copy of the path and needs it. Last, to hide nothing.
    sys.path.append(sys.path.pop(0))
    worker, signals = begin(settings)
    methods = _load(arguments[0], arguments[1:])
    if methods is None:
        return 1
    finish(worker, signals, methods)
    return 0


def begin(settings: Settings) -> tuple[Worker, Signals]:
    """Takes the wire and reads it. From here on nothing that the process prints can reach it."""
    global taken
    taken = True
    wire = Wire.take_over()
    sockets.protect()
    worker = Worker(wire, settings)
    signals = Signals(worker.stop)
    os.register_at_fork(after_in_child=wire.close)
    signals.while_loading()
    worker.start()
    return worker, signals


def finish(worker: Worker, signals: Signals, methods: dict[str, Method]) -> None:
    """Serves until the end."""
    signals.while_serving()
    if "logging" in sys.modules:
        worker.take_logs()
    worker.serve(methods)
    ending.run_callbacks()


def _read(arguments: list[str]) -> tuple[Settings, list[str]]:
    """The options before the script, over those of the environment; and the rest.

    Raises:
        ValueError: An option is not known, or its value cannot be meant.
    """
    values = {name: os.environ.get(f"WHIPPER_{name.upper()}", "") for name in _NUMBERS}
    while arguments and arguments[0].startswith("-"):
        option, is_joined, value = arguments[0].partition("=")
        name = option.removeprefix("--")
        if name not in _NUMBERS or not (is_joined or arguments[1:]):
            raise ValueError(
                f"there is no option {arguments[0]}" if name not in _NUMBERS else f"{option} needs a number"
            )
        values[name] = value if is_joined else arguments[1]
        arguments = arguments[1 if is_joined else 2 :]
    for name, value in values.items():
        if value and not value.isdecimal():
            raise ValueError(f"{name} must be a whole number, not {value!r}")
    return Settings(threads=int(values["threads"] or 0), concurrency=int(values["concurrency"] or 0)), arguments


def _load(script: str, arguments: list[str]) -> dict[str, Method] | None:
    try:
        return loader.methods(loader.load(script, arguments))
    except loader.LoadError as error:
        print(f"whipper: {error}", file=sys.stderr)
    except Exception as error:
        print(errors.stack(error), file=sys.stderr)
    return None
