"""The options of a sidecar, and the command that they come to."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypedDict

from whipper.client import binary
from whipper.client.asks import Seconds, milliseconds
from whipper.client.sidecar import Command

Path = str | os.PathLike[str]


class StartOptions(TypedDict, total=False):
    """How a supervisor is started: flags of ``whipper exec`` under the same names. Times are seconds."""

    dir: Path
    """Its folder, with the ledger. Default: a temporary one, removed at the end: nothing survives the application."""
    binary: Path
    """The whipper program. Default: WHIPPER_BIN, or the one on PATH."""
    min_workers: int
    max_workers: int
    threads: int
    """Run plain Python functions on so many threads in each worker."""
    max_concurrent_calls: int
    invocation_timeout: Seconds
    inactivity_timeout: Seconds
    flush_timeout: Seconds
    force_kill_timeout: Seconds
    drain_timeout: Seconds
    """How long running calls have to finish when the client is closed or its process is gone. Default: 30."""
    start_timeout: Seconds
    """How long the first worker may take to get ready. Default: 60."""
    max_total_calls: int
    max_age: Seconds
    max_rss: int | str
    load_strategy: Literal["basic", "round-robin", "least-busy"]
    at_capacity: Literal["queue", "drop", "error"]
    max_queue_size: int
    max_message_size: int | str
    log_level: Literal["debug", "info", "warn", "error"]
    worker_log: Path
    interpreter: Path
    """What runs the script. Default for Python: the one that runs the application."""
    env: Mapping[str, str]
    """Variables of the workers' environment. Other users cannot read their values, but for those of ``WHIPPER_…``."""
    cwd: Path
    flags: Sequence[str]
    """Further flags of ``whipper exec``, as they are."""


_COUNTS = ("min_workers", "max_workers", "max_concurrent_calls", "max_total_calls", "max_queue_size")
_TIMES = ("invocation_timeout", "inactivity_timeout", "flush_timeout", "force_kill_timeout", "max_age")
_TEXTS = (
    "max_rss",
    "load_strategy",
    "at_capacity",
    "max_message_size",
    "log_level",
    "worker_log",
    "interpreter",
    "cwd",
)


def command(
    script: Path | None, args: Iterable[str], program: Sequence[str] | None, options: Mapping[str, Any]
) -> Command:
    """What is to be started for a script, or for a command of one's own.

    Raises:
        BinaryNotFoundError: There is no whipper program.
        TypeError: An option is not known, or there are a script and a command, or neither.
        ValueError: A time cannot be meant.
    """
    known = StartOptions.__annotations__
    for name in options:
        if name not in known:
            raise TypeError(f"start() has no option {name!r}; there are {', '.join(sorted(known))}")
    if (script is None) == (program is None):
        raise TypeError("start() takes a script, or command=[...] for any other program")
    flags: list[str] = []
    for name in (*_COUNTS, *_TEXTS):
        if options.get(name) is not None:
            flags += [_flag(name), os.fspath(options[name]) if name in _TEXTS[-3:] else str(options[name])]
    for name in _TIMES:
        if options.get(name) is not None:
            flags += [_flag(name), f"{milliseconds(name, options[name])}ms"]
    if script is not None and os.fspath(script).endswith(".py") and options.get("interpreter") is None:
        flags += ["--interpreter", sys.executable]
    inherited: dict[str, str] = {}
    for name, value in (options.get("env") or {}).items():
        # In the supervisor's own environment other users cannot read it. What would be an option there cannot go there.
        if name.startswith("WHIPPER_"):
            flags += ["--env", f"{name}={value}"]
        else:
            flags += ["--env", name]
            inherited[name] = value
    if options.get("threads") is not None:
        flags += ["--env", f"WHIPPER_THREADS={options['threads']}"]
    dir = options.get("dir")
    return Command(
        binary=binary.find(options.get("binary")),
        flags=[*flags, *options.get("flags", ())],
        program=[os.fspath(script), *args] if script is not None else ["--", *(program or ())],
        dir=None if dir is None else os.fspath(dir),
        environment=inherited,
        start_timeout=milliseconds("start_timeout", options.get("start_timeout", 60.0)) / 1000,
        drain_timeout=milliseconds("drain_timeout", options.get("drain_timeout", 30.0)) / 1000,
    )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
