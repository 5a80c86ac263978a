"""docs/driver-protocol.transcript.jsonl, and replaying it to a driver."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "driver-protocol.transcript.jsonl"


class Exchange(NamedTuple):
    send: dict[str, Any]
    expect: dict[str, Any]


def exchanges() -> list[Exchange]:
    lines = [json.loads(line) for line in PAGE.read_text(encoding="utf-8").splitlines()]
    pairs = zip(lines[::2], lines[1::2], strict=True)
    return [Exchange(sent["send"], expected["expect"]) for sent, expected in pairs]


def replay(command: Sequence[str], environment: dict[str, str]) -> Iterator[str]:
    """Send the requests to a driver one by one; yields what is wrong with its answers."""
    program = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    )
    handle = ""
    with program:
        assert program.stdin is not None
        assert program.stdout is not None
        for send, expect in exchanges():
            program.stdin.write(json.dumps(send).replace('"$handle"', json.dumps(handle)) + "\n")
            program.stdin.flush()
            answer = json.loads(program.stdout.readline())
            handle = answer.get("result", {}).get("handle", handle)
            if not is_like(answer, expect):
                yield f"to {send['method']} it answered {answer}, not {expect}"


def is_like(found: Any, expected: Any) -> bool:
    """Whether all that is expected is there: `"*"` is like anything."""
    if expected == "*":
        return True
    if isinstance(expected, dict):
        if not isinstance(found, dict) or not found.keys() >= expected.keys():
            return False
        return all(
            json.loads(found[name]) == json.loads(value)
            if name == "record"
            else is_like(found[name], value)
            for name, value in expected.items()
        )
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(is_like, found, expected))
    return bool(found == expected)
