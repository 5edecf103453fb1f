"""The application of producer and worker. BENCH_REDIS names the socket: database 0 has the queue, 1 the outcomes."""

import os

from celery import Celery

SOCKET = os.environ["BENCH_REDIS"]

app = Celery("bench", broker=f"redis+socket://{SOCKET}?virtual_host=0")
app.conf.update(
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=128,  # what the documentation has for many short tasks
    worker_disable_rate_limits=True,
)
# The producer asks for no outcome, so it needs no subscription to each one; the worker records them all.
if os.environ.get("BENCH_ROLE") == "worker":
    app.conf.result_backend = f"redis+socket://{SOCKET}?virtual_host=1"


@app.task(name="echo")
def echo(value: int) -> int:
    """Gives back what it gets."""
    return value
