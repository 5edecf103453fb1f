import os
import time


def add(a, b):
    return a + b


def fail(message):
    raise ValueError(message)


def sleep(seconds):
    time.sleep(seconds)
    return "slept"


def pid():
    return os.getpid()


def effect(path, name, seconds=0):
    """Leaves a line behind, in one write, and then takes its time."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{name}\n".encode())
    os.close(fd)
    time.sleep(seconds)
    return name
