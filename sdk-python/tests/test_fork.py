"""Clients in forked children, and multiprocessing inside a function."""

import asyncio
import multiprocessing
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import whipper
from conftest import TASKS
from runner_process import Gate, write_script
from supervisor import Supervisor

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def in_child(work: Callable[[], str]) -> str:
    """What a forked child says."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            try:
                said = work()
            except BaseException as error:
                said = f"{type(error).__name__}: {error}"
            os.write(writing, said.encode())
            os._exit(0)
        finally:
            os._exit(1)  # whatever happens, the child does not go on with the tests
    os.close(writing)
    with open(reading) as pipe:
        said = pipe.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return said


def test_a_client_is_used_in_a_forked_child_by_a_connection_of_its_own(client: whipper.Client) -> None:
    assert client.invoke("echo", "parent") == "parent"
    assert in_child(lambda: str(client.invoke("echo", "child"))) == "child"
    assert client.invoke("echo", "parent") == "parent"


def test_a_child_may_fork_while_other_threads_call(client: whipper.Client) -> None:
    calls = [client.future("echo", number) for number in range(500)]
    said = [in_child(lambda: str(client.invoke("echo", "child"))) for _ in range(5)]
    assert said == ["child"] * 5
    assert [call.result() for call in calls] == list(range(500))


def test_closing_a_client_in_a_child_leaves_the_parents_alone(client: whipper.Client) -> None:
    def close() -> str:
        client.close()
        return "closed"

    assert in_child(close) == "closed"
    assert client.invoke("echo", 1) == 1


def test_a_child_does_not_hold_the_parents_connection(client: whipper.Client) -> None:
    assert client._link._socket is not None
    descriptor = client._link._socket.fileno()
    assert in_child(lambda: str(os.fstat(descriptor))).startswith("OSError")
    assert client.invoke("echo", 1) == 1


def test_a_child_closes_nothing_that_has_the_number_of_a_closed_clients_descriptor(shared: Supervisor) -> None:
    closed = whipper.Client(shared.dir)
    closed.close()
    sidecar = whipper.Client.start(TASKS)
    sidecar.close()
    pipes = [end for _ in range(10) for end in os.pipe()]
    assert in_child(lambda: str([os.fstat(end).st_ino for end in pipes])) == str(
        [os.fstat(end).st_ino for end in pipes]
    )
    for end in pipes:
        os.close(end)
    assert closed.closed
    assert sidecar.closed


def test_a_future_of_the_parents_says_so_in_the_child(client: whipper.Client, pipe: Callable[[str], Gate]) -> None:
    gate = pipe("gate")
    call = client.future("hold", gate.path)
    said = in_child(lambda: str(call.result()))
    assert said.startswith(f"RuntimeError: the call of hold belongs to process {os.getpid()}")
    gate.open()
    assert call.result() == "released"


def test_an_async_client_says_so_in_a_child(shared: Supervisor) -> None:
    client = whipper.AsyncClient(shared.dir)
    said = in_child(lambda: str(asyncio.run(client.invoke("echo", 1))))
    assert said.startswith(f"WhipperError: this AsyncClient belongs to process {os.getpid()}")
    asyncio.run(client.close())


def test_a_sidecar_serves_children_and_stays_the_parents() -> None:
    with whipper.Client.start(TASKS) as client:
        assert in_child(lambda: str(client.invoke("echo", "child"))) == "child"

        def close() -> str:
            client.close()
            return "closed"

        assert in_child(close) == "closed"
        assert client.invoke("echo", "parent") == "parent"


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[whipper.Client]:
    source = """
        import multiprocessing, os, whipper
        def child(number):
            print("stray", flush=True)
            with whipper.Client() as client:
                return client.invoke("echo", number)
        def run(method):
            with multiprocessing.get_context(method).Pool(3) as pool:
                return pool.map(child, range(6))
        def shared_client():
            global kept
            with whipper.Client() as kept:
                kept.ping()
                with multiprocessing.get_context("fork").Pool(3) as pool:
                    return pool.map(client_in_child, range(6))
        def client_in_child(number): return kept.invoke("echo", number)
        def echo(value): return value
    """
    with whipper.Client.start(write_script(tmp_path, source), min_workers=2, max_workers=2, threads=8) as client:
        yield client


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_function_may_use_multiprocessing_and_its_children_may_call(pool: whipper.Client, method: str) -> None:
    assert pool.invoke("run", method) == list(range(6))
    assert pool.stats().workers.stray_lines == 0


def test_a_functions_client_is_of_use_in_the_children_that_it_forks(pool: whipper.Client) -> None:
    assert pool.invoke("shared_client") == list(range(6))


def test_errors_cross_a_process_pool() -> None:
    with multiprocessing.get_context("fork").Pool(1) as processes, pytest.raises(whipper.NotFoundError) as caught:
        processes.apply(_fail)
    assert caught.value.job == 3


def _fail() -> Any:
    raise whipper.NotFoundError("not there", code=1006, job=3)


def test_a_forked_child_does_not_hold_the_connection_of_an_async_client(shared: Supervisor, tmp_path: Path) -> None:
    begun, ended, gate = tmp_path / "begun", tmp_path / "ended", tmp_path / "gate"
    for pipe in (begun, ended, gate):
        os.mkfifo(pipe)

    async def main() -> None:
        client = await whipper.AsyncClient(shared.dir).open()
        call = asyncio.create_task(client.invoke("until_cancelled", str(begun), str(ended)))
        await asyncio.to_thread(begun.read_text)
        child = os.fork()
        if child == 0:
            gate.read_text()
            os._exit(0)
        try:
            await client.close()
            with pytest.raises(whipper.ClosedError):
                await call
            assert await asyncio.to_thread(ended.read_text) == "True\n"
        finally:
            gate.write_text("end\n")
            await asyncio.to_thread(os.waitpid, child, 0)

    asyncio.run(main())
