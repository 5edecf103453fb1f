import asyncio
import os

import whipper

rested: set[str] = set()
failed: set[str] = set()


class PrinterError(Exception):
    def __init__(self, message):
        super().__init__(message)
        self.paper = "A4"


class TimeoutError(Exception):
    code = 1002


async def add(a, b):
    return a + b


async def echo(*args):
    return list(args)


async def nothing():
    return None


async def pid():
    return os.getpid()


async def crash():
    os._exit(3)


async def big(n):
    return "x" * n


async def join(a, b):
    return f"{a}-{b}"


async def fail(message):
    raise PrinterError(message)


async def pretend():
    raise TimeoutError("not really")


async def permanent(message):
    raise whipper.PermanentError(message)


async def flaky(key):
    if key in failed:
        return "at last"
    failed.add(key)
    raise ValueError("not yet")


async def nap(key):
    if key in rested:
        return "rested"
    rested.add(key)
    raise whipper.SnoozeError(100)


async def tell(total):
    for i in range(total):
        whipper.context().progress(i + 1, total=total)
    return total


async def hang():
    whipper.context().progress("hanging")
    await asyncio.sleep(3600)


async def print(text):
    import builtins

    builtins.print(text, flush=True)
    return "printed"
