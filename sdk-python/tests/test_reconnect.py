"""What clients do when their supervisor goes away and comes back."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import whipper
from conftest import TASKS
from runner_process import DEADLINE_SECONDS
from supervisor import Supervisor, settled
from whipper.client import asks


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor(tmp_path / ".whipper", TASKS) as supervisor:
        yield supervisor


def test_calls_after_a_restart_are_made_on_a_new_connection(supervisor: Supervisor) -> None:
    with whipper.Client(supervisor.dir) as client:
        before = client.ping()["pid"]
        supervisor.kill()
        supervisor.start()
        assert client.invoke("echo", 1) == 1
        assert client.ping()["pid"] != before


def test_a_submission_with_a_key_that_has_no_answer_is_sent_again_and_one_without_is_unknown(
    supervisor: Supervisor,
) -> None:
    with whipper.Client(supervisor.dir) as client:
        client.ping()
        supervisor.freeze()  # the requests go out and find nobody
        keyed = client._begin(asks.submit("echo", ["again"], {"idempotency_key": "safe"}, None))
        unkeyed = client._begin(asks.submit("echo", ["again"], {}, None))
        call = client.future("echo", 1)
        looked = client._begin(asks.stats(None))
        supervisor.kill()
        for lost, about in ((unkeyed, "the submission of echo"), (call, "the call of echo")):
            with pytest.raises(whipper.DisconnectedError) as caught:
                lost.result(DEADLINE_SECONDS)
            assert str(caught.value).startswith(f"{about}: the connection to the supervisor ended")
            assert str(caught.value).endswith("before the answer came: whether it took effect is unknown")
        assert not keyed.done()
        supervisor.start()
        job = keyed.result(DEADLINE_SECONDS)
        assert not job.duplicate
        assert client.wait(job).value() == "again"
        assert looked.result(DEADLINE_SECONDS).worker_count >= 1


def test_a_wait_goes_on_over_a_restart(supervisor: Supervisor, tmp_path: Path) -> None:
    with whipper.Client(supervisor.dir) as client:
        job = client.submit("echo", "survived", delay=1)
        waiting = client._begin(asks.wait([job.id], None, True))
        supervisor.kill()
        supervisor.start()
        assert waiting.result(DEADLINE_SECONDS)[0].value() == "survived"


def test_what_a_draining_supervisor_refuses_waits_for_the_next_one_if_it_has_a_key(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    os.mkfifo(tmp_path / "gate")
    with whipper.Client(supervisor.dir) as client, client.events("worker:pool:unavailable") as events:
        held = client.future("hold", str(tmp_path / "gate"), str(begun))
        begun.read_text()
        supervisor.signal(signal.SIGTERM)
        assert events.get(DEADLINE_SECONDS) is not None  # it drains
        with pytest.raises(whipper.ShuttingDownError):
            client.invoke("echo", 1)
        keyed = client._begin(asks.submit("echo", ["again"], {"idempotency_key": "later"}, None))
        (tmp_path / "gate").write_text("open\n")
        assert held.result(DEADLINE_SECONDS) == "released"
        supervisor.wait()
        supervisor.start()
        assert client.wait(keyed.result(DEADLINE_SECONDS)).value() == "again"


def test_when_none_comes_back_in_time_a_request_says_so_and_a_later_one_is_tried_afresh(supervisor: Supervisor) -> None:
    with whipper.Client(supervisor.dir, reconnect_timeout=0.2) as client:
        supervisor.kill()
        with pytest.raises(whipper.NoSupervisorError, match="no supervisor is running in folder"):
            client.submit("echo", 1)
        supervisor.start()
        assert client.invoke("echo", 1) == 1


def test_a_call_that_waits_for_a_supervisor_can_be_cancelled(supervisor: Supervisor) -> None:
    with whipper.Client(supervisor.dir) as client:
        supervisor.kill()
        call = client.future("echo", 1)
        assert call.cancel()
        supervisor.start()
        assert client.invoke("echo", 2) == 2
        assert settled(client)


def test_a_subscription_ends_with_its_connection_and_says_so(supervisor: Supervisor) -> None:
    with whipper.Client(supervisor.dir) as client, client.events() as events:
        supervisor.kill()
        with pytest.raises(whipper.DisconnectedError, match="the events: the connection to the supervisor ended"):
            list(events)


def test_where_there_is_none_a_client_says_so_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(whipper.NoSupervisorError, match=r"no supervisor is running in folder .*No such file"):
        whipper.Client(tmp_path / "nowhere")
    with pytest.raises(whipper.NoSupervisorError, match="no supervisor listens on socket"):
        whipper.Client(socket=tmp_path / "nothing.sock")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(whipper.NoSupervisorError, match=r"no folder \.whipper in"):
        whipper.Client()


def test_an_async_client_does_the_same(supervisor: Supervisor) -> None:
    async def main() -> None:
        async with whipper.AsyncClient(supervisor.dir) as client:
            job = await client.submit("echo", "survived", delay=1)
            supervisor.freeze()
            waiting = asyncio.create_task(client.wait(job))
            keyed = asyncio.create_task(client.submit("echo", "again", idempotency_key="safe"))
            unkeyed = asyncio.create_task(client.submit("echo", "again"))
            stopped = asyncio.create_task(client.stats())
            await asyncio.sleep(0)
            supervisor.kill()
            with pytest.raises(whipper.DisconnectedError, match="whether it took effect is unknown"):
                await unkeyed
            supervisor.start()
            assert (await waiting).value() == "survived"
            assert (await client.wait(await keyed)).value() == "again"
            assert (await stopped).worker_count >= 1
            async with client.events() as events:
                supervisor.kill()
                with pytest.raises(whipper.DisconnectedError):
                    async for _ in events:
                        pass
        async with whipper.AsyncClient(supervisor.dir, reconnect_timeout=0.2) as client:
            pass

    with pytest.raises(whipper.NoSupervisorError):
        asyncio.run(main())


def test_a_subscription_that_is_lost_does_not_end_a_later_one_of_its_number(supervisor: Supervisor) -> None:
    with whipper.Client(supervisor.dir) as client:
        lost = client.events("job")
        supervisor.kill()
        with pytest.raises(whipper.DisconnectedError):
            lost.get(DEADLINE_SECONDS)
        supervisor.start()
        with client.events("job") as events:
            lost.close()
            client.invoke("echo", 1)
            assert events.get(DEADLINE_SECONDS) is not None
