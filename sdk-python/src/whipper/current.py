"""The client that tasks reach the pool with."""

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from whipper.client.asks import Ask
    from whipper.client.client import Client

T = TypeVar("T")
_C = TypeVar("_C", bound="Client")

_lock = threading.RLock()
_used: "Client | None" = None


def use(client: _C, /) -> _C:
    """Has tasks called by way of this client from now on, until it is closed or another one is used.

    Without it, the first call makes a ``Client()``: of the supervisor that the environment or the working folder means;
    within a worker, of its own.

    Raises:
        TypeError: It is no ``Client``; one is enough for coroutines too, as ``acall`` does not hold up their loop.
    """
    global _used
    from whipper.client.client import Client

    if not isinstance(client, Client):
        raise TypeError(f"use() takes a whipper.Client, also for acall and asubmit, not {client!r}")
    with _lock:
        _used = client
    return client


def current() -> "Client":
    """The client in use, made if need be.

    Raises:
        NoSupervisorError: None was given, and no supervisor is running where one is looked for.
    """
    global _used
    used = _used
    if used is not None and not used.closed:
        return used
    from whipper.client.client import Client

    with _lock:
        if _used is None or _used.closed:
            _used = Client()
        return _used


async def ask(make: "Callable[[str | None], Ask[T]]") -> T:
    """Asks by way of the client in use, without holding up the event loop.

    Args:
        make: Makes the request, for the client's pool.
    """
    import asyncio

    client = _used
    if client is None or client.closed:
        client = await asyncio.to_thread(current)
    request = make(client._pool)
    call = client._begin_at_once(request)
    if call is None:  # too many are under way
        call = await asyncio.to_thread(client._begin, request)
    return await asyncio.wrap_future(call)
