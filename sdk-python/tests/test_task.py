from typing import Any
from unittest.mock import Mock

import pytest

import whipper
from whipper.task import is_task, task_name


def test_task_returns_the_function_itself_marked() -> None:
    def resize() -> None: ...

    assert whipper.task(resize) is resize
    assert is_task(resize)
    assert task_name(resize) is None


def test_task_takes_a_name() -> None:
    @whipper.task(name="images.resize")
    def resize() -> None: ...

    assert task_name(resize) == "images.resize"


def test_options_that_task_does_not_know_are_refused() -> None:
    with pytest.raises(TypeError):
        whipper.task(retries=3)  # type: ignore[call-overload]


@pytest.mark.parametrize("name", ["", "$/ping"])
def test_a_name_that_cannot_be_called_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="task name"):
        whipper.task(name=name)


@pytest.mark.parametrize("thing", [int, "resize", 3])
def test_only_functions_can_be_marked(thing: Any) -> None:
    with pytest.raises(TypeError):
        whipper.task(thing)


def test_an_object_that_answers_to_every_attribute_is_not_marked() -> None:
    assert not is_task(Mock())


def test_the_package_exports_what_it_says() -> None:
    assert sorted(whipper.__all__) == whipper.__all__
    assert all(hasattr(whipper, name) for name in whipper.__all__)
