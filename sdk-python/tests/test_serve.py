"""A program of one's own as a worker."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

import whipper
from runner_process import RunnerProcess, write_script


class Start(Protocol):
    def __call__(self, source: str) -> RunnerProcess: ...


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(source: str) -> RunnerProcess:
            script = write_script(tmp_path, source, "program.py")
            return stack.enter_context(RunnerProcess(script, command=[sys.executable]))

        yield start


def test_a_program_serves_what_it_names(program: Start) -> None:
    worker = program(
        """
        import os, whipper
        def add(a, b):
            os.write(1, b"stray")
            return a + b
        whipper.serve({"math.add": add}, name="sums", version="3", threads=2)
        print("served")
        """
    )
    introduction = worker.initialize()
    assert introduction == {
        "protocolVersion": 1,
        "name": "sums",
        "version": "3",
        "concurrency": 2,
        "methods": [{"name": "math.add"}],
    }
    assert worker.call("math.add", 1, 2) == 3
    worker.notify("$/shutdown")
    assert worker.wait() == 0
    assert worker.log() == "strayserved\n"


def test_a_program_serves_its_own_functions_or_a_modules(program: Start, tmp_path: Path) -> None:
    worker = program("import whipper\ndef f(): return __name__\nif __name__ == '__main__': whipper.serve()")
    worker.initialize()
    assert worker.call("f") == "__main__"
    write_script(tmp_path, "def g(): return __name__", "other.py")
    worker = program("import other, whipper\nwhipper.serve(other, concurrency=3)")
    worker.initialize()
    assert worker.call("g") == "other"


def test_under_the_runner_serve_says_that_it_is_not_needed(tmp_path: Path) -> None:
    with RunnerProcess(write_script(tmp_path, "import whipper\nwhipper.serve({})")) as worker:
        assert worker.wait() == 1
        assert "whipper exec SCRIPT needs no whipper.serve()" in worker.log()


def test_what_cannot_be_served_is_refused() -> None:
    with pytest.raises(ValueError, match="methods is empty"):
        whipper.serve({})
    with pytest.raises(ValueError, match="begins with"):
        whipper.serve({"$/ping": print})
    with pytest.raises(TypeError, match="method 'f' must be a function, not 3"):
        whipper.serve({"f": 3})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="threads must be a whole number from 0 to 1000, not -1"):
        whipper.serve({"f": print}, threads=-1)
