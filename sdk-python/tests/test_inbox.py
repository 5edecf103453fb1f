import json
from typing import Any

from whipper.inbox import Inbox, Received


def frame(**members: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **members}).encode() + b"\n"


def answers(received: Received) -> list[Any]:
    return [json.loads(answer) for answer in received.answers]


def test_calls_are_handed_over_in_order_and_begin_once() -> None:
    inbox = Inbox()
    received = inbox.receive(frame(id=1, method="a") + frame(id="1", method="b") + frame(method="c"))
    assert [call.method for call in received.calls] == ["a", "b", "c"]
    assert [inbox.begin(call) for call in received.calls] == [True, True, True]


def test_a_ping_is_answered_without_a_call() -> None:
    received = Inbox().receive(frame(id=1, method="$/ping"))
    assert received.calls == []
    assert answers(received) == [{"jsonrpc": "2.0", "id": 1, "result": None}]


def test_a_call_that_waits_is_cancelled_at_once_and_never_begins() -> None:
    inbox = Inbox()
    calls = inbox.receive(frame(id=1, method="a")).calls
    received = inbox.receive(frame(method="$/cancelRequest", params={"id": 1}))
    assert [answer["error"]["code"] for answer in answers(received)] == [-32800]
    assert received.cancelled == []
    assert not inbox.begin(calls[0])


def test_the_cancellation_of_a_call_under_way_is_passed_on() -> None:
    inbox = Inbox()
    inbox.begin(inbox.receive(frame(id=1, method="a")).calls[0])
    received = inbox.receive(frame(method="$/cancelRequest", params={"id": 1}))
    assert received.cancelled == [1]
    assert received.answers == []


def test_a_cancellation_that_names_no_call_is_ignored() -> None:
    for params in ({}, {"id": None}, {"id": [1]}, {"id": 1.0}, [1], None):
        received = Inbox().receive(frame(method="$/cancelRequest", params=params))
        assert (received.cancelled, received.answers, received.calls) == ([], [], [])


def test_an_id_that_is_in_use_is_refused_and_its_first_call_kept() -> None:
    inbox = Inbox()
    calls = inbox.receive(frame(id=1, method="a")).calls
    received = inbox.receive(frame(id=1, method="b"))
    assert received.calls == []
    assert [answer["error"]["code"] for answer in answers(received)] == [-32600]
    assert inbox.begin(calls[0])


def test_once_closed_it_refuses_new_calls_as_never_begun_and_lets_those_that_wait_begin() -> None:
    inbox = Inbox()
    calls = inbox.receive(frame(id=1, method="a")).calls
    inbox.close()
    received = inbox.receive(frame(id=2, method="a") + frame(method="b") + frame(id=3, method="$/ping"))
    error = {"code": 1007, "message": "the worker is shutting down", "data": {"type": "ShuttingDownError"}}
    assert received.calls == []
    assert answers(received) == [
        {"jsonrpc": "2.0", "id": 2, "error": error},
        {"jsonrpc": "2.0", "id": 3, "result": None},
    ]
    assert inbox.begin(calls[0])


def test_calls_behind_a_shutdown_are_refused_though_they_came_with_it() -> None:
    received = Inbox().receive(frame(id=1, method="a") + frame(method="$/shutdown") + frame(id=2, method="a"))
    assert [call.id for call in received.calls] == [1]
    assert [(answer["id"], answer["error"]["code"]) for answer in answers(received)] == [(2, 1007)]


def test_a_call_that_waits_is_refused_once() -> None:
    inbox = Inbox()
    calls = inbox.receive(frame(id=1, method="a") + frame(method="b")).calls
    assert [inbox.refuse(call) is not None for call in (*calls, calls[0])] == [True, False, False]
    assert not inbox.begin(calls[0])


def test_a_shutdown_is_noticed() -> None:
    assert Inbox().receive(frame(method="$/shutdown")).shutdown
    assert not Inbox().receive(frame(id=1, method="$/shutdown")).shutdown
