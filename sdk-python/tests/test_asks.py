"""What options come to on the wire."""

import json
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest

from whipper.client import asks
from whipper.client.asks import SubmitOptions
from whipper.client.models import Backoff
from whipper.task import _OPTIONS


def submitted(pool: str | None = None, args: tuple[Any, ...] = (), **options: Any) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(asks.submit("f", args, options, pool).params)
    return members


def test_every_option_has_its_member() -> None:
    at = datetime(2026, 1, 2, 4, 4, 5, 678_900, timezone(timedelta(hours=1)))
    members = submitted(
        kwargs={"a": 1},
        pool="images",
        timeout=1.5,
        priority=-3,
        delay=timedelta(minutes=1),
        run_at=at,
        max_attempts=5,
        backoff=Backoff(base=0.25, factor=3, cap=9, jitter=0.5),
        idempotency_key="k",
        delivery="at-most-once",
        expires_at=at,
        labels={"l": "v"},
        concurrency_key="c",
    )
    assert members == {
        "method": "f",
        "params": {"a": 1},
        "pool": "images",
        "timeoutMs": 1500,
        "priority": -3,
        "delayMs": 60_000,
        "runAt": "2026-01-02T03:04:05.678Z",
        "maxAttempts": 5,
        "backoff": {"baseMs": 250, "factor": 3, "capMs": 9000, "jitter": 0.5},
        "idempotencyKey": "k",
        "delivery": "at-most-once",
        "expiresAt": "2026-01-02T03:04:05.678Z",
        "labels": {"l": "v"},
        "concurrencyKey": "c",
    }


def test_what_is_not_given_is_not_sent() -> None:
    assert submitted() == {"method": "f"}
    assert submitted(args=(None,)) == {"method": "f", "params": [None]}
    assert submitted(pool="a") == {"method": "f", "pool": "a"}


@pytest.mark.parametrize(("seconds", "ms"), [(0.3, 300), (0.0001, 1), (0, 0), (2, 2000), (0.0015, 2)])
def test_seconds_become_milliseconds_and_are_never_cut_to_none(seconds: float, ms: int) -> None:
    assert submitted(delay=seconds)["delayMs"] == ms


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"delay": -1}, "delay must be seconds or a timedelta, 0 or more, not -1"),
        ({"timeout": True}, "timeout must be seconds"),
        ({"timeout": "5s"}, "timeout must be seconds"),
        ({"timeout": float("nan")}, "timeout must be seconds"),
        ({"run_at": datetime(2026, 1, 1)}, "run_at must be a datetime with a time zone"),
        ({"expires_at": "tomorrow"}, "expires_at must be a datetime with a time zone"),
    ],
)
def test_times_that_cannot_be_meant_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        submitted(**options)


def test_a_backoff_is_a_backoff_and_options_are_known() -> None:
    with pytest.raises(TypeError, match=r"backoff must be a whipper\.Backoff, not 3"):
        submitted(backoff=3)
    with pytest.raises(TypeError, match=r"submit\(\) has no option 'dely'; there are backoff, concurrency_key"):
        submitted(dely=3)
    with pytest.raises(TypeError, match=r"the value at \['labels'\]\['l'\] is of type object"):
        submitted(labels={"l": object()})


def test_what_may_be_sent_again_after_a_lost_connection() -> None:
    assert not asks.invoke("f", (), {}, None).again
    assert not asks.submit("f", (), {}, None).again
    assert asks.submit("f", (), {"idempotency_key": "k"}, None).again
    assert asks.wait([1], None, True).again
    assert not asks.request("job.retry", {"ids": [1]}).again
    assert not asks.subscribe((), None).again


def test_a_task_knows_the_options_of_a_submission() -> None:
    assert set(SubmitOptions.__annotations__) - {"kwargs"} == _OPTIONS


def test_within_a_worker_its_pool_is_the_one_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHIPPER_POOL", "images")
    assert asks.default_pool(None) == "images"
    assert asks.default_pool("other") == "other"


def test_moments_are_read_as_they_are_written() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
    assert datetime.fromisoformat(submitted(run_at=at)["runAt"]) == at


def test_options_of_the_wrong_kind_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"kwargs must be a mapping of arguments by name, not \[1, 2\]"):
        asks.invoke("f", [], {"kwargs": [1, 2]}, None)
    with pytest.raises(TypeError, match="labels must be a mapping of strings to strings, not 5"):
        asks.submit("f", [], {"labels": 5}, None)
    with pytest.raises(ValueError, match="idempotency_key must not be empty"):
        asks.submit("f", [], {"idempotency_key": ""}, None)
    with pytest.raises(TypeError, match="method must be a string, not 5"):
        asks.request(5, None)  # type: ignore[arg-type]
    assert json.loads(asks.invoke("f", [], {"kwargs": MappingProxyType({"a": 1})}, None).params)["params"] == {"a": 1}
