from typing import Any

import pytest

from whipper import PermanentError, SnoozeError, errors, json_text


def raised(exception: BaseException) -> dict[str, Any]:
    try:
        raise exception
    except BaseException as caught:
        return errors.thrown(caught)


def test_an_exception_becomes_code_1_with_message_type_and_stack() -> None:
    error = raised(ValueError("boom"))
    assert (error["code"], error["message"], error["data"]["type"]) == (1, "boom", "ValueError")
    assert error["data"]["stack"].startswith("Traceback (most recent call last):\n")
    assert error["data"]["stack"].endswith("ValueError: boom")
    assert set(error["data"]) == {"type", "stack"}


def test_an_exception_without_a_message_is_told_by_its_type() -> None:
    assert raised(KeyError())["message"] == "KeyError"


@pytest.mark.parametrize(("code", "sent"), [(404, 404), (-7, -7), ("x", 1), (True, 1), (2**63, 1), (None, 1), (1.0, 1)])
def test_an_integer_code_of_its_own_is_used(code: Any, sent: int) -> None:
    exception = RuntimeError("boom")
    exception.code = code  # type: ignore[attr-defined]
    assert raised(exception)["code"] == sent


def test_public_attributes_become_fields_as_far_as_json_has_a_form_for_them() -> None:
    exception = RuntimeError("boom")
    exception.__dict__.update(user=7, tags=["a"], _secret=1, lock=object(), ratio=float("nan"), code=5)
    assert raised(exception)["data"]["fields"] == {"user": 7, "tags": ["a"]}


def test_the_cause_is_in_the_stack() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner
    except ValueError as outer:
        stack = errors.stack(outer)
    assert "KeyError: 'inner'" in stack
    assert stack.endswith("ValueError: outer")


def test_a_recursion_without_end_gives_a_short_stack() -> None:
    def ping() -> None:
        pong()

    def pong() -> None:
        ping()

    with pytest.raises(RecursionError) as caught:
        ping()
    assert len(errors.thrown(caught.value)["data"]["stack"].splitlines()) < 200


def test_an_exception_whose_own_methods_raise_is_told_by_its_type() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

        @property
        def code(self) -> int:
            raise RuntimeError("no")

    error = raised(MuteError())
    assert error["message"] == "MuteError"
    json_text.encode(error)


def test_a_message_with_a_lone_surrogate_can_be_sent() -> None:
    json_text.encode(raised(ValueError("\ud800")))


def test_a_permanent_error_says_that_it_is_not_to_be_retried() -> None:
    class GoneError(PermanentError): ...

    assert raised(GoneError("no such user"))["data"]["retryable"] is False


def test_a_snooze_says_for_how_long() -> None:
    error = raised(SnoozeError(1500))
    assert error["data"]["snoozeMs"] == 1500
    assert error["message"] == "run again in 1500 ms"
    assert raised(SnoozeError(0, "not yet"))["message"] == "not yet"


@pytest.mark.parametrize(("ms", "error"), [(-1, ValueError), (1.5, TypeError), (True, TypeError), ("1", TypeError)])
def test_a_snooze_takes_whole_milliseconds_only(ms: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        SnoozeError(ms)
