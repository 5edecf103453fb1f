import logging
import os
import signal
import sys

import whipper


def flaky(path):
    """Fails as long as the file is not there."""
    try:
        open(path).close()
    except FileNotFoundError:
        open(path, "w").close()
        raise
    return "at last"


def naps(path):
    """Asks to be called again as long as the file is not there."""
    if not os.path.exists(path):
        open(path, "w").close()
        raise whipper.SnoozeError(100)
    return "rested"


def exits(code):
    os._exit(code)


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def fails():
    raise whipper.PermanentError("no more ink")


def hangs(gate=None):
    """Tells by the gate, a named pipe, that it runs, and ends when it is cancelled."""
    if gate:
        open(gate, "w").close()
    whipper.context().wait()
    whipper.context().raise_if_cancelled()


def speak(text, gate):
    """Prints a line, logs a record, and ends when somebody has opened the gate, a named pipe."""
    print(text, file=sys.stderr, flush=True)
    logging.getLogger().warning(text)
    open(gate).close()
