"""Huey on SQLite: the producer is this process, the workers are in its consumer's."""

import os
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from peer import Found, Job, expect, one_by_one, process, run, wait_for

HERE = Path(__file__).parent
WARM = 100
SETTINGS = "SQLite in WAL mode, synchronous FULL, one enqueue at a time"


def load(job: Job) -> Any:
    """The module of tasks, on a fresh file."""
    os.environ["HUEY_FILE"] = str(job.dir / "huey.db")
    import tasks

    return tasks


def durable(job: Job) -> Found:
    """Enqueued one by one, for Huey has no other way, while its consumer works them off."""
    tasks = load(job)
    consumer = Path(sys.executable).with_name("huey_consumer")
    pool = "--workers", str(job.workers), "--worker-type", "process"
    polling = "--delay", "0.01", "--max-delay", "0.01", "--no-periodic"
    worker = job.stack.enter_context(process(consumer, "tasks.huey", *pool, *polling, "--quiet", PYTHONPATH=str(HERE)))
    outcomes = tasks.huey.storage.result_store_size
    results = [tasks.echo(number) for number in range(WARM)]
    wait_for(outcomes, WARM, worker)
    began = time.perf_counter()
    results += [tasks.echo(number) for number in range(WARM, WARM + job.jobs)]
    wait_for(outcomes, WARM + job.jobs, worker)
    seconds = time.perf_counter() - began
    expect([result.get(preserve=True) for result in results], list(range(WARM + job.jobs)), "outcomes")
    return Found(job.jobs, seconds, f"{SETTINGS}, {job.workers} worker processes")


def submit(job: Job) -> Found:
    """Enqueued, each in a transaction of its own."""
    tasks = load(job)
    one_by_one(WARM, tasks.echo)
    seconds, times = one_by_one(job.jobs, lambda number: tasks.echo(WARM + number))
    queued = [tasks.huey.deserialize_task(data).args for data in tasks.huey.storage.enqueued_items()]
    expect(sorted(queued[WARM:]), [(WARM + number,) for number in range(job.jobs)], "queued jobs")
    return Found(job.jobs, seconds, SETTINGS, times)


if __name__ == "__main__":
    run("huey", version("huey"), {"durable": durable, "submit": submit})
