from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from runner_process import Gate, RunnerProcess, write_script

StartFixture = Callable[[str], RunnerProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartFixture]:
    """Starts an initialized runner on a script's source."""
    with ExitStack() as stack:

        def start(source: str) -> RunnerProcess:
            worker = stack.enter_context(RunnerProcess(write_script(tmp_path, source)))
            worker.initialize()
            return worker

        yield start


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """What a script's function can be held at, until the test opens it."""
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.close()
