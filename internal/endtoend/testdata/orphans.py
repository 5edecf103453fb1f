import os
import subprocess
import time


def orphans(n):
    """Leaves n processes behind that end by themselves."""
    for _ in range(n):
        subprocess.run(["sh", "-c", "sleep 0.01 &"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return n


def daemon():
    """Leaves a process behind that does not end, in a session of its own."""
    subprocess.run(
        ["sh", "-c", "sleep 1000 &"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=True,
    )


def exit(code):
    os._exit(code)


def hold():
    time.sleep(1000)
