"""Both clients with workers in other languages: the fixtures that every SDK has, and a worker without an SDK."""

import asyncio
import shutil
from pathlib import Path

import pytest

import whipper
from conftest import ROOT

FIXTURES = ROOT / "conformance" / "fixtures"
PERL = ["perl", str(ROOT / "internal" / "endtoend" / "testdata" / "worker.pl")]


@pytest.mark.parametrize("name", ["basic.py", "basic.mjs", "basic.cjs"])
def test_the_same_calls_do_the_same_with_workers_of_each_sdk(name: str) -> None:
    if not name.endswith(".py") and shutil.which("node") is None:
        pytest.skip("there is no node")
    with whipper.Client.start(FIXTURES / name, max_workers=1, flush_timeout=1) as client:
        assert client.invoke("echo", 1, "grüße", [None, {"a": 1.5}]) == [1, "grüße", [None, {"a": 1.5}]]
        assert client.invoke("nothing") is None
        assert client.invoke("print", "stray") == "stray"
        with pytest.raises(whipper.RemoteError) as caught:
            client.invoke("fail", "no")
        assert (caught.value.message, caught.value.source) == ("no", "worker")
        assert "fail" in caught.value.stack
        with pytest.raises(whipper.MethodNotFoundError):
            client.invoke("missing")
        with pytest.raises(whipper.TimeoutError):
            client.invoke("slow", 60_000, timeout=0.05)
        held = client.future("slow", 60_000)
        assert client.invoke("slow", 1) == 1  # beside it
        assert held.cancel()
        assert [call.result() for call in [client.future("add", n, n) for n in range(50)]] == [2 * n for n in range(50)]
        jobs = [client.submit("add", n, 1) for n in range(5)]
        assert [job.value() for job in client.wait(jobs)] == [1, 2, 3, 4, 5]
        assert client.wait(client.submit("fail", "no", max_attempts=1)).state == "failed"

    async def main() -> None:
        async with whipper.AsyncClient.start(FIXTURES / name, max_workers=1, flush_timeout=1) as client:
            assert await asyncio.gather(*(client.invoke("add", n, n) for n in range(50))) == [2 * n for n in range(50)]
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.invoke("slow", 60_000)
            assert await client.invoke("add", "a", "b") == "ab"

    asyncio.run(main())


@pytest.mark.skipif(shutil.which("perl") is None, reason="there is no perl")
def test_a_worker_without_an_sdk_is_called_too(tmp_path: Path) -> None:
    with whipper.Client.start(command=PERL, dir=tmp_path / "ledger") as client:
        assert client.invoke("add", 1, 2) == 3
        with pytest.raises(whipper.RemoteError, match="PerlError: no"):
            client.invoke("fail", "no")
        assert client.wait(client.submit("add", 3, 4)).value() == 7
