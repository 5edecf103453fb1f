"""Clients that nobody has closed and nobody has any more: the garbage collector closes them, and waits for nothing."""

import gc
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import whipper
from conftest import TASKS
from runner_process import DEADLINE_SECONDS, Gate
from supervisor import Supervisor, gone, wait_until_gone


def in_time(work: Callable[[], None]) -> bool:
    """Whether it is done within the deadline; one that hangs is left behind."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(DEADLINE_SECONDS)
    return not thread.is_alive()


def in_a_cycle(clients: list[whipper.Client]) -> None:
    """Leaves the one client to the garbage collector alone."""
    client = clients.pop()
    client.itself = client  # type: ignore[attr-defined]


def test_a_client_may_be_collected_on_a_thread_that_holds_the_lock_of_its_connection(shared: Supervisor) -> None:
    clients = [whipper.Client(shared.dir)]
    link = clients[0]._link

    def collect() -> None:
        with link._lock:
            in_a_cycle(clients)
            gc.collect()

    assert in_time(collect)
    link._thread.join(DEADLINE_SECONDS)
    assert not link._thread.is_alive()


@pytest.mark.parametrize("kind", [whipper.Client, whipper.AsyncClient])
def test_a_client_may_be_collected_on_a_thread_that_starts_its_supervisor(
    kind: type[whipper.Client] | type[whipper.AsyncClient],
) -> None:
    clients = [kind.start(TASKS)]
    sidecar = clients[0].sidecar
    assert sidecar is not None
    sidecar.connect().close()
    pid = sidecar.pid
    assert pid is not None

    def collect() -> None:
        with sidecar._starting:
            in_a_cycle(clients)  # type: ignore[arg-type]
            gc.collect()

    assert in_time(collect)
    wait_until_gone(pid)


def test_who_lets_go_of_a_client_does_not_wait_until_its_supervisor_has_drained(
    pipe: Callable[[str], Gate],
) -> None:
    started, gate = pipe("started"), pipe("gate")
    client = whipper.Client.start(TASKS, drain_timeout=DEADLINE_SECONDS * 3)
    client.submit("hold", gate.path, started.path, timeout=DEADLINE_SECONDS * 3)
    with open(started.path) as file:
        assert file.readline() == "begun\n"
    assert client.sidecar is not None
    pid = client.sidecar.pid
    assert pid is not None
    clients = [client]
    del client
    assert in_time(clients.clear)
    assert not gone(pid)
    gate.open()
    wait_until_gone(pid)


@pytest.mark.parametrize(
    "body",
    [
        """
        client = whipper.Client.start(tasks)
        sidecar = client.sidecar
        print(sidecar.pid, flush=True)
        """,
        """
        client = whipper.Client.start(tasks)
        print(client.sidecar.pid, flush=True)
        del client  # which is being closed when the program ends
        """,
        """
        import asyncio
        async def main():
            global client
            client = await whipper.AsyncClient.start(tasks).open()
            print(client.sidecar.pid, flush=True)
        asyncio.run(main())
        """,
    ],
    ids=["kept", "let go of", "async"],
)
def test_a_program_that_has_ended_has_waited_for_the_supervisor_it_had(body: str, tmp_path: Path) -> None:
    source = f"import whipper\ntasks = {str(TASKS)!r}\n{textwrap.dedent(body)}"
    ended = subprocess.run(
        [sys.executable, "-c", source],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=DEADLINE_SECONDS,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert gone(int(ended.stdout))
    assert list(tmp_path.iterdir()) == []


def test_a_forked_child_that_lets_go_of_a_client_ends_its_own_connection(shared: Supervisor) -> None:
    client = whipper.Client(shared.dir)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            client.invoke("echo", 1)
            thread = client._link._thread
            del client
            thread.join(DEADLINE_SECONDS)
            os.write(writing, b"alive" if thread.is_alive() else b"ended")
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with open(reading) as file:
        assert file.read() == "ended"
    assert client.invoke("echo", 1) == 1
    client.close()
