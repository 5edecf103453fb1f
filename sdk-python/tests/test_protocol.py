import pytest

from whipper import protocol
from whipper.protocol import Fault, Framer, Request, TooLarge, parse


def test_frames_come_out_whole_however_the_stream_is_cut() -> None:
    stream = b'{"a":1}\n\n{"b":"\xc3\xbc"}\n{"c":'
    for size in range(1, len(stream) + 1):
        framer = Framer()
        frames = [f for at in range(0, len(stream), size) for f in framer.feed(stream[at : at + size])]
        assert frames == [b'{"a":1}', b"", b'{"b":"\xc3\xbc"}']
        assert framer.feed(b"3}\n") == [b'{"c":3}']


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_frame_over_the_limit_is_dropped_and_the_next_one_is_not(size: int) -> None:
    stream = b"x" * 11 + b"\n" + b"y" * 10 + b"\n"
    framer = Framer(limit=10)
    frames = [f for at in range(0, len(stream), size) for f in framer.feed(stream[at : at + size])]
    assert frames == [TooLarge(b"x" * 11), b"y" * 10]


def test_a_frame_without_end_does_not_grow_memory() -> None:
    framer = Framer(limit=1000)
    for _ in range(1000):
        assert framer.feed(b"x" * 1000) == []
    assert len(framer._begun) < 1000


def test_a_frame_that_is_too_large_is_answered_under_its_own_id() -> None:
    fault = parse(TooLarge(b'{"jsonrpc":"2.0","id":7,"method":"f","params":["' + b"x" * 100))
    assert isinstance(fault, Fault)
    assert (fault.id, fault.code, fault.type) == (7, protocol.MESSAGE_TOO_LARGE, "MessageTooLargeError")


@pytest.mark.parametrize(
    ("head", "id"),
    [
        (b'{"jsonrpc":"2.0","id":"a b","method"', "a b"),
        (b' { "jsonrpc" : "2.0" , "id" : -3 , "method"', -3),
        (b'{"jsonrpc":"2.0","id":12', None),  # the number may go on
        (b'{"jsonrpc":"2.0","id":1.5,"method"', None),
        (b'{"method":"f","id":7,', None),  # not where it is sure to be the message's own
        (b'{"jsonrpc":"2.0","id":"\xff","method"', None),
        (b"", None),
    ],
)
def test_an_id_is_found_at_the_beginning_of_a_frame_or_not_at_all(head: bytes, id: object) -> None:
    fault = parse(TooLarge(head))
    assert isinstance(fault, Fault)
    assert fault.id == id


@pytest.mark.parametrize("params", ["[1,2]", '{"a":1}', "[]", "{}"])
def test_a_request_is_read(params: str) -> None:
    message = parse(b'{"jsonrpc":"2.0","id":7,"method":"f","params":%b,"meta":{"job":1}}' % params.encode())
    assert isinstance(message, Request)
    assert (message.id, message.method) == (7, "f")
    assert message.params in ([1, 2], {"a": 1}, [], {})


def test_params_may_be_absent_or_null() -> None:
    assert parse(b'{"jsonrpc":"2.0","id":"x","method":"f"}') == Request("x", "f", None)
    assert parse(b'{"jsonrpc":"2.0","method":"f","params":null}\r') == Request(None, "f", None)


@pytest.mark.parametrize("frame", [b"", b"  \t", b'{"jsonrpc":"2.0","id":7,"result":1}', b'{"id":null,"error":{}}'])
def test_what_asks_for_nothing_gets_no_answer(frame: bytes) -> None:
    assert parse(frame) is None


@pytest.mark.parametrize(
    ("frame", "id", "code"),
    [
        (b"hello", None, protocol.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":7,"method":"f"', None, protocol.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":7,"method":"\xff"}', None, protocol.PARSE_ERROR),
        (b"\xef\xbb\xbf{}", None, protocol.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":7,"method":"f","params":[NaN]}', 7, protocol.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":7,"method":"f","params":[%b]}' % (b"9" * 5000), 7, protocol.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":7,"method":"f","params":%b}' % (b"[" * 100_000), 7, protocol.PARSE_ERROR),
        (b"[" * 100_000, None, protocol.PARSE_ERROR),
        (b"7", None, protocol.INVALID_REQUEST),
        (b"[]", None, protocol.INVALID_REQUEST),
        (b"{}", None, protocol.INVALID_REQUEST),
        (b'{"id":7,"method":"f"}', 7, protocol.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":7,"method":["f"]}', 7, protocol.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":null,"method":"f"}', None, protocol.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"f"}', None, protocol.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":true,"method":"f"}', None, protocol.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":{},"method":"f"}', None, protocol.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":7,"method":"f","params":"x"}', 7, protocol.INVALID_PARAMS),
    ],
)
def test_what_is_no_message_becomes_a_fault(frame: bytes, id: object, code: int) -> None:
    fault = parse(frame)
    assert isinstance(fault, Fault)
    assert (fault.id, fault.code) == (id, code)


def test_answers_are_single_lines_of_utf8() -> None:
    assert protocol.result_frame(7, ["ü\n"]) == '{"jsonrpc":"2.0","id":7,"result":["ü\\n"]}\n'.encode()
    assert protocol.error_frame("ü", {"code": 1}) == '{"jsonrpc":"2.0","id":"ü","error":{"code":1}}\n'.encode()
    assert protocol.error_frame(None, {"code": 1}) == b'{"jsonrpc":"2.0","id":null,"error":{"code":1}}\n'
    assert protocol.result_frame(2**70, None) == b'{"jsonrpc":"2.0","id":%d,"result":null}\n' % 2**70
