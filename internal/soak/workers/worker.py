"""A worker of the soak, with the methods of runWorker in workers.go."""

import os
import signal
import subprocess
import time


def effect(path, name, ms, *_):
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, f"{name}\n".encode())
    os.close(fd)
    time.sleep(ms / 1000)
    return name


large = effect


def crash(path, name, ms, how):
    effect(path, name, ms)
    if how == 0:
        os._exit(3)
    os.kill(os.getpid(), signal.SIGKILL)


def hang(path, name, ms):
    effect(path, name, ms)
    time.sleep(1000)


def fail(path, name, ms):
    effect(path, name, ms)
    raise ValueError(f"{name} fails")


def chatter(path, name, ms, n):
    effect(path, name, ms)
    for i in range(n):
        print(f"line {i} of a program that prints what it does", "x" * i)
    return name


def child(path, name, ms):
    effect(path, name, ms)
    script = "sleep 1000 >/dev/null 2>&1 </dev/null & setsid sleep 1000 >/dev/null 2>&1 </dev/null &"
    subprocess.run(["sh", "-c", script], check=True)
    return name
