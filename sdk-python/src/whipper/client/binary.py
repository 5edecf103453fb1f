"""Finds the whipper program."""

import os
import shutil

from whipper.failures import BinaryNotFoundError

_HOW = (
    "download it from https://github.com/whipper-sidecar/whipper/releases, or build it with "
    "`go install github.com/whipper-sidecar/whipper/cmd/whipper@latest`, and put it on PATH, or name it with "
    "WHIPPER_BIN or the option binary="
)


def find(binary: str | os.PathLike[str] | None = None) -> str:
    """The path of the whipper program: the one named, WHIPPER_BIN's, or PATH's.

    Raises:
        BinaryNotFoundError: There is none; the text says how to get it.
    """
    named = os.fspath(binary) if binary is not None else os.environ.get("WHIPPER_BIN")
    found = shutil.which(named or "whipper")
    if found is not None:
        return os.path.abspath(found)
    if binary is not None:
        raise BinaryNotFoundError(f"binary={named!r} is no program that can be run: {_HOW}")
    if named:
        raise BinaryNotFoundError(f"WHIPPER_BIN names {named!r}, which is no program that can be run: {_HOW}")
    raise BinaryNotFoundError(f"there is no whipper on PATH: {_HOW}")
