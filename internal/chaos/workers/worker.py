"""A worker of the chaos, with the methods of workers.go. Each leaves a line behind before it does anything else."""

import itertools
import json
import os
import random
import signal
import subprocess
import time

import whipper

runs = itertools.count(1)
leaked = []


def effect(name, ms=0, *_):
    call = whipper.context()
    token = f"{os.getpid()}-{next(runs)}-{time.time_ns()}"
    line = {
        "task": name,
        "job": call.job,
        "attempt": call.attempt,
        "token": token,
        "pid": os.getpid(),
        "at": time.time_ns(),
    }
    fd = os.open(os.environ["CHAOS_EFFECTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, json.dumps(line).encode() + b"\n")
    os.close(fd)
    time.sleep(ms / 1000)
    return {"task": name, "job": call.job, "token": token}


large = double = lie = effect


def crash(name, ms, how):
    effect(name, ms)
    if how == 0:
        os._exit(3)
    os.kill(os.getpid(), signal.SIGKILL)


def hang(name, ms):
    effect(name, ms)
    time.sleep(1000)


def late(name, ms):
    return effect(name, 400 + ms)


def fail(name, ms):
    effect(name, ms)
    raise ValueError(f"{name} fails")


def permanent(name, ms):
    effect(name, ms)
    raise whipper.PermanentError(f"{name} fails for good")


def snooze(name, ms):
    done = effect(name, ms)
    if random.random() < 0.5:  # by a count, a job that every process runs first would never be done
        raise whipper.SnoozeError(100)
    return done


def flood(name, ms, n):
    done = effect(name, ms)
    for i in range(n):
        print(f"line {i} of a program that prints what it does", "x" * i)
    return done


def leak(name, ms):
    leaked.append(b"x" * 8_000_000)
    return effect(name, ms)


def child(name, ms):
    done = effect(name, ms)
    script = "sleep 1000 >/dev/null 2>&1 </dev/null & setsid sleep 1000 >/dev/null 2>&1 </dev/null &"
    subprocess.run(["sh", "-c", script], check=True)
    return done


def fork(name, ms):
    effect(name, ms)
    if os.fork() == 0:
        time.sleep(1000)  # with the wire in its hands
    os._exit(0)
