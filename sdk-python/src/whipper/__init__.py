"""Serve the functions of a plain Python file as a whipper worker.

A worker needs nothing of this: ``whipper exec tasks.py`` serves the file's public functions as they are. What is here
is for a file that wants to say more: ``task`` marks what is served, the errors steer what becomes of a job,
``listeners`` are the sockets that all workers share, and ``on_shutdown`` has something done before a worker ends.
"""

from whipper.ending import on_shutdown
from whipper.errors import PermanentError, SnoozeError
from whipper.sockets import listeners
from whipper.task import task

__all__ = ["PermanentError", "SnoozeError", "__version__", "listeners", "on_shutdown", "task"]

__version__ = "0.1.0"
