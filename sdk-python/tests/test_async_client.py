"""What an async client gets from a real supervisor."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import whipper
from supervisor import Supervisor


@pytest.fixture
def run(shared: Supervisor) -> Callable[[Callable[[whipper.AsyncClient], Awaitable[None]]], None]:
    """Runs a coroutine function with a client of the shared supervisor."""

    def run(body: Callable[[whipper.AsyncClient], Awaitable[None]]) -> None:
        async def main() -> None:
            async with whipper.AsyncClient(shared.dir) as client:
                await body(client)

        asyncio.run(main())

    return run


Run = Callable[[Callable[[whipper.AsyncClient], Awaitable[None]]], None]


def test_calls_jobs_and_counters_are_awaited(run: Run) -> None:
    async def body(client: whipper.AsyncClient) -> None:
        assert await client.invoke("add", 1, 2) == 3
        assert await client.proxy(timeout=10).add(a=1, b=2) == 3
        job = await client.submit("echo", "x", labels={"for": "test"})
        assert (await client.wait(job)).value() == "x"
        assert [one.id for one in await client.wait([job, job.id])] == [job.id, job.id]
        assert (await client.job(job)).labels == {"for": "test"}
        assert (await client.stats()).worker_count == 2
        assert (await client.ping())["pools"] == ["default"]
        assert (await client.request("pool.list"))["pools"][0]["name"] == "default"
        assert await client.cancel(await client.submit("echo", delay=3600)) == 1
        with pytest.raises(whipper.RemoteError, match="ValueError: no"):
            await client.invoke("fail", "no")
        with pytest.raises(whipper.MessageTooLargeError):
            await client.invoke("size", "x" * 16 * 1024 * 1024)
        told: list[object] = []
        assert await client.invoke("steps", 2, progress=lambda progress: told.append(progress.value)) == 2
        assert told[-1] == {"progress": 2, "total": 2}

    run(body)


def test_thousands_of_calls_are_under_way_at_once(run: Run) -> None:
    async def body(client: whipper.AsyncClient) -> None:
        assert await asyncio.gather(*(client.invoke("echo", n) for n in range(6000))) == list(range(6000))

    run(body)


def test_large_payloads_wait_for_room_to_be_written(run: Run) -> None:
    async def body(client: whipper.AsyncClient) -> None:
        sizes = await asyncio.gather(*(client.invoke("size", "x" * 5_000_000) for _ in range(6)))
        assert sizes == [5_000_000] * 6

    run(body)


def test_a_cancelled_task_cancels_its_call_in_the_worker(run: Run, tmp_path: Path) -> None:
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    os.mkfifo(begun)
    os.mkfifo(ended)

    async def body(client: whipper.AsyncClient) -> None:
        task = asyncio.create_task(client.invoke("until_cancelled", str(begun), str(ended)))
        assert await asyncio.to_thread(begun.read_text) == "begun\n"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(ended.read_text) == "True\n"
        async with asyncio.timeout(10):
            assert await client.invoke("echo", 1) == 1

    run(body)


def test_events_come_from_when_the_block_is_entered(run: Run) -> None:
    async def body(client: whipper.AsyncClient) -> None:
        events = client.events("job")
        with pytest.raises(RuntimeError, match="subscribed to by entering"):
            await anext(events)
        async with events:
            job = await client.submit("echo", 1)
            types = []
            async for event in events:
                if event.data["job"]["id"] == job.id:
                    types.append(event.type)
                if len(types) == 3:
                    break
        assert types == ["job:queued", "job:started", "job:succeeded"]
        with pytest.raises(StopAsyncIteration):
            await anext(events)

    run(body)


def test_a_closed_client_says_so_and_ends_what_is_under_way(shared: Supervisor, tmp_path: Path) -> None:
    gate, begun = tmp_path / "gate", tmp_path / "begun"
    os.mkfifo(gate)
    os.mkfifo(begun)

    async def main() -> None:
        client = await whipper.AsyncClient(shared.dir).open()
        held = asyncio.create_task(client.invoke("hold", str(gate), str(begun)))
        await asyncio.to_thread(begun.read_text)
        await client.close()
        await client.close()
        with pytest.raises(whipper.ClosedError, match="the call of hold: the client is closed"):
            await held
        with pytest.raises(whipper.ClosedError):
            await client.ping()
        await asyncio.to_thread(gate.write_text, "open\n")

    asyncio.run(main())


def test_a_client_that_was_not_opened_connects_when_it_is_needed(shared: Supervisor) -> None:
    async def main() -> None:
        client = whipper.AsyncClient(shared.dir)
        assert await asyncio.gather(*(client.invoke("echo", number) for number in (1, 2))) == [1, 2]
        await client.close()

    asyncio.run(main())


def test_a_subscription_whose_task_is_cancelled_is_ended_at_the_supervisor(shared: Supervisor) -> None:
    async def main() -> None:
        async with whipper.AsyncClient(shared.dir) as client:
            events = client.events("job")
            entering = asyncio.create_task(events.__aenter__())
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # it has asked
            entering.cancel()
            with pytest.raises(asyncio.CancelledError):
                await entering
            await client.ping()
            if (leaving := getattr(events, "_leaving", None)) is not None:
                await leaving
            assert client._link is not None
            assert client._link.subscriptions == {}
            async with client.events("job") as later:
                assert later._number == 2  # so there was a first
                with pytest.raises(whipper.WhipperError):
                    await client.request("event.unsubscribe", {"subscription": 1})

    asyncio.run(main())
