import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import whipper
from runner_process import Gate, RunnerProcess, write_script
from supervisor import BINARY, Supervisor

ROOT = Path(__file__).parents[2]
TASKS = Path(__file__).parent / "fixtures" / "tasks.py"

os.environ["WHIPPER_BIN"] = BINARY  # what clients under test start
for name in ("WHIPPER_DIR", "WHIPPER_SOCKET", "WHIPPER_POOL", "WHIPPER_THREADS"):
    os.environ.pop(name, None)

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


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """A supervisor for tests that do it no harm: two workers of two threads."""
    if not os.access(BINARY, os.X_OK):
        pytest.exit(f"there is no whipper at {BINARY}: run `make build`, or set WHIPPER_BIN", 2)
    dir = tmp_path_factory.mktemp("shared") / ".whipper"
    flags = ("--min-workers", "2", "--max-workers", "2", "--env", "WHIPPER_THREADS=2")
    with Supervisor(dir, TASKS, *flags) as supervisor:
        yield supervisor


@pytest.fixture
def client(shared: Supervisor) -> Iterator[whipper.Client]:
    """A client of the shared supervisor."""
    with whipper.Client(shared.dir) as client:
        yield client


@pytest.fixture
def pipe(tmp_path: Path) -> Callable[[str], Gate]:
    """Makes named pipes."""
    return lambda name: Gate(tmp_path / name)
