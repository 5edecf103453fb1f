"""What may be asked of a supervisor: each request with its params, and how its answer is read. No I/O."""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Literal, TypedDict, TypeVar

from whipper import json_text, trace
from whipper.client.models import Backoff, Job, Stats, Submission

T = TypeVar("T")

Seconds = float | timedelta


class CallOptions(TypedDict, total=False):
    """How a call is made. Times are seconds."""

    kwargs: Mapping[str, Any]
    """Arguments by name. A call has these or positional ones."""
    pool: str
    """Which pool. Default: the client's, or the only one."""
    timeout: Seconds
    """How long a run may take, from when a worker is given it. Default: the pool's, 30 s unless it says otherwise."""
    priority: int
    """From -100 to 100, the higher the sooner; 0 unless given."""


class SubmitOptions(CallOptions, total=False):
    """How a job is submitted. Times are seconds."""

    delay: Seconds
    """Run it no sooner than so long from now."""
    run_at: datetime
    """Run it no sooner than at this time, which has a time zone. Not together with delay."""
    max_attempts: int
    """From 1 to 10,000. Default: 3."""
    backoff: Backoff
    """How long it pauses after an attempt that failed."""
    idempotency_key: str
    """Unique per pool as long as the job is in the ledger: submitting it again gives the first job."""
    delivery: Literal["at-least-once", "at-most-once"]
    """Whether it may be run again after its worker or supervisor died. Default: at-least-once."""
    expires_at: datetime
    """If it has not started by then it fails."""
    labels: Mapping[str, str]
    """To find it by."""
    concurrency_key: str
    """Jobs that share one do not run at the same time, or as many at once as the pool allows."""


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """One request.

    Attributes:
        method: On the socket.
        params: An object as JSON.
        read: Makes of the answer's result what the caller gets.
        again: It may be sent again when its answer did not come: doing it twice is doing it once.
        about: What a text calls it.
    """

    method: str
    params: bytes
    read: Callable[[Any], T]
    again: bool
    about: str


def invoke(method: str, args: Sequence[Any], options: Mapping[str, Any], pool: str | None) -> Ask[Any]:
    """A call whose caller waits for its result."""
    members = _job(method, args, options, pool, CallOptions.__annotations__, "invoke")
    return Ask("job.invoke", _encode(members, method), _as_it_is, False, f"the call of {method}")


def submit(method: str, args: Sequence[Any], options: Mapping[str, Any], pool: str | None) -> Ask[Submission]:
    """A job for the ledger. With an idempotency key it may be submitted again."""
    members = _submission(method, args, options, pool)
    again = "idempotencyKey" in members
    return Ask("job.submit", _encode(members, method), _submitted, again, f"the submission of {method}")


def wait(ids: Sequence[int], timeout: Seconds | None, payloads: bool) -> Ask[list[Job]]:
    """All of the jobs, once they are final."""
    members: dict[str, Any] = {"ids": list(ids), "payloads": payloads}
    if timeout is not None:
        members["timeoutMs"] = _limit("timeout", timeout)
    return _plain("job.wait", members, _jobs)


def job(id: int) -> Ask[Job]:
    """One job with its attempts."""
    return _plain("job.get", {"id": id}, Job.read)


def cancel(ids: Sequence[int]) -> Ask[int]:
    """How many jobs were cancelled, or asked to be."""
    return _plain("job.cancel", {"ids": list(ids)}, _count)


def stats(pool: str | None) -> Ask[Stats]:
    """A pool's counters."""
    return _plain("pool.stats", {"pool": pool} if pool else {}, Stats.read)


def ping() -> Ask[dict[str, Any]]:
    """What the supervisor is."""
    return _plain("ping", {}, _as_it_is)


def subscribe(types: Iterable[str], pool: str | None) -> Ask[int]:
    """The number of a subscription. Not again: what would have come in between is missed, and that is to be told."""
    members: dict[str, Any] = {"types": list(types)} if types else {}
    if pool:
        members["pool"] = pool
    params = json_text.encode(members)
    return Ask("event.subscribe", params, lambda result: int(result["subscription"]), False, "the subscription")


def unsubscribe(number: int) -> Ask[Any]:
    """Ends a subscription."""
    return Ask("event.unsubscribe", json_text.encode({"subscription": number}), _as_it_is, False, "event.unsubscribe")


def request(method: str, params: Mapping[str, Any] | None) -> Ask[Any]:
    """Any request, as the protocol has it."""
    if not isinstance(method, str):
        raise TypeError(f"method must be a string, not {method!r}")
    return Ask(method, json_text.encode(params or {}), _as_it_is, False, method)


def default_pool(pool: str | None) -> str | None:
    """The pool that a client means where a call names none: a worker's own, for what it calls itself."""
    return pool or os.environ.get("WHIPPER_POOL") or None


def ids_of(jobs: Iterable[int | Submission]) -> list[int]:
    """The ids of jobs."""
    return [one.id if isinstance(one, Submission) else one for one in jobs]


def _plain(method: str, members: dict[str, Any], read: Callable[[Any], T]) -> Ask[T]:
    return Ask(method, json_text.encode(members), read, True, method)


def _submission(method: str, args: Sequence[Any], options: Mapping[str, Any], pool: str | None) -> dict[str, Any]:
    members = _job(method, args, options, pool, _submit_options, "submit")
    for name, member, form in _forms:
        value = options.get(name)
        if value is not None:
            members[member] = form(name, value)
    if members.get("idempotencyKey") == "":
        raise ValueError("idempotency_key must not be empty: an empty one is none, and the job could be doubled")
    return members


_submit_options = {**CallOptions.__annotations__, **SubmitOptions.__annotations__}


def _job(
    method: str, args: Sequence[Any], options: Mapping[str, Any], pool: str | None, known: Mapping[str, Any], what: str
) -> dict[str, Any]:
    members: dict[str, Any] = {"method": method}
    members["params"] = args
    if options:
        if not options.keys() <= known.keys():
            odd = next(name for name in options if name not in known)
            raise TypeError(
                f"{what}() has no option {odd!r}; there are {', '.join(sorted(known))}. "
                "Arguments by name go into kwargs={...}"
            )
        kwargs = options.get("kwargs")
        if kwargs is not None and not isinstance(kwargs, Mapping):
            raise TypeError(f"kwargs must be a mapping of arguments by name, not {kwargs!r}")
        if kwargs:
            if args:
                raise TypeError(f"{method} is called with positional arguments or with kwargs, not with both")
            members["params"] = dict(kwargs)
        timeout, priority = options.get("timeout"), options.get("priority")
        if timeout is not None:
            members["timeoutMs"] = _limit("timeout", timeout)
        if priority is not None:
            members["priority"] = priority
        pool = options.get("pool") or pool
    if not members["params"]:
        del members["params"]
    if pool:
        members["pool"] = pool
    return members | trace.carried()


def _encode(members: dict[str, Any], method: str) -> bytes:
    try:
        return json_text.encode(members)
    except TypeError:
        pass
    try:
        json_text.encode(members.get("params"))
    except TypeError as error:
        raise TypeError(f"the arguments of {method} cannot be sent: {error}") from None
    return json_text.encode(members)  # it is an option that cannot be sent


def milliseconds(name: str, value: Seconds) -> int:
    """Seconds as the protocol has them; never fewer than were meant. The name is for the error's text."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e12:
        raise ValueError(f"{name} must be seconds or a timedelta, 0 or more, not {value!r}")
    return math.ceil(seconds * 1000 - 1e-6)  # 0.3 * 1000 is a little more than 300


def _limit(name: str, value: Seconds) -> int:
    limit = milliseconds(name, value)
    if limit == 0:  # which means on the wire that none is given
        raise ValueError(f"{name} must be more than 0 s, not {value!r}; without one leave it out")
    return limit


def _attempts(name: str, value: int) -> int:
    if type(value) is not int or not 1 <= value <= 10_000:
        raise ValueError(f"{name} must be from 1 to 10000, not {value!r}")
    return value


def _moment(name: str, value: datetime) -> str:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(f"{name} must be a datetime with a time zone, as datetime.now(UTC) is, not {value!r}")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _backoff(name: str, value: Backoff) -> dict[str, Any]:
    if not isinstance(value, Backoff):
        raise TypeError(f"{name} must be a whipper.Backoff, not {value!r}")
    base, cap = milliseconds("backoff.base", value.base), milliseconds("backoff.cap", value.cap)
    return {"baseMs": base, "factor": value.factor, "capMs": cap, "jitter": value.jitter}


def _labels(name: str, value: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping of strings to strings, not {value!r}")
    return dict(value)


def _given(name: str, value: T) -> T:
    return value


_forms: tuple[tuple[str, str, Callable[[str, Any], Any]], ...] = (
    ("delay", "delayMs", milliseconds),
    ("run_at", "runAt", _moment),
    ("max_attempts", "maxAttempts", _attempts),
    ("backoff", "backoff", _backoff),
    ("idempotency_key", "idempotencyKey", _given),
    ("delivery", "delivery", _given),
    ("expires_at", "expiresAt", _moment),
    ("labels", "labels", _labels),
    ("concurrency_key", "concurrencyKey", _given),
)


def _as_it_is(result: Any) -> Any:
    return result


def _submitted(result: Any) -> Submission:
    return Submission(result["id"], result["duplicate"])


def _jobs(result: Any) -> list[Job]:
    return [Job.read(one) for one in result["jobs"]]


def _count(result: Any) -> int:
    return int(result["count"])
