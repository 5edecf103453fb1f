"""What the Python peers have in common: the command line, a scratch folder, processes, one line of JSON on stdout."""

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

END = 5  # seconds that a process has to end in


class Skip(Exception):  # noqa: N818 - the work is skipped, which is no error
    """The machine lacks what the peer needs."""


@dataclass
class Found:
    """How many jobs or calls, in how many seconds, under which settings; times are of each, if they were measured."""

    jobs: int
    seconds: float
    settings: str
    times: list[float] = field(default_factory=list)


@dataclass
class Job:
    """What a work is given. The stack undoes its steps, however the program ends."""

    jobs: int
    calls: int
    depth: int
    workers: int
    concurrency: int
    dir: Path
    fsync: str
    stack: ExitStack


def positive(text: str) -> int:
    """A whole number above 0."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: give a whole number above 0")
    return number


def run(peer: str, version: str, works: dict[str, Callable[[Job], Found]]) -> None:
    """Does the work that the command line names and prints what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=works)
    parser.add_argument("--jobs", type=positive, default=20_000)
    parser.add_argument("--calls", type=positive, default=20_000)
    parser.add_argument("--depth", type=positive, default=64)
    parser.add_argument("--workers", type=positive, default=2)
    parser.add_argument("--concurrency", type=positive, default=32)
    parser.add_argument("--dir", type=Path)
    parser.add_argument("--fsync", default="everysec")
    arguments = vars(parser.parse_args())
    work = arguments.pop("work")
    for number in signal.SIGINT, signal.SIGTERM:
        signal.signal(number, leave)
    with ExitStack() as stack:
        if arguments["dir"] is None:
            folder = tempfile.TemporaryDirectory(prefix="whipper-peer-", ignore_cleanup_errors=True)
            arguments["dir"] = Path(stack.enter_context(folder))
        try:
            found = works[work](Job(**arguments, stack=stack))
        except Skip as reason:
            print(json.dumps({"peer": peer, "work": work, "skip": str(reason)}))
            return
        times = sorted(found.times)
        line = {
            "peer": peer,
            "version": version,
            "settings": found.settings,
            "work": work,
            "jobs": found.jobs,
            "seconds": round(found.seconds, 4),
            "rate": round(found.jobs / found.seconds),
            "p50us": percentile(times, 0.5),
            "p99us": percentile(times, 0.99),
        }
        print(json.dumps(line), flush=True)


def leave(number: int, _frame: FrameType | None) -> NoReturn:
    """Ends the program by way of its stack."""
    sys.exit(128 + number)


def percentile(times: list[float], part: float) -> int:
    """In microseconds, of sorted seconds; 0 of none."""
    return round(times[math.floor(len(times) * part)] * 1e6) if times else 0


@contextmanager
def process(*command: str | Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A process with these variables in its environment, ended with this one. Its stdout is piped.

    setpriv has the kernel end it if this process is killed, and cannot undo anything.
    """
    child = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *map(str, command)],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(END)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def wait_for(count: Callable[[], int], wanted: int, worker: subprocess.Popen[str]) -> None:
    """Returns when so many outcomes are recorded. Asking every 20 ms costs the peer next to nothing."""
    while (found := count()) < wanted:
        if (code := worker.poll()) is not None:
            raise RuntimeError(f"the worker ended with {code} after {found} of {wanted} outcomes")
        time.sleep(0.02)


def one_by_one(count: int, step: Callable[[int], object]) -> tuple[float, list[float]]:
    """How many seconds step(0) to step(count - 1) took together, and each."""
    times = []
    began = time.perf_counter()
    for number in range(count):
        start = time.perf_counter()
        step(number)
        times.append(time.perf_counter() - start)
    return time.perf_counter() - began, times


def expect(found: object, wanted: object, what: str) -> None:
    """Raises where a peer did not do its work."""
    if found != wanted:
        raise AssertionError(f"{what}: {found!r} instead of {wanted!r}")
