"""What Huey's consumer runs: the queue is a file that HUEY_FILE names."""

import os

from huey import SqliteHuey

# fsync=True is synchronous FULL, in WAL mode. The timeout is how long a connection waits for another's transaction.
huey = SqliteHuey("bench", filename=os.environ["HUEY_FILE"], fsync=True, timeout=60)


@huey.task()
def echo(value: int) -> int:
    """Gives back what it gets."""
    return value
