"""Serve the functions of a plain Python file as a whipper worker.

A worker needs nothing of this: ``whipper exec tasks.py`` serves the file's public functions as they are. What is here
is for a file that wants to say more: ``task`` marks what is served, and the errors steer what becomes of a job.
"""

from whipper.errors import PermanentError, SnoozeError
from whipper.task import task

__all__ = ["PermanentError", "SnoozeError", "__version__", "task"]

__version__ = "0.1.0"
