"""The protocol core, without I/O."""

import json

import whipper
from whipper.client.exchange import Answered, Exchange, Happened, Told, Unreadable


def asked(exchange: Exchange[str], request: str = "r") -> int:
    id, frame = exchange.ask("job.invoke", b'{"method":"f"}', request)
    assert json.loads(frame) == {"jsonrpc": "2.0", "id": id, "method": "job.invoke", "params": {"method": "f"}}
    assert frame.endswith(b"}\n")
    return id


def line(**members: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **members}).encode() + b"\n"


def test_answers_find_their_requests_in_any_order_and_in_any_pieces() -> None:
    exchange: Exchange[str] = Exchange()
    first, second = asked(exchange, "first"), asked(exchange, "second")
    stream = line(id=second, result=2) + line(id=first, result=1, meta={"job": 7, "worker": "w1", "attempts": 1})
    messages = [message for byte in stream for message in exchange.receive(bytes([byte]))]
    assert [(m.request, m.result) for m in messages if isinstance(m, Answered)] == [("second", 2), ("first", 1)]
    assert isinstance(messages[1], Answered)
    assert messages[1].meta == whipper.Meta(job=7, worker="w1", attempts=1)
    assert exchange.lost() == []


def test_an_error_is_the_workers_or_whippers_as_its_meta_says() -> None:
    exchange: Exchange[str] = Exchange()
    error = {"code": 1002, "message": "no", "data": {"type": "Late"}}
    for source, kind in (("worker", whipper.RemoteError), ("whipper", whipper.TimeoutError)):
        [message] = exchange.receive(line(id=asked(exchange), error=error, meta={"job": 3, "errorSource": source}))
        assert isinstance(message, Answered)
        assert type(message.error) is kind
        assert (message.error.job, message.error.source, message.error.type) == (3, source, "Late")


def test_a_second_answer_and_one_to_a_request_never_made_are_nobodys() -> None:
    exchange: Exchange[str] = Exchange()
    id = asked(exchange)
    assert len(exchange.receive(line(id=id, result=1) + line(id=id, result=2) + line(id=99, result=3))) == 1


def test_progress_and_events_are_told_and_other_notifications_are_not() -> None:
    exchange: Exchange[str] = Exchange()
    id = asked(exchange)
    told, happened = exchange.receive(
        line(method="$/progress", params={"id": id, "job": 4, "value": [1]})
        + line(method="event", params={"subscription": 2, "type": "x"})
        + line(method="$/progress", params={"id": 99, "job": 4, "value": 1})
        + line(method="$/new", params={})
        + b"\n"
    )
    assert told == Told("r", 4, [1])
    assert happened == Happened(2, {"subscription": 2, "type": "x"})


def test_what_cannot_be_read_is_said_for_somebody_may_wait_for_it() -> None:
    texts = {
        b"{\n": "what is no message: Expecting property name",
        b"[1]\n": "it is not an object",
        b"\xff\n": "what is no message",
        line(id=None, error={"code": -32700, "message": "parse error"}): "an error: parse error",
        line(id="x", result=1): "an answer without an id",
    }
    for frame, text in texts.items():
        [message] = Exchange[str]().receive(frame)
        assert isinstance(message, Unreadable)
        assert text in message.why


def test_an_answer_that_python_does_not_read_is_its_own_requests_error() -> None:
    exchange: Exchange[str] = Exchange()
    for result in (b"1" * 5000, b"[" * 100_000 + b"]" * 100_000):
        [message] = exchange.receive(b'{"jsonrpc":"2.0","id":%d,"result":%b}\n' % (asked(exchange), result))
        assert isinstance(message, Answered)
        assert type(message.error) is whipper.CallError
        assert str(message.error).startswith("the answer cannot be read: ")


def test_a_request_is_cancelled_as_long_as_it_has_no_answer() -> None:
    exchange: Exchange[str] = Exchange()
    id = asked(exchange)
    assert exchange.cancel(id) == line(method="$/cancelRequest", params={"id": id}).replace(b" ", b"")
    exchange.receive(line(id=id, result=1))
    assert exchange.cancel(id) is None


def test_what_a_lost_connection_had_begun_to_send_is_forgotten_and_ids_go_on() -> None:
    exchange: Exchange[str] = Exchange()
    first = asked(exchange)
    exchange.receive(b'{"jsonrpc":')
    assert exchange.lost() == ["r"]
    second = asked(exchange)
    assert second > first
    assert len(exchange.receive(line(id=second, result=1))) == 1
