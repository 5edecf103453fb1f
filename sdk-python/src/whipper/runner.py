"""The runner's main: the wire first, then the user's script, then the calls."""

import os
import sys

from whipper import ending, errors, loader, sockets
from whipper.method import Method
from whipper.signals import Signals
from whipper.wire import Wire
from whipper.worker import Worker

_USAGE = "usage: python3 -m whipper SCRIPT [ARG...]   (serves the script's functions on stdin and stdout)"


def main(arguments: list[str]) -> int:
    """Serves a script until the supervisor ends the process; returns the exit code.

    0 after a shutdown, a SIGTERM or the end of stdin; 1 if the script cannot be loaded; 2 for wrong usage.
    """
    if not arguments:
        print(_USAGE, file=sys.stderr)
        return 2
    # The package can be imported from here on without its folder on the path; but a child process that
    # multiprocessing spawns gets a copy of the path and needs it. Last, to hide nothing.
    sys.path.append(sys.path.pop(0))
    wire = Wire.take_over()
    sockets.protect()
    worker = Worker(wire)
    signals = Signals(worker.stop)
    os.register_at_fork(after_in_child=wire.close)
    signals.while_loading()
    worker.start()
    methods = _load(arguments[0], arguments[1:])
    if methods is None:
        return 1
    signals.while_serving()
    worker.serve(methods)
    ending.run_callbacks()
    return 0


def _load(script: str, arguments: list[str]) -> dict[str, Method] | None:
    try:
        return loader.methods(loader.load(script, arguments))
    except loader.LoadError as error:
        print(f"whipper: {error}", file=sys.stderr)
    except Exception as error:
        print(errors.stack(error), file=sys.stderr)
    return None
