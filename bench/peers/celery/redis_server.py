"""A Redis of the peer's own: on a unix socket, its files in the scratch folder, and gone with the peer."""

import re
import shutil

from peer import Job, Skip, process


def start(job: Job) -> tuple[str, str]:
    """Starts it with an append-only file and no snapshots; gives the socket's path and what is set."""
    if shutil.which("redis-server") is None:
        raise Skip("no redis-server here: install Debian's package redis-server")
    socket = str(job.dir / "redis.sock")
    files = "--dir", job.dir, "--unixsocket", socket, "--port", "0"
    durability = "--appendonly", "yes", "--appendfsync", job.fsync, "--auto-aof-rewrite-percentage", "0", "--save", ""
    redis = job.stack.enter_context(process("redis-server", *files, *durability))
    assert redis.stdout
    version = "?"
    for line in redis.stdout:
        if found := re.search(r"version=([\d.]+)", line):
            version = found[1]
        if "ready to accept connections" in line:
            return socket, f"Redis {version}, appendfsync {job.fsync}"
    raise RuntimeError(f"redis-server --dir {job.dir} ended before it was ready")
