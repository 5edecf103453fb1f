"""What the sync shell does with a connection, from the other end of it."""

import json
import os
import queue
import resource
import select
import signal
import socket

import pytest

import whipper
from runner_process import DEADLINE_SECONDS
from whipper.client import asks
from whipper.client.call import Call
from whipper.client.link import Link


def test_of_requests_on_a_lost_connection_only_what_was_begun_is_unknown() -> None:
    peers: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()

    def connect() -> socket.socket:
        ours, theirs = socket.socketpair()
        theirs.settimeout(DEADLINE_SECONDS)
        peers.put(theirs)
        return ours

    link = Link(connect, DEADLINE_SECONDS, 10)
    link.open()
    begun = Call(link, asks.invoke("begun", ["x" * 3_000_000], {}, None))  # more than a socket holds
    behind = Call(link, asks.invoke("behind", [], {}, None))
    link.send(begun)
    link.send(behind)
    peers.get().close()
    with pytest.raises(whipper.DisconnectedError, match=r"the call of begun: .*whether it took effect is unknown"):
        begun.result(DEADLINE_SECONDS)
    with peers.get() as peer, peer.makefile("rwb") as file:
        request = json.loads(file.readline())
        assert request["params"] == {"method": "behind"}
        file.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": "done"}).encode() + b"\n")
        file.flush()
        assert behind.result(DEADLINE_SECONDS) == "done"
        link.close()


def test_what_cannot_be_read_ends_the_connection_and_says_why() -> None:
    peers: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()

    def connect() -> socket.socket:
        ours, theirs = socket.socketpair()
        peers.put(theirs)
        return ours

    link = Link(connect, DEADLINE_SECONDS, 10)
    link.open()
    call = Call(link, asks.invoke("f", [], {}, None))
    link.send(call)
    with peers.get() as peer:
        peer.sendall(b"HTTP/1.1 400 Bad Request\n")
        with pytest.raises(whipper.DisconnectedError, match=r"the supervisor sent what is no message: .* was given up"):
            call.result(DEADLINE_SECONDS)
    link.close()


def test_a_program_with_more_than_1024_descriptors_still_connects_again() -> None:
    peers: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()

    def connect() -> socket.socket:
        ours, theirs = socket.socketpair()
        theirs.settimeout(DEADLINE_SECONDS)
        peers.put(theirs)
        return ours

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    others = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        link = Link(connect, DEADLINE_SECONDS, 10)
        link.open()
    finally:
        for descriptor in others:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    lost = Call(link, asks.invoke("lost", [], {}, None))
    link.send(lost)
    peers.get().close()
    with pytest.raises(whipper.DisconnectedError):
        lost.result(DEADLINE_SECONDS)
    call = Call(link, asks.invoke("f", [], {}, None))
    link.send(call)
    with peers.get(timeout=DEADLINE_SECONDS) as peer, peer.makefile("rwb") as file:
        request = json.loads(file.readline())
        file.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": "done"}).encode() + b"\n")
        file.flush()
        assert call.result(DEADLINE_SECONDS) == "done"
        link.close()


def test_what_a_draining_supervisor_refuses_is_not_asked_again_if_it_was_cancelled() -> None:
    ours, theirs = socket.socketpair()
    theirs.settimeout(DEADLINE_SECONDS)
    link = Link(lambda: ours, DEADLINE_SECONDS, 10)
    link.open()
    call = Call(link, asks.stats(None))
    link.send(call)
    assert call.cancel()
    refusal = {"code": 1007, "message": "the supervisor is shutting down"}
    with theirs:
        theirs.sendall(json.dumps({"jsonrpc": "2.0", "id": call.id, "error": refusal}).encode() + b"\n")
        with link._lock:
            assert link._room.wait_for(lambda: link._in_flight == 0, DEADLINE_SECONDS)
            assert not link._waiting
        link.close()


def test_a_forked_child_cannot_cancel_a_call_of_its_parent() -> None:
    ours, theirs = socket.socketpair()
    link = Link(lambda: ours, DEADLINE_SECONDS, 10)
    link.open()
    call = Call(link, asks.stats(None))
    link.send(call)
    with link._lock:  # as another thread may hold it at that moment
        child = os.fork()
        if child == 0:
            os._exit(call.cancel())
    descriptor = os.pidfd_open(child)
    ended, _, _ = select.select([descriptor], [], [], DEADLINE_SECONDS)
    os.close(descriptor)
    if not ended:
        os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    link.close()
    theirs.close()


def test_what_is_written_together_arrives_whole_and_in_order() -> None:
    ours, theirs = socket.socketpair()
    theirs.settimeout(DEADLINE_SECONDS)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # frames are cut anywhere
    link = Link(lambda: ours, DEADLINE_SECONDS, 3000)
    link.open()
    calls = [Call(link, asks.invoke("f", ["x" * (number % 500)], {}, None)) for number in range(3000)]
    for call in calls:
        link.send(call)  # which nobody reads yet
    with theirs, theirs.makefile("rwb") as file:
        for number, call in enumerate(calls):
            request = json.loads(file.readline())
            assert request["params"]["params"] == ["x" * (number % 500)]
            file.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": number}).encode() + b"\n")
            file.flush()
            assert call.result(DEADLINE_SECONDS) == number
        assert not link._out
        assert link._out_bytes == 0
        link.close()


def test_requests_to_a_supervisor_that_does_not_read_take_bounded_memory() -> None:
    ours, theirs = socket.socketpair()
    link = Link(lambda: ours, DEADLINE_SECONDS, 1_000_000)
    link.open()
    while link.send_at_once(Call(link, asks.invoke("f", ["x" * 100_000], {}, None))):
        with link._lock:
            assert link._out_bytes < 5_000_000
            assert link._out_bytes == sum(len(frame) for frame, _ in link._out)
    link.close()
    theirs.close()
