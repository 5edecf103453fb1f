import json
import math
from typing import Any

import pytest

from whipper import json_text


@pytest.mark.parametrize("value", [None, True, 2**200, -0.5, "grüße 🐴 \u2028", [1, [2]], {"a": {"b": []}}])
def test_what_is_encoded_decodes_to_the_same(value: Any) -> None:
    assert json_text.decode(json_text.encode(value)) == value


def test_a_lone_surrogate_is_escaped_so_that_the_text_is_utf8() -> None:
    text = json_text.encode(["ü", "\ud800"])
    assert json.loads(text.decode()) == ["ü", "\ud800"]


def test_tuples_become_arrays_and_keys_strings() -> None:
    assert json_text.encode({1: (2, 3), None: True}) == b'{"1":[2,3],"null":true}'


class Angry(dict[str, Any]):
    def items(self) -> Any:
        raise ZeroDivisionError("not you")


circle: list[Any] = []
circle.append(circle)
deep: list[Any] = []
for _ in range(100_000):
    deep = [deep]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (math.nan, "the value is nan"),
        ({"rows": [0.5, -math.inf]}, "the value at ['rows'][1] is -inf"),
        (b"x", "the value is of type bytes"),
        ([{"when": {1, 2}}], "the value at [0]['when'] is of type set"),
        ({(1, 2): 3}, "has a key of type tuple: (1, 2)"),
        (circle, "Circular"),
        (deep, "nested too deeply"),
        (10**5000, "digits"),
        (Angry(a=1), "not you"),
    ],
    ids=["nan", "infinity", "bytes", "set", "tuple key", "circle", "deep", "digits", "raises"],
)
def test_what_cannot_be_encoded_is_named(value: Any, words: str) -> None:
    with pytest.raises(TypeError) as error:
        json_text.encode(value)
    assert words in str(error.value)
