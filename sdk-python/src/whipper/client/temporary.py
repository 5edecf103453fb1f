"""A sidecar's temporary folder.

A process that is killed cannot remove its own: then the next one does that starts a sidecar. Who uses a folder holds a
lock on a file in it. The supervisor holds one of its own, so a folder is left alone until both are gone.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "whipper-sidecar-"
_MARK = "application"


class Folder:
    """One folder, of this process."""

    def __init__(self, path: Path, mark: int) -> None:
        self._path = path
        self._mark = mark

    def __str__(self) -> str:
        return str(self._path)

    def remove(self) -> None:
        """Removes it with all that is in it."""
        shutil.rmtree(self._path, ignore_errors=True)
        self.forget()

    def forget(self) -> None:
        """Lets go of the lock."""
        mark, self._mark = self._mark, -1
        with contextlib.suppress(OSError):
            os.close(mark)


def make() -> Folder:
    """A new folder; those that nobody uses any more are removed first."""
    _sweep()
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        mark = os.open(path / _MARK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(mark, fcntl.LOCK_EX)
        if os.fstat(mark).st_nlink:  # else somebody has swept it away before it was locked
            return Folder(path, mark)
        os.close(mark)


def _sweep() -> None:
    for path in Path(tempfile.gettempdir()).glob(_PREFIX + "*"):
        with contextlib.suppress(OSError):
            if path.lstat().st_uid != os.geteuid() or not _is_free(path / _MARK):
                continue
            if not (path / "lock").exists() or _is_free(path / "lock"):
                shutil.rmtree(path, ignore_errors=True)


def _is_free(lock: Path) -> bool:
    """Whether nobody holds a lock on the file; an OSError if it is not there."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
