"""What a history consists of, and how it is shown, saved, loaded and checked again."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pmcp_conformance.history import load, save, timeline
from support.brute_force import random_histories
from support.histories import ANOMALIES, CREATED, op


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"kind": "get"}, "rwid is missing"),
        ({"kind": "list"}, "kind must be one of get, create, put, cas, delete, not 'list'"),
        ({"status": "absent"}, "status of a create must be one of ok, exists, unknown"),
        ({"ret": None}, "ret is missing, but the status is 'ok'"),
        ({"ret": -1}, "ret -1 is before call 0"),
        ({"version": None}, "version is missing, which a create that ends ok has"),
        ({"kind": "cas", "expected": 0}, "expected must be at least 1, not 0"),
        ({"wid": None}, "wid is missing"),
    ],
)
def test_operation_that_cannot_be_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        replace(CREATED, **fields)


def test_operation_of_a_wrong_type_is_refused() -> None:
    with pytest.raises(TypeError, match="version must be int, not str"):
        replace(CREATED, version="1")  # type: ignore[arg-type]


def test_timeline_shows_who_did_what_and_when() -> None:
    history = [
        op(2, "cas", 2_000_000, 5_500_000, expected=1, version=2),
        op(3, "cas", 3_000_000, 6_000_000, "conflict", expected=1, version=2),
        op(4, "put", 4_000_000, None, "unknown"),
        op(5, "get", 7_000_000, 7_000_000, version=2, read="w2"),
    ]
    assert timeline(reversed(history)).splitlines() == [
        "   0.000 to    3.500 ms  client 2  cas 1 -> w2  ok, version 2        |--------|",
        "   1.000 to    4.000 ms  client 3  cas 1 -> w3  conflict, version 2     |--------|",
        "   2.000 to        ? ms  client 4  put w4       unknown                    |------------?",
        "   5.000 to    5.000 ms  client 5  get          version 2, w2                       |",
    ]


def test_timeline_of_nothing() -> None:
    assert timeline([]) == "(no operations)"


def test_saved_history_is_loaded_unchanged(tmp_path: Path) -> None:
    history = [operation for few in random_histories(2, 50, 8) for operation in few]
    history.append(replace(CREATED, key="line\u2028separator\n\U0001f600"))
    save(tmp_path / "history.jsonl", history)
    assert load(tmp_path / "history.jsonl") == history


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("[]", "line 2: an operation is a JSON object, not list"),
        ("{", "line 2: Expecting property name"),
        ('{"client": 1}', "line 2: .*missing .* 'key'"),
        ('{"colour": 1}', "line 2: .*unexpected keyword argument 'colour'"),
        (
            '{"client":1,"key":"k","kind":"put","status":"ok","call":"0"}',
            "line 2: call must be int",
        ),
    ],
)
def test_file_that_is_no_history_is_refused_by_line(
    tmp_path: Path, line: str, problem: str
) -> None:
    path = tmp_path / "history.jsonl"
    save(path, [CREATED])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ValueError, match=problem):
        load(path)


def run_command(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pmcp_conformance.history", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_command_accepts_a_linearizable_history(tmp_path: Path) -> None:
    save(tmp_path / "h.jsonl", [CREATED])
    result = run_command(tmp_path / "h.jsonl")
    assert (result.returncode, result.stdout) == (0, "LINEARIZABLE: operations 1, keys 1\n")


def test_command_shows_an_anomaly(tmp_path: Path) -> None:
    save(tmp_path / "h.jsonl", ANOMALIES["stale read"][1])
    result = run_command(tmp_path / "h.jsonl")
    assert result.returncode == 1
    assert result.stdout.startswith("NOT LINEARIZABLE: key 'k'\nstale read: ")
    assert timeline(ANOMALIES["stale read"][1][1:]) in result.stdout


@pytest.mark.parametrize(("text", "problem"), [("", "no operations"), ("{}\n", "line 1")])
def test_command_refuses_what_is_no_history(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "h.jsonl"
    path.write_text(text)
    result = run_command(path)
    assert result.returncode == 2
    assert problem in result.stderr
    assert run_command(tmp_path / "absent.jsonl").returncode == 2
