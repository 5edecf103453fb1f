"""What a real process shows only now and then: the end comes between a call's being read and its handing over."""

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from whipper.method import Method
from whipper.wire import Wire
from whipper.worker import Worker


class Tapped(Wire):
    """A wire on a pipe of its own, which keeps what is written."""

    def __init__(self) -> None:
        source, self._feeder = os.pipe()
        super().__init__(source, os.open(os.devnull, os.O_WRONLY))
        self.answers: list[dict[str, Any]] = []
        self.on_answer: Callable[[Any], None] = lambda id: None

    def feed(self, *messages: dict[str, Any]) -> None:
        """Short enough to be read in one piece."""
        os.write(self._feeder, b"".join(json.dumps({"jsonrpc": "2.0", **each}).encode() + b"\n" for each in messages))

    def write(self, frame: bytes) -> None:
        self.answers.append(json.loads(frame))
        self.on_answer(self.answers[-1]["id"])

    def wait_until_gone(self) -> None:
        threading.Event().wait()  # the test's process is not to end with its supervisor

    def close(self) -> None:
        super().close()
        os.close(self._feeder)


@pytest.fixture
def wire() -> Iterator[Tapped]:
    wire = Tapped()
    yield wire
    wire.close()


def test_a_call_handed_over_after_the_end_was_asked_for_is_refused(wire: Tapped) -> None:
    stopped = threading.Event()

    def first() -> None:
        wire.feed({"id": 2, "method": "first"}, {"id": "p", "method": "$/ping"})
        stopped.wait()

    _serve(wire, first, stopped)
    assert {answer["id"]: answer.get("error", {}).get("code") for answer in wire.answers} == {
        1: None,
        2: 1007,
        "p": None,
    }


def test_a_call_handed_over_while_coroutines_finish_is_refused_before_they_have(wire: Tapped) -> None:
    stopped = threading.Event()
    answered = threading.Event()

    async def first() -> None:
        if not stopped.is_set():
            wire.feed({"id": 2, "method": "first"}, {"id": "p", "method": "$/ping"})
            await asyncio.to_thread(answered.wait)

    _serve(wire, first, stopped, answered)
    assert [(answer["id"], answer.get("error", {}).get("code")) for answer in wire.answers] == [
        ("p", None),
        (2, 1007),
        (1, None),
    ]


def _serve(
    wire: Tapped, first: Callable[..., Any], stopped: threading.Event, answered: threading.Event | None = None
) -> None:
    """Serves a call 1 of first, and has the reader ask for the end when it has call 2 in its hands."""
    worker = Worker(wire)

    def react(id: Any) -> None:
        if id == "p":
            worker.stop()
            stopped.set()
        elif id == 2 and answered is not None:
            answered.set()

    wire.on_answer = react
    wire.feed({"id": 1, "method": "first"})
    worker.start()
    worker.serve({"first": Method("first", first)})
