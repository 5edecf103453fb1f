"""Where a supervisor listens, and whether it is one to trust."""

import os
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from whipper.failures import NoSupervisorError, UntrustedError

_FOLDER = ".whipper"
_SOCKET = "whipper.sock"
_ADDRESS = "socket"  # a file with the path of the socket in use


@dataclass(frozen=True, slots=True)
class Target:
    """Where a client connects to; ``owner`` is whose process must answer, beside root's."""

    dir: str
    path: str
    owner: int

    def connect(self) -> socket.socket:
        """A connection whose other end is to be trusted.

        Raises:
            NoSupervisorError: Nothing listens there.
            UntrustedError: The process that does is another user's.
        """
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(self.path)
            uid = _peer(connection)
        except OSError as error:
            connection.close()
            where = f"is running in folder {self.dir!r}" if self.dir else f"listens on socket {self.path!r}"
            raise NoSupervisorError(f"no supervisor {where}: {error.strerror or error}") from error
        if uid not in (0, os.geteuid(), self.owner):
            connection.close()
            raise _untrusted("process at socket", self.path, uid)
        return connection


def locate(dir: str | os.PathLike[str] | None, path: str | os.PathLike[str] | None) -> Target:
    """The socket that is meant.

    Without either, the environment's WHIPPER_SOCKET or WHIPPER_DIR decides, or else the folder ``.whipper`` that is
    nearest upward from the working folder.

    Raises:
        NoSupervisorError: There is no such folder.
        UntrustedError: It belongs to another user.
    """
    if dir is None and path is None:
        path = os.environ.get("WHIPPER_SOCKET") or None
        dir = os.environ.get("WHIPPER_DIR") or None
    if path is not None:
        return Target("", os.fspath(path), os.geteuid())
    folder = Path(dir).absolute() if dir is not None else _nearest(Path.cwd())
    owner = _owner(folder)
    try:
        address = (folder / _ADDRESS).read_text().removesuffix("\n")
    except FileNotFoundError:
        address = str(folder / _SOCKET)
    return Target(str(folder), address, owner)


def _nearest(start: Path) -> Path:
    for folder in (start, *start.parents):
        if (folder / _FOLDER).is_dir():
            return folder / _FOLDER
    raise NoSupervisorError(f"no supervisor: no folder {_FOLDER} in {str(start)!r} or above it")


def _owner(folder: Path) -> int:
    try:
        owner = folder.stat().st_uid
    except OSError as error:
        raise NoSupervisorError(f"no supervisor is running in folder {str(folder)!r}: {error.strerror}") from error
    me = os.geteuid()
    if owner not in (me, 0) and me != 0:
        raise _untrusted("folder", str(folder), owner)
    return owner


def _untrusted(what: str, path: str, uid: int) -> UntrustedError:
    return UntrustedError(f"{what} {path!r} belongs to user {uid}, not to this one: not connected")


def _peer(connection: socket.socket) -> int:
    """The user of the process at the other end."""
    if sys.platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[1])
    # macOS: struct xucred at LOCAL_PEERCRED of level SOL_LOCAL, which the socket module has no names for.
    return int(struct.unpack_from("2I", connection.getsockopt(0, 1, 76))[1])
