"""What a supervisor tells: jobs, counters, events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from whipper import failures
from whipper.failures import CallError


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long a job pauses after a failed attempt.

    After attempt n that is base times factor^(n-1) seconds, at most cap, more or less by jitter times itself.

    Attributes:
        base: Seconds after the first attempt.
        factor: By which the pause grows.
        cap: Most seconds.
        jitter: 0 to 1.
    """

    base: float = 1.0
    factor: float = 2.0
    cap: float = 3600.0
    jitter: float = 0.1


@dataclass(frozen=True, slots=True)
class Submission:
    """A job that is on disk.

    Attributes:
        id: The job's id.
        duplicate: The idempotency key was known: the id is the first job's.
    """

    id: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """What a worker has said about a job; ``value`` is any JSON."""

    job: int
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What is known of a call that is answered.

    Attributes:
        job: The job's id; None if the call was refused.
        attempts: How many were charged.
        worker: Which worker ran it.
        wait_ms: How long it waited for a worker.
        run_ms: How long it ran.
        dropped: All slots were taken and the pool drops calls then: it did not run, and the result is None.
    """

    job: int | None = None
    attempts: int = 0
    worker: str = ""
    wait_ms: int = 0
    run_ms: int = 0
    dropped: bool = False

    @classmethod
    def read(cls, meta: Mapping[str, Any]) -> "Meta":
        """Of the member of an answer."""
        return cls(
            job=meta.get("job"),
            attempts=meta.get("attempts", 0),
            worker=meta.get("worker", ""),
            wait_ms=meta.get("waitMs", 0),
            run_ms=meta.get("runMs", 0),
            dropped=meta.get("dropped", False),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One run of a job; ``outcome`` is None while it lasts."""

    attempt: int
    outcome: str | None
    worker: str
    pid: int
    started_at: datetime
    finished_at: datetime | None
    error: CallError | None
    exit_code: int | None
    signal: str | None
    stderr_tail: str

    @classmethod
    def read(cls, attempt: Mapping[str, Any]) -> "Attempt":
        """Of an element of a job's attempts."""
        error = attempt.get("error")
        return cls(
            attempt=attempt["attempt"],
            outcome=attempt.get("outcome"),
            worker=attempt["worker"],
            pid=attempt["pid"],
            started_at=datetime.fromisoformat(attempt["startedAt"]),
            finished_at=_time(attempt.get("finishedAt")),
            error=failures.answered(error, "worker" if attempt.get("outcome") == "error" else None) if error else None,
            exit_code=attempt.get("exitCode"),
            signal=attempt.get("signal"),
            stderr_tail=attempt.get("stderrTail", ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the ledger has it.

    Attributes:
        state: queued, running, succeeded, failed, cancelled or dropped.
        attempt: How many attempts are charged, the running one included.
        params: What it was submitted with; None where not asked for.
        result: Of a job that succeeded; None where not asked for.
        error: Of the last run that had one; None once the job has succeeded.
        progress: Last value that its worker has told.
        run_at: Earliest time of its next run.
        wait_ms: From run_at to started_at; None while queued.
        run_ms: How long its last run took.
        attempts: Every run, in what ``Client.job`` gives; else empty.
        raw: The job as it came, with members that have no attribute here.
    """

    id: int
    pool: str
    method: str
    state: str
    priority: int
    attempt: int
    max_attempts: int
    params: Any
    result: Any
    error: CallError | None
    progress: Any
    labels: Mapping[str, str]
    created_at: datetime
    run_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    wait_ms: int | None
    run_ms: int | None
    worker: str | None
    idempotency_key: str | None
    delivery: str
    origin: str
    attempts: tuple[Attempt, ...]
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, job: Mapping[str, Any]) -> "Job":
        """Of a job as it comes."""
        error = job.get("error")
        return cls(
            id=job["id"],
            pool=job["pool"],
            method=job["method"],
            state=job["state"],
            priority=job["priority"],
            attempt=job["attempt"],
            max_attempts=job["maxAttempts"],
            params=job.get("params"),
            result=job.get("result"),
            error=failures.answered(error, job.get("errorSource"), job["id"]) if error else None,
            progress=job.get("progress"),
            labels=job.get("labels") or {},
            created_at=datetime.fromisoformat(job["createdAt"]),
            run_at=datetime.fromisoformat(job["runAt"]),
            started_at=_time(job.get("startedAt")),
            finished_at=_time(job.get("finishedAt")),
            expires_at=_time(job.get("expiresAt")),
            wait_ms=job.get("waitMs"),
            run_ms=job.get("runMs"),
            worker=job.get("worker"),
            idempotency_key=job.get("idempotencyKey"),
            delivery=job["delivery"],
            origin=job["origin"],
            attempts=tuple(map(Attempt.read, job.get("attempts") or ())),
            raw=job,
        )

    def value(self) -> Any:
        """The result of a job that succeeded.

        Raises:
            CallError: The job's error, or that it has none and no result yet.
        """
        if self.state == "succeeded":
            return self.result
        if self.error is not None:
            raise self.error
        raise CallError(f"job {self.id} is {self.state} and has no result", job=self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStats:
    """What workers did, over the pool's life."""

    calls_handled: int = 0
    error_count: int = 0
    fork_count: int = 0
    exit_count: int = 0
    max_seen_concurrent_calls: int = 0
    reset_count: int = 0
    stray_lines: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """A pool's counters."""

    worker_count: int = 0
    idle_worker_count: int = 0
    busy_worker_count: int = 0
    at_capacity_worker_count: int = 0
    max_seen_worker_count: int = 0
    process_count: int = 0
    workers: WorkerStats = WorkerStats()

    @classmethod
    def read(cls, stats: Mapping[str, Any]) -> "Stats":
        """Of the result of pool.stats."""
        workers = stats["workers"]
        return cls(
            worker_count=stats["workerCount"],
            idle_worker_count=stats["idleWorkerCount"],
            busy_worker_count=stats["busyWorkerCount"],
            at_capacity_worker_count=stats["atCapacityWorkerCount"],
            max_seen_worker_count=stats["maxSeenWorkerCount"],
            process_count=stats["processCount"],
            workers=WorkerStats(
                calls_handled=workers["callsHandled"],
                error_count=workers["errorCount"],
                fork_count=workers["forkCount"],
                exit_count=workers["exitCount"],
                max_seen_concurrent_calls=workers["maxSeenConcurrentCalls"],
                reset_count=workers["resetCount"],
                stray_lines=workers["strayLines"],
            ),
        )


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        type: As ``job:succeeded`` or ``worker:process:exited``.
        at: When.
        pool: In which pool.
        lost: How many events before it were missed, because they were not taken fast enough.
        data: All members of the event, as the protocol names them.
    """

    type: str
    at: datetime
    pool: str
    lost: int
    data: Mapping[str, Any]

    @classmethod
    def read(cls, event: Mapping[str, Any], lost: int) -> "Event":
        """Of the params of an event notification; ``lost`` more were missed here."""
        at = datetime.fromisoformat(event["at"])
        return cls(event["type"], at, event["pool"], event.get("lost", 0) + lost, event)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
