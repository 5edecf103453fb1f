"""What the asyncio shell does with a connection, from the other end of it."""

import asyncio
import json
import socket
import threading
from typing import Any

import pytest

import whipper
from runner_process import DEADLINE_SECONDS
from whipper.client import asks
from whipper.client.async_link import AsyncLink


class Peers:
    """Makes connections and keeps their other ends. Those of the numbers given end as soon as they are made."""

    def __init__(self, *gone: int) -> None:
        self.ends: list[socket.socket] = []
        self.third = threading.Event()
        self._gone = gone

    def connect(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        self.ends.append(theirs)
        if len(self.ends) in self._gone:
            theirs.close()
        if len(self.ends) == 3:
            self.third.set()
        return ours


async def request(loop: asyncio.AbstractEventLoop, peer: socket.socket) -> dict[str, Any]:
    """The next request that comes, which is all that has come."""
    peer.setblocking(False)
    found: dict[str, Any] = json.loads(await loop.sock_recv(peer, 65536))
    return found


def answer(id: int, result: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id, "result": result}).encode() + b"\n"


def test_what_a_progress_function_raises_is_its_own_calls_error() -> None:
    async def main() -> None:
        def refuse(progress: whipper.Progress) -> None:
            raise ValueError("not this")

        peers = Peers()
        link = AsyncLink(peers.connect, DEADLINE_SECONDS, 10)
        await link.open()
        told = asyncio.create_task(link.run(asks.invoke("told", [], {}, None), refuse))
        other = asyncio.create_task(link.run(asks.invoke("other", [], {}, None)))
        await asyncio.sleep(0)  # both have asked
        progress = {"jsonrpc": "2.0", "method": "$/progress", "params": {"id": 1, "job": 1, "value": 1}}
        with peers.ends[0] as peer:
            peer.sendall(json.dumps(progress).encode() + b"\n" + answer(2, "unharmed"))
            async with asyncio.timeout(DEADLINE_SECONDS):
                with pytest.raises(ValueError, match="not this"):
                    await told
                assert await other == "unharmed"
            await link.close()
            peer.settimeout(DEADLINE_SECONDS)
            assert b"$/cancelRequest" in b"".join(iter(lambda: peer.recv(65536), b""))

    asyncio.run(main())


def test_a_connection_that_ends_as_soon_as_it_is_made_is_followed_by_another() -> None:
    async def main() -> None:
        peers = Peers(2)
        link = AsyncLink(peers.connect, DEADLINE_SECONDS, 10)
        await link.open()
        asked = asyncio.create_task(link.run(asks.request("ping", None)))
        again = asyncio.create_task(link.run(asks.ping()))
        await asyncio.sleep(0)
        peers.ends[0].close()
        async with asyncio.timeout(DEADLINE_SECONDS):
            with pytest.raises(whipper.DisconnectedError):
                await asked
            assert await asyncio.to_thread(peers.third.wait, DEADLINE_SECONDS)
            with peers.ends[2] as peer:
                peer.sendall(answer((await request(asyncio.get_running_loop(), peer))["id"], {"pid": 1}))
                assert await again == {"pid": 1}
                await link.close()

    asyncio.run(main())


def test_those_that_wait_for_room_to_write_take_it_one_after_the_other() -> None:
    async def main() -> None:
        peers = Peers()
        link = AsyncLink(peers.connect, DEADLINE_SECONDS, 100)
        await link.open()
        size = 1_000_000
        tasks = [asyncio.create_task(link.run(asks.invoke("f", ["x" * size], {}, None))) for _ in range(20)]
        most = taken = 0
        loop = asyncio.get_running_loop()
        with peers.ends[0] as peer:
            peer.setblocking(False)
            while taken < 5 * size:
                taken += len(await loop.sock_recv(peer, 65536))
                assert link._transport is not None
                most = max(most, link._transport.get_write_buffer_size())
            assert most < 3 * size
            await link.close()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
