"""The runner's main: the wire first, then the user's script, then the calls."""

import os
import signal
import sys
from types import FrameType

from whipper import errors, loader
from whipper.method import Method
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
    worker = Worker(wire)

    def terminate(number: int, frame: FrameType | None) -> None:
        worker.stop()

    def leave_to_parent() -> None:
        wire.close()
        if signal.getsignal(signal.SIGINT) is _ignore:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if signal.getsignal(signal.SIGTERM) is terminate:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    # Ctrl-C is the supervisor's to act on. A function, not SIG_IGN: programs that are executed don't inherit it.
    signal.signal(signal.SIGINT, _ignore)
    os.register_at_fork(after_in_child=leave_to_parent)
    worker.start()
    methods = _load(arguments[0], arguments[1:])
    if methods is None:
        return 1
    # Only now: until there is something to finish, the default action is the right one. And a script that has set
    # a handler of its own keeps it.
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, terminate)
    worker.serve(methods)
    return 0


def _load(script: str, arguments: list[str]) -> dict[str, Method] | None:
    try:
        return loader.methods(loader.load(script, arguments))
    except loader.LoadError as error:
        print(f"whipper: {error}", file=sys.stderr)
    except Exception as error:
        print(errors.stack(error), file=sys.stderr)
    return None


def _ignore(number: int, frame: FrameType | None) -> None:
    pass
