"""Tasks that an application calls in the pool."""

import asyncio
import inspect
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import whipper
from runner_process import write_script

SOURCE = '''
    import asyncio, os, whipper

    @whipper.task(timeout=20, max_attempts=7, labels={"kind": "image"})
    def resize(path: str, width: int = 10, *, fast: bool = False) -> list[object]:
        return [path, width, fast, os.getpid()]

    @whipper.task(name="images.crop")
    async def crop(path: str) -> str:
        await asyncio.sleep(0)
        return "cropped " + path

    @whipper.task
    def chain(path: str) -> list[int]:
        """Submits the next job and calls another, by way of its own supervisor."""
        return [resize.submit(path).id, resize.options(priority=9).submit(path, width=3).id]

    @whipper.task
    def rest(*args: str) -> list[str]:
        return list(args)

    @whipper.task
    async def held(begun: str, ended: str) -> None:
        with open(begun, "w") as file: file.write("begun")
        try:
            await asyncio.Event().wait()
        finally:
            with open(ended, "w") as file: file.write("cancelled")
'''


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """A module of tasks, imported, and a sidecar in use that serves them."""
    folder = tmp_path_factory.mktemp("app")
    script = write_script(folder, SOURCE, "image_tasks.py")
    sys.path.insert(0, str(folder))
    import image_tasks  # type: ignore[import-not-found]

    with whipper.Client.start(script) as client:
        whipper.use(client)
        yield image_tasks
    sys.path.remove(str(folder))


def test_a_task_is_the_plain_function_itself(tasks: ModuleType) -> None:
    assert tasks.resize("a", 2)[-1] == os.getpid()
    assert inspect.isfunction(tasks.resize)
    assert inspect.iscoroutinefunction(tasks.crop)
    assert asyncio.run(tasks.crop("a")) == "cropped a"
    assert pickle.loads(pickle.dumps(tasks.resize)) is tasks.resize


def test_a_task_is_called_in_the_pool(tasks: ModuleType) -> None:
    path, width, fast, pid = tasks.resize.call("a", 2)
    assert (path, width, fast) == ("a", 2, False)
    assert pid != os.getpid()
    assert tasks.resize.call("a", fast=True)[:3] == ["a", 10, True]
    assert tasks.crop.call("a") == "cropped a"
    assert tasks.crop.future("b").result() == "cropped b"
    with pytest.raises(whipper.InvalidParamsError):
        tasks.resize.call()


def test_a_task_is_called_from_a_coroutine_and_cancelled_with_it(tasks: ModuleType, tmp_path: Path) -> None:
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    os.mkfifo(begun)
    os.mkfifo(ended)

    async def main() -> None:
        assert await tasks.crop.acall("a") == "cropped a"
        results = await asyncio.gather(*(tasks.crop.acall(str(n)) for n in range(50)))
        assert results == [f"cropped {n}" for n in range(50)]
        job = await tasks.resize.asubmit("b")
        assert (await asyncio.to_thread(whipper.current.current().wait, job)).value()[0] == "b"
        held = asyncio.create_task(tasks.held.acall(str(begun), str(ended)))
        await asyncio.to_thread(begun.read_text)
        held.cancel()
        with pytest.raises(asyncio.CancelledError):
            await held
        assert await asyncio.to_thread(ended.read_text) == "cancelled"

    asyncio.run(main())


def test_a_task_is_submitted_with_its_options_and_those_of_the_moment(tasks: ModuleType) -> None:
    client = whipper.current.current()
    job = client.job(client.wait(tasks.resize.submit("a")).id)
    assert (job.method, job.params, job.max_attempts, job.labels) == ("resize", ["a"], 7, {"kind": "image"})
    assert job.raw["timeoutMs"] == 20_000
    later = tasks.resize.options(delay=3600, max_attempts=2).submit("a", width=5)
    job = client.job(later)
    assert (job.state, job.params, job.max_attempts) == ("queued", {"path": "a", "width": 5}, 2)
    client.cancel(later)
    assert tasks.crop.submit("a").id > 0


def test_a_job_submits_further_jobs_by_way_of_its_own_supervisor(tasks: ModuleType) -> None:
    client = whipper.current.current()
    first, second = tasks.chain.call("next")
    assert client.wait(first).value()[:2] == ["next", 10]
    assert client.job(second).priority == 9


def test_arguments_that_can_be_given_in_neither_way_are_refused(tasks: ModuleType) -> None:
    assert tasks.rest.call("a", "b") == ["a", "b"]
    with pytest.raises(TypeError, match="got an unexpected keyword argument"):
        tasks.rest.call("a", key=1)

    @whipper.task
    def odd(a: int, /, **rest: int) -> None: ...

    with pytest.raises(TypeError, match="a is given by position, so all arguments have to be"):
        odd.call(1, b=2)


def test_without_a_client_in_use_the_supervisor_is_looked_for(tmp_path: Path) -> None:
    script = write_script(
        tmp_path,
        """
        import whipper
        @whipper.task
        def f() -> int: return 1
        if __name__ == "__main__":
            try:
                f.call()
            except whipper.NoSupervisorError as error:
                print("no supervisor" in str(error), f())
        """,
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("True 1\n", "")


def test_type_checkers_know_what_a_task_takes_and_gives(tmp_path: Path) -> None:
    program = write_script(
        tmp_path,
        """
        import whipper

        @whipper.task(timeout=3, max_attempts=5)
        def resize(path: str, width: int = 1) -> bytes: return b""

        @whipper.task
        async def crop(path: str) -> int: return 1

        async def main() -> None:
            reveal_type(resize("a"))
            reveal_type(resize.call("a", width=2))
            reveal_type(resize.submit("a"))
            reveal_type(await resize.acall("a"))
            reveal_type(crop.call("a"))
            reveal_type(await crop("a"))
            reveal_type(crop.options(delay=3).future("a"))
            resize.call(1)
            crop.submit()
            whipper.task(retries=3)
        """,
        "typed.py",
    )
    arguments = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--cache-dir", os.devnull, str(program)]
    checked = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=tmp_path).stdout
    revealed = [line.split('"')[1] for line in checked.splitlines() if "Revealed type" in line]
    assert revealed == [
        "bytes",
        "bytes",
        "whipper.client.models.Submission",
        "bytes",
        "int",
        "int",
        "whipper.client.call.Call[int]",
    ]
    assert checked.count(": error: ") == 3
    assert 'Argument 1 to "call" of "Task" has incompatible type "int"' in checked
