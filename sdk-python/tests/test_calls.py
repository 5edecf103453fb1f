"""What a call is answered with, over real pipes."""

import json
from collections.abc import Callable

import pytest

from runner_process import Gate, RunnerProcess

Start = Callable[[str], RunnerProcess]


def test_a_plain_function_is_called_with_an_array_an_object_or_nothing(start: Start) -> None:
    worker = start("def greet(person='you', greeting='hi'): return f'{greeting} {person}'")
    assert worker.call("greet", "Winfred") == "hi Winfred"
    assert worker.call("greet", greeting="hello", person="Ted") == "hello Ted"
    assert worker.call("greet") == "hi you"
    worker.send({"jsonrpc": "2.0", "id": "x", "method": "greet"})
    assert worker.receive() == {"jsonrpc": "2.0", "id": "x", "result": "hi you"}


def test_arguments_that_do_not_fit_are_invalid_params_and_the_function_does_not_run(start: Start) -> None:
    worker = start("def add(a, b):\n    print('ran')\n    return a + b")
    error = worker.error("add", 1)
    assert error["code"] == -32602
    assert error["message"] == "add(a, b): missing a required argument: 'b'"
    assert worker.error("add", a=1, b=2, c=3)["code"] == -32602
    worker.close_stdin()
    worker.wait()
    assert worker.log() == ""


def test_a_type_error_inside_the_function_is_the_functions_own(start: Start) -> None:
    error = start("def add(a, b): return a + b").error("add", 1, "x")
    assert (error["code"], error["data"]["type"]) == (1, "TypeError")


def test_the_stack_of_an_exception_begins_in_the_users_file(start: Start) -> None:
    error = start("def outer():\n    inner()\ndef inner():\n    raise LookupError('no such user')").error("outer")
    lines = error["data"]["stack"].splitlines()
    assert lines[1].endswith('tasks.py", line 2, in outer')
    assert lines[-1] == "LookupError: no such user"
    assert error["message"] == "no such user"


def test_the_errors_that_steer_a_job_arrive(start: Start) -> None:
    worker = start(
        """
        import whipper
        def gone(): raise whipper.PermanentError("gone")
        def later(): raise whipper.SnoozeError(2500)
        """
    )
    assert worker.error("gone")["data"]["retryable"] is False
    assert worker.error("later")["data"]["snoozeMs"] == 2500


def test_an_unknown_method_is_answered_with_those_there_are(start: Start) -> None:
    error = start("def b(): pass\ndef a(): pass\ndef _c(): pass").error("_c")
    assert error["code"] == -32601
    assert error["data"] == {"type": "MethodNotFoundError", "methods": ["a", "b"]}


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("b'x'", "is of type bytes"),
        ("{'score': float('nan')}", "the value at ['score'] is nan"),
        ("[float('inf')]", "the value at [0] is inf"),
        ("(i for i in [])", "is of type generator"),
        ("object()", "is of type object"),
    ],
)
def test_a_result_without_a_form_in_json_is_an_error_that_names_it(start: Start, expression: str, words: str) -> None:
    worker = start(f"def make(): return {expression}\ndef ok(): return 1")
    error = worker.error("make")
    assert (error["code"], error["data"]["type"]) == (1, "TypeError")
    assert words in error["message"]
    assert worker.call("ok") == 1


def test_big_integers_and_lone_surrogates_make_the_round_trip(start: Start) -> None:
    worker = start("def echo(x): return x")
    assert worker.call("echo", 2**200) == 2**200
    worker.request(1, "echo", "\ud800 and grüße")
    line = worker.receive_line()
    assert json.loads(line.decode("utf-8", "strict"))["result"] == "\ud800 and grüße"


def test_input_that_is_nested_too_deeply_is_answered_under_its_id(start: Start) -> None:
    worker = start("def echo(x): return x")
    depth = 100_000
    params = b"[" * depth + b"]" * depth
    worker.send_bytes(b'{"jsonrpc":"2.0","id":9,"method":"echo","params":' + params + b"}\n")
    answer = worker.receive()
    assert (answer["id"], answer["error"]["code"]) == (9, -32700)
    assert worker.call("echo", 1) == 1


def test_a_frame_over_the_limit_is_refused_and_the_worker_lives_on(start: Start) -> None:
    worker = start("def size(x): return len(x)")
    worker.request(1, "size", "x" * (16 * 1024 * 1024))
    answer = worker.receive()
    assert (answer["id"], answer["error"]["code"]) == (1, 1009)
    assert worker.call("size", "x" * (15 * 1024 * 1024)) == 15 * 1024 * 1024


def test_a_result_over_the_limit_is_an_error_that_gives_its_size(start: Start) -> None:
    worker = start("def make(size): return 'x' * size")
    error = worker.error("make", 16 * 1024 * 1024)
    assert (error["code"], error["data"]["type"]) == (1009, "MessageTooLargeError")
    assert worker.call("make", 15 * 1024 * 1024) == "x" * (15 * 1024 * 1024)


def test_an_exception_over_the_limit_is_an_error_too(start: Start) -> None:
    error = start("def fail(size): raise ValueError('x' * size)").error("fail", 16 * 1024 * 1024)
    assert error["code"] == 1009


def test_a_notification_runs_and_is_not_answered_but_its_exception_is_logged(start: Start) -> None:
    worker = start("def fail(): raise LookupError('nobody asked')\ndef ok(): return 1")
    worker.notify("fail")
    worker.notify("missing")
    worker.notify("ok", too="many")
    assert worker.call("ok") == 1
    worker.wait_for_log("LookupError: nobody asked")


def test_answers_come_in_the_order_of_the_calls_and_before_the_next_one_begins(start: Start, gate: Gate) -> None:
    worker = start(
        f"""
        def quick(): return 1
        def gated():
            with open({gate.path!r}) as gate:
                return gate.readline()
        """
    )
    worker.send(
        {"jsonrpc": "2.0", "id": 1, "method": "quick"},
        {"jsonrpc": "2.0", "id": 2, "method": "gated"},
        {"jsonrpc": "2.0", "id": 3, "method": "quick"},
    )
    assert worker.receive()["id"] == 1  # while 2 is held at the gate
    gate.open()
    assert worker.receive() == {"jsonrpc": "2.0", "id": 2, "result": "open\n"}
    assert worker.receive()["id"] == 3


def test_a_thousand_calls_in_one_write_are_all_answered(start: Start) -> None:
    worker = start("def echo(x): return x")
    worker.send(*({"jsonrpc": "2.0", "id": i, "method": "echo", "params": [i]} for i in range(1, 1001)))
    assert [worker.receive()["result"] for _ in range(1000)] == list(range(1, 1001))
