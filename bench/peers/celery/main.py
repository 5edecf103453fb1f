"""Celery on Redis: the producer is this process, the workers are the processes of its prefork pool.

Celery rather than RQ, whose worker forks a process for each job: Celery's processes stay, as whipper's do.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from redis import Redis

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis_server
from peer import Found, Job, expect, one_by_one, process, run, wait_for

HERE = Path(__file__).parent
WARM = 1000
CHUNK = 1000  # outcomes of one reading


def start(job: Job) -> tuple[str, str, Callable[[int], Any]]:
    """Redis' socket, what is set, and what submits a job."""
    socket, settings = redis_server.start(job)
    os.environ["BENCH_REDIS"] = socket
    import tasks

    producer = job.stack.enter_context(tasks.app.producer_pool.acquire(block=True))
    return socket, settings, lambda number: tasks.echo.apply_async((number,), producer=producer)


def outcomes(redis: "Redis[bytes]") -> list[int]:
    """The outcome of each job, sorted."""
    keys = list(redis.scan_iter("celery-task-meta-*", count=CHUNK))
    chunks = (redis.mget(keys[first : first + CHUNK]) for first in range(0, len(keys), CHUNK))
    found = [json.loads(text) for chunk in chunks for text in chunk]
    expect({outcome["status"] for outcome in found}, {"SUCCESS"}, "states")
    return sorted(outcome["result"] for outcome in found)


def durable(job: Job) -> Found:
    """Submitted one by one, for Celery has no other way, while a worker works them off."""
    socket, settings, submit = start(job)
    quiet = "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"
    pool = "--pool", "prefork", "--concurrency", str(job.workers)
    celery = Path(sys.executable).with_name("celery")
    command = celery, "--app", "tasks", "worker", *pool, *quiet
    worker = job.stack.enter_context(process(*command, PYTHONPATH=str(HERE), BENCH_ROLE="worker", C_FORCE_ROOT="1"))
    results = Redis(unix_socket_path=socket, db=1)
    one_by_one(WARM, submit)
    wait_for(results.dbsize, WARM, worker)
    began = time.perf_counter()
    one_by_one(job.jobs, lambda number: submit(WARM + number))
    wait_for(results.dbsize, WARM + job.jobs, worker)
    seconds = time.perf_counter() - began
    expect(outcomes(results), list(range(WARM + job.jobs)), "outcomes")
    return Found(job.jobs, seconds, f"{settings}, prefork pool of {job.workers}, prefetch 128 each")


def submit(job: Job) -> Found:
    """Submitted one at a time, for its producer waits for each answer."""
    socket, settings, submit = start(job)
    one_by_one(WARM, submit)
    seconds, times = one_by_one(job.jobs, lambda number: submit(WARM + number))
    expect(Redis(unix_socket_path=socket, db=0).llen("celery"), WARM + job.jobs, "queued jobs")
    return Found(job.jobs, seconds, f"{settings}, one in flight", times)


if __name__ == "__main__":
    run("celery", version("celery"), {"durable": durable, "submit": submit})
