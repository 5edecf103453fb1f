"""Records of logging on the wire."""

import logging
import sys
from collections.abc import Callable

import pytest

import whipper
from runner_process import RunnerProcess

Start = Callable[[str], RunnerProcess]


def test_records_are_sent_with_level_logger_extras_and_call(start: Start) -> None:
    worker = start(
        """
        import logging
        log = logging.getLogger("images")
        def work():
            log.warning("resized %s", "a.png", extra={"width": 100, "odd": {1}})
            return 1
        """
    )
    worker.request(3, "work")
    assert worker.receive() == {
        "jsonrpc": "2.0",
        "method": "$/log",
        "params": {
            "level": "warn",
            "message": "resized a.png",
            "id": 3,
            "attributes": {"logger": "images", "width": 100, "odd": "{1}"},
        },
    }
    assert worker.receive()["result"] == 1


def test_levels_are_those_of_the_protocol_and_a_traceback_is_an_attribute(start: Start) -> None:
    worker = start(
        """
        import logging
        async def work():
            logging.getLogger().setLevel(1)
            for level in (5, logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
                logging.log(level, "x")
            try: 1 / 0
            except ZeroDivisionError: logging.exception("caught")
        """
    )
    worker.request(1, "work")
    levels = [worker.receive()["params"]["level"] for _ in range(6)]
    assert levels == ["debug", "debug", "info", "warn", "error", "error"]
    caught = worker.receive()["params"]
    assert caught["message"] == "caught"
    assert caught["attributes"]["stack"].endswith("ZeroDivisionError: division by zero")


def test_a_level_may_be_set_as_is_usual(start: Start) -> None:
    worker = start("import logging\nlogging.basicConfig(level=logging.INFO)\ndef work(): logging.info('informed')")
    worker.request(1, "work")
    assert worker.receive()["params"]["message"] == "informed"


def test_handlers_of_the_scripts_own_are_left_alone(start: Start) -> None:
    worker = start(
        """
        import logging
        logging.basicConfig(level=logging.INFO, format="mine: %(message)s")
        def work(): logging.info("to stderr")
        """
    )
    assert worker.call("work") is None
    worker.wait_for_log("mine: to stderr\n")


def test_the_handler_can_be_asked_for_with_a_format(start: Start) -> None:
    worker = start(
        """
        import logging, whipper
        logging.basicConfig(level=logging.INFO, format="<%(message)s>", handlers=[whipper.LogHandler()])
        def work(): logging.info("in form")
        """
    )
    worker.request(1, "work")
    assert worker.receive()["params"]["message"] == "<in form>"


def test_a_logger_that_is_loaded_while_a_function_runs_is_heard_from_the_next_call_on(start: Start) -> None:
    worker = start("def work():\n    import logging\n    logging.error('late')")
    assert worker.call("work") is None
    worker.wait_for_log("late")
    worker.request(1, "work")
    assert worker.receive()["params"]["message"] == "late"


def test_a_long_record_is_cut_and_one_in_a_forked_child_goes_to_stderr(start: Start) -> None:
    worker = start(
        """
        import logging, os
        def long(): logging.error("x" * 100_000)
        def fork():
            child = os.fork()
            if child == 0:
                logging.error("from the child")
                os._exit(0)
            os.waitpid(child, 0)
        """
    )
    worker.request(1, "long")
    assert len(worker.receive()["params"]["message"]) == 64 * 1024
    assert worker.receive()["result"] is None
    assert worker.call("fork") is None
    worker.wait_for_log("from the child\n")


def test_a_record_of_a_finalizer_does_not_tear_a_frame(start: Start) -> None:
    worker = start(
        """
        import gc, logging
        class Noisy:
            def __init__(self): self.me = self
            def __del__(self): logging.error("collected")
        def work(n):
            for _ in range(n): Noisy()
            return "x" * 100_000
        gc.set_threshold(50)
        """
    )
    for id in range(1, 21):
        worker.request(id, "work", 100)
    results = 0
    while results < 20:
        results += worker.receive().get("result") is not None
    assert results == 20


def test_outside_of_a_worker_records_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    handler = whipper.LogHandler()
    handler.emit(logging.LogRecord("a", logging.INFO, __file__, 1, "plain %s", ("text",), None))
    print(file=sys.stderr, end="")
    assert capsys.readouterr().err == "plain text\n"
