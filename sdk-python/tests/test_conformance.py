"""Replays the transcripts that every SDK replays."""

import json
from pathlib import Path
from typing import Any

import pytest

from runner_process import RunnerProcess

CONFORMANCE = Path(__file__).parents[2] / "conformance"
TRANSCRIPTS = sorted((CONFORMANCE / "worker").glob("*.jsonl"))


def matches(actual: Any, expected: Any) -> bool:
    if expected == "*":
        return True
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(
            name in actual and matches(actual[name], value) for name, value in expected.items()
        )
    if isinstance(expected, list):
        return isinstance(actual, list) and len(actual) == len(expected) and all(map(matches, actual, expected))
    return type(actual) is type(expected) and bool(actual == expected)


def test_there_are_transcripts() -> None:
    assert TRANSCRIPTS


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_runner_keeps_to_the_transcript(transcript: Path) -> None:
    head, *lines = [json.loads(line) for line in transcript.read_text().splitlines()]
    with RunnerProcess(CONFORMANCE / "fixtures" / f"{head['fixture']}.py") as worker:
        for number, line in enumerate(lines, 2):
            if "to" in line:
                text = line["to"] if isinstance(line["to"], str) else json.dumps(line["to"])
                worker.send_bytes(text.encode() + b"\n")
            else:
                answer = json.loads(worker.receive_line())
                assert matches(answer, line["from"]), f"line {number}: {answer}"
        worker.close_stdin()
        assert worker.rest() == b""
        assert worker.wait() == 0
