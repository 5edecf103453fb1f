"""JSON as it goes over the wire: strict in what is written, and precise about what cannot be."""

import json
import math
from typing import Any, NoReturn


def _reject_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_reject_constant)
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def decode(text: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: It is not UTF-8 or not JSON, or holds a number with more digits than Python converts.
        RecursionError: It is nested more deeply than Python reads.
    """
    words = text.decode()
    try:
        value, end = _decoder.raw_decode(words)
    except json.JSONDecodeError:  # also for a blank at the start
        return _decoder.decode(words)
    return value if end == len(words) else _decoder.decode(words)


def encode(value: Any) -> bytes:
    """The value as JSON in UTF-8.

    Raises:
        TypeError: It has no form in JSON; the message says which part of it, and why.
    """
    try:
        text = _encode(value)
    except Exception as error:  # a subclass of dict or int can raise anything
        raise TypeError(_explain(value, error)) from None
    # UTF-8 has no form for a lone surrogate; what Python writes instead is the escape that JSON has for it.
    return text.encode(errors="backslashreplace")


def _explain(value: Any, error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "the value is nested too deeply for JSON"
    try:
        found = _culprit(value, "", 0)
    except Exception:  # the user's repr, or another method of a subclass
        found = None
    return f"the value cannot be sent as JSON: {error}" if found is None else found


def _culprit(value: Any, path: str, depth: int) -> str | None:
    """Names the first part of the value that has no form in JSON, where it is of one of the usual kinds."""
    where = f"the value at {path}" if path else "the value"
    if depth > 50:  # a circle, or nearly one: the encoder's own message is the better one
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return f"{where} is {value}, which JSON has no number for"
    if value is None or isinstance(value, str | int | float):
        return None
    if isinstance(value, dict):
        for key, item in value.items():
            if key is not None and not isinstance(key, str | int | float):
                return f"{where} has a key of type {type(key).__name__}: {_short(key)}; JSON's keys are strings"
            found = _culprit(item, f"{path}[{_short(key)}]", depth + 1)
            if found is not None:
                return found
        return None
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            found = _culprit(item, f"{path}[{index}]", depth + 1)
            if found is not None:
                return found
        return None
    return f"{where} is of type {type(value).__name__}, which JSON has no form for"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
