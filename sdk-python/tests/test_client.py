"""What a client gets from a real supervisor."""

import concurrent.futures
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import whipper
from runner_process import DEADLINE_SECONDS, Gate
from supervisor import Supervisor, settled


def wait_for(path: Path) -> str:
    """What somebody writes into a named pipe."""
    with open(path) as pipe:
        return pipe.readline()


def test_a_call_takes_arguments_by_position_or_by_name_and_gives_the_result(client: whipper.Client) -> None:
    assert client.invoke("add", 1, 2) == 3
    assert client.invoke("add", kwargs={"a": "x", "b": "y"}) == "xy"
    assert client.invoke("echo") is None
    assert client.invoke("echo", {"deep": [1, None, "grüße", 2**70]}) == {"deep": [1, None, "grüße", 2**70]}


def test_arguments_of_both_kinds_and_options_that_there_are_not_are_refused(client: whipper.Client) -> None:
    with pytest.raises(TypeError, match="with positional arguments or with kwargs, not with both"):
        client.invoke("add", 1, kwargs={"b": 2})
    with pytest.raises(TypeError, match=r"invoke\(\) has no option 'delay'"):
        client.invoke("add", 1, 2, delay=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"the arguments of echo cannot be sent: the value at \[0\] is of type bytes"):
        client.invoke("echo", b"x")


def test_an_error_of_the_function_arrives_with_type_stack_code_and_fields(client: whipper.Client) -> None:
    with pytest.raises(whipper.RemoteError) as caught:
        client.invoke("fail", "too wide", 1002)
    error = caught.value
    assert (error.type, error.message, error.code, error.source) == ("ValueError", "too wide", 1002, "worker")
    assert str(error) == "ValueError: too wide"
    assert error.fields == {"width": 100}
    assert 'tasks.py", line' in error.stack
    assert error.stack in error.__notes__[0]
    assert error.job is not None


def test_what_whipper_finds_are_errors_of_their_own_classes(client: whipper.Client) -> None:
    with pytest.raises(whipper.MethodNotFoundError, match="no_such"):
        client.invoke("no_such")
    with pytest.raises(whipper.InvalidParamsError, match="missing a required argument: 'b'"):
        client.invoke("add", 1)
    with pytest.raises(whipper.NotFoundError, match="job 999999 is not in the ledger"):
        client.job(999999)
    with pytest.raises(whipper.WorkerCrashedError):
        client.invoke("crash")
    with pytest.raises(whipper.NotFoundError):
        client.invoke("echo", pool="elsewhere")
    with pytest.raises(whipper.InvalidParamsError, match="unknown field"):
        client.request("job.get", {"ids": 1})


def test_a_timeout_is_pythons_timeout_error_too(client: whipper.Client, pipe: Callable[[str], Gate]) -> None:
    gate = pipe("gate")
    with pytest.raises(TimeoutError) as caught:
        client.invoke("hold", gate.path, timeout=timedelta(milliseconds=50))
    assert isinstance(caught.value, whipper.TimeoutError)
    gate.open()  # and it stays open, for the function may only come to it now


def test_a_job_is_submitted_waited_for_and_looked_at(client: whipper.Client) -> None:
    job = client.submit("add", 1, 2, labels={"for": "test"}, priority=5, timeout=10, max_attempts=7)
    assert not job.duplicate
    waited = client.wait(job)
    assert (waited.id, waited.state, waited.result, waited.value()) == (job.id, "succeeded", 3, 3)
    whole = client.job(job)
    assert (whole.params, whole.labels, whole.priority, whole.max_attempts) == ([1, 2], {"for": "test"}, 5, 7)
    assert whole.raw["timeoutMs"] == 10_000
    assert whole.finished_at is not None
    assert whole.created_at <= whole.finished_at <= datetime.now(UTC) + timedelta(seconds=1)
    assert [attempt.outcome for attempt in whole.attempts] == ["succeeded"]
    assert whole.attempts[0].pid > 0


def test_several_jobs_are_waited_for_in_the_order_of_their_ids(client: whipper.Client) -> None:
    jobs = [client.submit("echo", number) for number in range(5)]
    assert [job.value() for job in client.wait(jobs)] == list(range(5))
    assert [job.result for job in client.wait([job.id for job in jobs], payloads=False)] == [None] * 5


def test_a_job_that_failed_raises_its_error_when_its_value_is_asked_for(client: whipper.Client) -> None:
    job = client.wait(client.submit("permanent"))
    assert job.state == "failed"
    with pytest.raises(whipper.RemoteError, match="PermanentError: no such user"):
        job.value()
    assert client.job(job.id).attempts[0].error is not None


def test_an_idempotency_key_gives_the_first_job(client: whipper.Client) -> None:
    first = client.submit("echo", 1, idempotency_key="only-once")
    second = client.submit("echo", 1, idempotency_key="only-once")
    assert (second.id, second.duplicate) == (first.id, True)
    with pytest.raises(whipper.InvalidArgumentError):
        client.submit("echo", 2, idempotency_key="only-once")


def test_jobs_for_later_keep_their_policy_and_can_be_cancelled(client: whipper.Client) -> None:
    backoff = whipper.Backoff(base=0.5, factor=3, cap=60, jitter=0)
    at = datetime.now(UTC) + timedelta(hours=1)
    job = client.submit(
        "echo", 1, run_at=at, expires_at=at + timedelta(hours=1), backoff=backoff, delivery="at-most-once"
    )
    with pytest.raises(whipper.TimeoutError):
        client.wait(job, timeout=0.05)
    whole = client.job(job)
    assert whole.state == "queued"
    assert abs(whole.run_at - at) < timedelta(milliseconds=1)
    assert whole.delivery == "at-most-once"
    with pytest.raises(whipper.CallError, match=f"job {job.id} is queued and has no result"):
        whole.value()
    assert client.cancel(job, client.submit("echo", 1, delay=3600)) == 2
    with pytest.raises(whipper.CallError):
        client.wait(job).value()


def test_progress_is_told_on_the_callers_thread_for_calls_and_for_jobs(client: whipper.Client, tmp_path: Path) -> None:
    told: list[tuple[whipper.Progress, bool]] = []

    def progress(value: whipper.Progress) -> None:
        told.append((value, threading.current_thread() is threading.main_thread()))

    assert client.invoke("steps", 3, progress=progress) == 3
    assert told[-1][0].value == {"progress": 3, "total": 3}
    assert all(here for _, here in told)
    told.clear()
    heard = tmp_path / "heard"

    def hear(value: whipper.Progress) -> None:
        progress(value)
        heard.touch()

    job = client.submit("steps_until", str(heard))
    assert client.wait(job, progress=hear).state == "succeeded"
    assert {value.job for value, _ in told} == {job.id}
    assert all(here for _, here in told)


def test_what_the_callback_for_progress_raises_cancels_the_call(client: whipper.Client) -> None:
    def progress(value: whipper.Progress) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        client.invoke("steps", 2, progress=progress)
    assert client.invoke("echo", 1) == 1


def test_a_future_cancels_a_call_that_runs(client: whipper.Client, pipe: Callable[[str], Gate], tmp_path: Path) -> None:
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    for path in (begun, ended):
        pipe(path.name)
    call = client.future("until_cancelled", str(begun), str(ended))
    assert wait_for(begun) == "begun\n"
    assert call.cancel()
    assert call.cancel()
    assert wait_for(ended) == "True\n"  # the worker has seen it
    with pytest.raises(concurrent.futures.CancelledError):
        call.result()


def test_a_future_is_one_for_those_who_wait_for_many(client: whipper.Client) -> None:
    calls = [client.future("echo", number) for number in range(20)]
    done = [call.result() for call in concurrent.futures.as_completed(calls, DEADLINE_SECONDS)]
    assert sorted(done) == list(range(20))
    assert not calls[0].cancel()
    meta = calls[0].meta
    assert meta is not None
    assert meta.worker in {"w1", "w2"}


def test_thousands_of_calls_from_many_threads_share_one_connection(client: whipper.Client) -> None:
    def work(thread: int) -> list[int]:
        return [client.invoke("echo", thread * 1000 + number) for number in range(100)]

    with concurrent.futures.ThreadPoolExecutor(20) as threads:
        results = list(threads.map(work, range(20)))
    assert results == [[thread * 1000 + number for number in range(100)] for thread in range(20)]


def test_only_so_many_are_under_way_and_the_others_wait_for_room(shared: Supervisor) -> None:
    with whipper.Client(shared.dir, max_in_flight=3) as client:
        calls = [client.future("echo", number) for number in range(50)]
        assert [call.result() for call in calls] == list(range(50))
        assert settled(client)
    with pytest.raises(ValueError, match="max_in_flight must be from 1 to 4000, not 5000"):
        whipper.Client(shared.dir, max_in_flight=5000)


def test_a_call_that_finds_no_room_is_not_sent(shared: Supervisor, pipe: Callable[[str], Gate], tmp_path: Path) -> None:
    gate, begun = pipe("gate"), pipe("begun")
    with whipper.Client(shared.dir, max_in_flight=1) as client:
        held = client.future("hold", gate.path, begun.path)
        wait_for(tmp_path / "begun")
        waiting = threading.Thread(target=client.invoke, args=("echo", 2))
        waiting.start()
        with whipper.Client(shared.dir) as other:
            assert other.invoke("echo", 1) == 1  # there are workers free
        assert waiting.is_alive()
        gate.open()
        assert held.result(DEADLINE_SECONDS) == "released"
        waiting.join(DEADLINE_SECONDS)
        assert not waiting.is_alive()


def test_a_callback_on_the_reading_thread_may_call_even_if_there_is_no_room(shared: Supervisor) -> None:
    with whipper.Client(shared.dir, max_in_flight=1) as client:
        following: concurrent.futures.Future[whipper.Call[int]] = concurrent.futures.Future()
        client.future("echo", 1).add_done_callback(lambda _: following.set_result(client.future("echo", 2)))
        assert following.result(DEADLINE_SECONDS).result(DEADLINE_SECONDS) == 2


def test_large_payloads_pass_and_larger_ones_are_refused_with_their_size(client: whipper.Client) -> None:
    almost = 16 * 1024 * 1024 - 1024
    assert client.invoke("size", "x" * almost) == almost
    assert len(client.invoke("make", almost)) == almost
    with pytest.raises(
        whipper.MessageTooLargeError, match=r"the call of size has 1677\d+ bytes, and a message may have"
    ):
        client.invoke("size", "x" * 16 * 1024 * 1024)
    with pytest.raises(whipper.MessageTooLargeError, match="the answer of make has"):
        client.invoke("make", 16 * 1024 * 1024)
    assert client.invoke("echo", 1) == 1


def test_what_the_socket_does_not_take_at_once_is_written_later(client: whipper.Client) -> None:
    for _ in range(10):
        calls = [client.future("size", "x" * 1_000_000) for _ in range(4)]
        assert [call.result(DEADLINE_SECONDS) for call in calls] == [1_000_000] * 4


def test_a_request_that_only_the_supervisor_finds_too_large_is_its_error(shared: Supervisor) -> None:
    with whipper.Client(shared.dir, max_message_size=64 * 1024 * 1024) as client:
        with pytest.raises(whipper.MessageTooLargeError, match="frame is larger than 16777216 bytes"):
            client.invoke("size", "x" * 17 * 1024 * 1024)
        assert client.invoke("echo", 1) == 1


def test_stray_output_of_functions_and_their_children_is_not_on_the_wire(client: whipper.Client) -> None:
    before = client.stats().workers.stray_lines
    assert client.invoke("shout") == "clean"
    assert client.stats().workers.stray_lines == before


def test_a_proxy_has_the_methods_as_attributes(client: whipper.Client) -> None:
    pool = client.proxy(timeout=10)
    assert pool.add(1, 2) == 3
    assert pool.add(a=1, b=2) == 3
    assert pool["add"](1, 2) == 3
    assert pool.add.__name__ == "add"
    with pytest.raises(AttributeError):
        pool._private  # noqa: B018


def test_stats_and_ping_tell_of_the_supervisor(client: whipper.Client, shared: Supervisor) -> None:
    client.invoke("echo", 1)
    stats = client.stats()
    assert stats.worker_count == 2
    assert stats.workers.calls_handled > 0
    assert client.ping()["pid"] == shared.pid
    assert client.request("pool.list")["pools"][0]["name"] == "default"


def test_events_come_from_when_they_are_asked_for(client: whipper.Client) -> None:
    with client.events("job") as events:
        job = client.submit("echo", 1)
        types = []
        for event in events:
            if event.data["job"]["id"] == job.id:
                types.append(event.type)
            if event.type == "job:succeeded" and event.data["job"]["id"] == job.id:
                break
        assert types == ["job:queued", "job:started", "job:succeeded"]
        assert event.pool == "default"
        with pytest.raises(TimeoutError):
            events.get(0.01)
    assert events.get() is None
    assert list(events) == []


def test_whoever_is_slow_misses_events_and_learns_how_many(client: whipper.Client) -> None:
    with client.events("job:succeeded") as events:
        calls = [client.future("echo", 1) for _ in range(1101)]
        assert [call.result() for call in calls] == [1] * 1101
        last = client.wait(client.submit("echo", 1))
        seen = lost = 0
        for event in events:
            seen, lost = seen + 1, lost + event.lost
            if event.data["job"]["id"] == last.id:
                break
    assert seen <= 1024 + 1  # the last one may come when there is room again
    assert seen + lost == 1102


def test_a_closed_client_says_so_and_calls_under_way_end(shared: Supervisor, pipe: Callable[[str], Gate]) -> None:
    gate = pipe("gate")
    client = whipper.Client(shared.dir)
    call = client.future("hold", gate.path)
    client.close()
    client.close()
    with pytest.raises(whipper.ClosedError, match="the call of hold: the client is closed and the answer had not come"):
        call.result(DEADLINE_SECONDS)
    with pytest.raises(whipper.ClosedError, match="the client is closed"):
        client.invoke("echo", 1)
    assert client.closed
    gate.open()


def test_a_concurrency_key_reaches_the_ledger(client: whipper.Client) -> None:
    job = client.submit("echo", 1, concurrency_key="user-1")
    assert client.wait(job).raw["concurrencyKey"] == "user-1"


def test_errors_can_be_pickled_as_executors_and_multiprocessing_do(client: whipper.Client) -> None:
    import pickle

    with pytest.raises(whipper.RemoteError) as caught:
        client.invoke("fail", "too wide")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy), copy.fields, copy.job) == (
        whipper.RemoteError,
        "ValueError: too wide",
        {"width": 100},
        caught.value.job,
    )


def test_a_request_of_any_name_is_answered_and_the_others_are_not_harmed(client: whipper.Client) -> None:
    call = client.future("echo", "unharmed")
    for method in ('a"b', "\ud800"):
        with pytest.raises(whipper.MethodNotFoundError):
            client.request(method)
    assert call.result(DEADLINE_SECONDS) == "unharmed"


def test_options_of_a_client_that_cannot_be_meant_are_refused_by_name(shared: Supervisor) -> None:
    with pytest.raises(ValueError, match="reconnect_timeout must be seconds, 0 or more, not 'x'"):
        whipper.Client(shared.dir, reconnect_timeout="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_in_flight must be from 1 to 4000, not 'x'"):
        whipper.Client(shared.dir, max_in_flight="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_message_size must be a number of bytes, not '16MiB'"):
        whipper.Client(shared.dir, max_message_size="16MiB")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="start_timeout must be seconds or a timedelta, 0 or more, not 'x'"):
        whipper.Client.start("tasks.py", start_timeout="x")  # type: ignore[arg-type]


def test_a_callback_that_ends_its_thread_harms_neither_the_client_nor_other_callbacks(
    client: whipper.Client, pipe: Callable[[str], Gate], caplog: pytest.LogCaptureFixture
) -> None:
    gate = pipe("gate")
    call = client.future("hold", gate.path)
    seen: list[object] = []
    call.add_done_callback(lambda _: sys.exit(3))
    call.add_done_callback(seen.append)
    gate.open()
    assert call.result(DEADLINE_SECONDS) == "released"
    assert client.invoke("echo", 1) == 1
    assert seen == [call]
    assert "a callback of the call of hold ended the thread" in caplog.text


def test_a_zero_that_the_wire_takes_for_none_is_refused(client: whipper.Client) -> None:
    for ask in (client.invoke, client.submit):
        with pytest.raises(ValueError, match="timeout must be more than 0 s, not 0;"):
            ask("echo", timeout=0)
    with pytest.raises(ValueError, match="timeout must be more than 0 s, not 0;"):
        client.wait(1, timeout=0)
    with pytest.raises(ValueError, match="max_attempts must be from 1 to 10000, not 0"):
        client.submit("echo", max_attempts=0)


def test_only_a_client_can_be_used(shared: Supervisor) -> None:
    with pytest.raises(TypeError, match=r"use.. takes a whipper.Client, also for .*, not <.*AsyncClient"):
        whipper.use(whipper.AsyncClient(shared.dir))  # type: ignore[type-var]
