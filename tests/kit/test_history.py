"""The linearizability checker: verdicts, reasons, witnesses, and saved histories."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pmcp_conformance.history import Operation, Undecided, Violation, check, load, save, timeline
from support.brute_force import Shape, disagreement, good_history, is_linearizable, random_histories


def op(
    client: int,
    kind: str,
    call: int,
    ret: int | None,
    status: str = "ok",
    *,
    expected: int | None = None,
    version: int | None = None,
    read: str | None = None,
) -> Operation:
    """An operation on the key "k"; what it writes has the id w<client>."""
    wid = f"w{client}" if kind in ("create", "put", "cas") else None
    return Operation(client, "k", kind, status, call, ret, expected, version, wid, read)


CREATED = op(1, "create", 0, 1, version=1)

ANOMALIES: dict[str, tuple[str, list[Operation], set[int]]] = {
    "lost update": (
        "lost update",
        [
            CREATED,
            op(2, "cas", 2, 5, expected=1, version=2),
            op(3, "cas", 3, 6, expected=1, version=2),
        ],
        {2, 3},
    ),
    "lost update by put": (
        "lost update",
        [CREATED, op(2, "cas", 2, 5, expected=1, version=2), op(3, "put", 3, 6, version=2)],
        {2, 3},
    ),
    "stale read": (
        "stale read",
        [CREATED, op(2, "put", 2, 3, version=2), op(3, "get", 4, 5, version=1, read="w1")],
        {2, 3},
    ),
    "stale refusal": (
        "stale read",
        [
            CREATED,
            op(2, "put", 2, 3, version=2),
            op(3, "put", 4, 5, version=3),
            op(4, "cas", 6, 7, "conflict", expected=1, version=2),
        ],
        {3, 4},
    ),
    "acknowledged creation not there": (
        "stale read",
        [CREATED, op(2, "get", 2, 3, "absent")],
        {1, 2},
    ),
    "read goes back": (
        "stale read",
        [
            CREATED,
            op(2, "put", 2, 9, version=2),
            op(3, "get", 3, 4, version=2, read="w2"),
            op(4, "get", 5, 6, version=1, read="w1"),
        ],
        {3, 4},
    ),
    "read from the future": (
        "read from the future",
        [CREATED, op(2, "get", 2, 3, version=2, read="w3"), op(3, "put", 4, 5, version=2)],
        {2, 3},
    ),
    "phantom": (
        "phantom",
        [CREATED, op(2, "get", 2, 3, version=1, read="nobody's")],
        {2},
    ),
    "dirty read": (
        "dirty read",
        [
            CREATED,
            op(2, "put", 2, 3, version=2),
            op(3, "cas", 4, 7, "conflict", expected=1, version=2),
            op(4, "get", 5, 6, version=3, read="w3"),
        ],
        {3, 4},
    ),
    "torn read": (
        "torn read",
        [CREATED, op(2, "put", 2, 5, version=2), op(3, "get", 3, 4, version=1, read="w2")],
        {2, 3},
    ),
    "version skipped": (
        "version skipped",
        [CREATED, op(2, "put", 2, 3, version=3)],
        {1, 2},
    ),
    "double increment of an acknowledged write": (
        "double increment",
        [CREATED, op(2, "put", 2, 7, version=3), op(3, "get", 3, 4, version=2, read="w2")],
        {2, 3},
    ),
    "double increment of an unknown write": (
        "double increment",
        [
            CREATED,
            op(2, "put", 2, None, "unknown"),
            op(3, "get", 3, 4, version=2, read="w2"),
            op(4, "get", 5, 6, version=3, read="w2"),
        ],
        {3, 4},
    ),
    "two creates": (
        "two creates",
        [op(1, "create", 0, 3, version=1), op(2, "create", 1, 4, version=1)],
        {1, 2},
    ),
    "create returns another version": (
        "wrong version",
        [op(1, "create", 0, 3, version=2)],
        {1},
    ),
    "cas skips": (
        "wrong version",
        [CREATED, op(2, "cas", 2, 3, expected=1, version=3)],
        {2},
    ),
    "version zero": (
        "wrong version",
        [op(1, "put", 0, 1, version=0)],
        {1},
    ),
    "refused over the expected version": (
        "false conflict",
        [CREATED, op(2, "cas", 2, 3, "conflict", expected=1, version=1)],
        {2},
    ),
    "create refused before there was a record": (
        "false refusal",
        [op(2, "create", 0, 1, "exists"), op(3, "create", 2, 3, version=1)],
        {2, 3},
    ),
    "versions against time": (
        "wrong order",
        [
            CREATED,
            op(2, "put", 2, 3, version=3),
            op(3, "put", 4, 5, version=2),
            op(4, "put", 2, None, "unknown"),
        ],
        {2, 3},
    ),
}

DELETE_ANOMALIES: dict[str, tuple[str, list[Operation], set[int]]] = {
    "two deletes": (
        "two deletes",
        [CREATED, op(2, "delete", 2, 5), op(3, "delete", 3, 6)],
        {2, 3},
    ),
    "delete of nothing": (
        "phantom delete",
        [op(1, "delete", 0, 1)],
        {1},
    ),
    "cas accepted after the delete": (
        "resurrected record",
        [CREATED, op(2, "delete", 2, 3), op(3, "cas", 4, 5, expected=1, version=2)],
        {2, 3},
    ),
    "the cas that lost the race to the delete is read": (
        "resurrected record",
        [
            CREATED,
            op(2, "delete", 2, 5),
            op(3, "cas", 3, 6, expected=1, version=2),
            op(4, "get", 7, 8, version=2, read="w3"),
        ],
        {2, 4},
    ),
    "the delete finds nothing, and another removes the record": (
        "lost record",
        [CREATED, op(2, "delete", 2, 3, "absent"), op(3, "delete", 4, 5)],
        {1, 2},
    ),
    "read after the delete": (
        "resurrected record",
        [CREATED, op(2, "delete", 2, 3), op(3, "get", 4, 5, version=1, read="w1")],
        {2, 3},
    ),
    "conflict after the delete": (
        "resurrected record",
        [CREATED, op(2, "delete", 2, 3), op(3, "cas", 4, 5, "conflict", expected=7, version=1)],
        {2, 3},
    ),
    "version goes on after the delete": (
        "resurrected record",
        [CREATED, op(2, "delete", 2, 3), op(3, "put", 4, 5, version=2)],
        {2, 3},
    ),
    "create refused after the delete": (
        "false refusal",
        [CREATED, op(2, "delete", 2, 3), op(3, "create", 4, 5, "exists")],
        {2, 3},
    ),
    "create refused after a read of nothing": (
        "false refusal",
        [
            CREATED,
            op(2, "delete", 2, 3),
            op(3, "get", 4, 5, "absent"),
            op(4, "create", 6, 7, "exists"),
        ],
        {3, 4},
    ),
    "read before the write, in a life before": (
        "read from the future",
        [
            CREATED,
            op(2, "delete", 2, 3),
            op(3, "get", 4, 5, version=1, read="w4"),
            op(4, "create", 6, 7, version=1),
        ],
        {3, 4},
    ),
    "refused without a word over the expected version": (
        "false conflict",
        [CREATED, op(2, "cas", 2, 3, "conflict", expected=1)],
        {2},
    ),
}


def assert_found(history: Sequence[Operation], reason: str, clients: set[int]) -> None:
    verdict = check(history)
    assert isinstance(verdict, Violation)
    assert verdict.reason.split(":")[0] == reason
    assert {operation.client for operation in verdict.operations} == clients
    assert not is_linearizable(history)


@pytest.mark.parametrize(
    ("reason", "history", "clients"),
    [*ANOMALIES.values(), *DELETE_ANOMALIES.values()],
    ids=[*ANOMALIES, *DELETE_ANOMALIES],
)
def test_anomaly_is_named_and_shown_by_the_few_that_contradict(
    reason: str, history: list[Operation], clients: set[int]
) -> None:
    assert_found(history, reason, clients)


FORMER_LIFE = [op(91, "create", -9, -8, version=1), op(92, "delete", -7, -6)]
LATER_LIFE = [op(93, "delete", 20, 21), op(94, "create", 22, 23, version=1)]


@pytest.mark.parametrize("anomaly", ANOMALIES)
def test_anomaly_is_found_also_where_deletes_let_versions_restart(anomaly: str) -> None:
    reason, history, clients = ANOMALIES[anomaly]
    verdict = check([*FORMER_LIFE, *history, *LATER_LIFE])
    assert isinstance(verdict, Violation)
    assert verdict.reason.split(":")[0] == reason
    assert len(verdict.operations) <= len(clients)
    assert not is_linearizable(history)


def weakened(history: Sequence[Operation], kept: Sequence[Operation]) -> list[Operation]:
    """The history, of which only the kept operations still claim anything."""
    rest = [operation for operation in history if operation not in kept]
    silent = [replace(one, status="unknown", version=None) for one in rest if one.changes]
    return [*kept, *silent]


def test_witness_alone_is_impossible_and_minimal() -> None:
    seen = 0
    for history in random_histories(7, 3000, 7):
        verdict = check(history)
        if verdict is None or verdict.reason.startswith("version skipped"):
            continue
        assert isinstance(verdict, Violation)
        seen += 1
        assert not is_linearizable(weakened(history, verdict.operations)), verdict
    assert seen > 500


def test_verdicts_agree_with_brute_force() -> None:
    for history in random_histories(1, 3000, 8):
        assert disagreement(history) is None, history


def test_history_of_many_operations_is_checked_quickly() -> None:
    kinds = ["create", "delete", *["get", "put", "cas"] * 10]
    shape = Shape(200, kinds, unknown=0.02, overlap=20, reports_actual=False)
    rng = Random(3)
    history = [
        replace(one, key=f"k{number}") for number in range(50) for one in good_history(rng, shape)
    ]
    start = time.process_time()
    assert check(history) is None
    assert time.process_time() - start < 5


def test_long_key_with_a_late_violation_is_explained_by_few() -> None:
    history = good_history(Random(4), Shape(50, ["put", "get", "delete"], 0.02, 9, True))
    late = [op(900, "put", 1000, 1001, version=90), op(901, "get", 1002, 1003, "absent")]
    verdict = check([*history, *late])
    assert isinstance(verdict, Violation)
    assert len(verdict.operations) <= 2


def test_what_exceeds_the_budget_is_undecided_and_never_passes_or_fails() -> None:
    outcomes = set()
    for history in random_histories(11, 800, 8):
        full, short = check(history), check(history, budget=2)
        assert isinstance(short, Undecided) or short == full
        outcomes.add(type(short))
    assert outcomes == {Undecided, Violation, type(None)}


def test_a_violation_on_one_key_outweighs_an_undecided_other() -> None:
    hard = [CREATED, *(op(n, "delete", 2, 9) for n in (2, 3))]
    wrong = [replace(one, key="wrong") for one in ANOMALIES["lost update"][1]]
    assert isinstance(check(hard, budget=0), Undecided)
    verdict = check([*hard, *wrong], budget=0)
    assert isinstance(verdict, Violation)
    assert verdict.key == "wrong"


def test_equal_times_are_concurrent() -> None:
    assert check([CREATED, op(2, "get", 1, 2, "absent")]) is None


def test_unknown_write_may_apply_until_its_deadline_only() -> None:
    crashed = op(2, "put", 2, 5, "unknown")
    before = op(3, "get", 6, 7, version=1, read="w1")
    after = op(4, "get", 8, 9, version=2, read="w2")
    assert check([CREATED, crashed, after]) is None
    assert check([CREATED, replace(crashed, ret=None), before, after]) is None
    assert isinstance(check([CREATED, crashed, before, after]), Violation)


def test_unknown_writes_with_a_deadline_are_used_up_first_where_that_helps() -> None:
    history = [
        CREATED,
        op(2, "put", 2, None, "unknown"),
        op(3, "put", 2, 5, "unknown"),
        op(4, "put", 3, 4, version=3),
        op(5, "cas", 6, 7, "conflict", expected=1, version=3),
        op(6, "put", 8, 9, version=5),
    ]
    assert check(history) is None
    assert isinstance(check([replace(one, ret=one.ret or 5) for one in history]), Violation)


def test_version_of_a_life_before_may_be_met_again() -> None:
    history = [
        CREATED,
        op(2, "delete", 2, 3),
        op(3, "create", 4, 5, version=1),
        op(4, "cas", 6, 7, expected=1, version=2),
    ]
    assert check(history) is None


def test_two_writes_of_one_id_cannot_be_checked() -> None:
    with pytest.raises(ValueError, match="two operations write the id 'w1'"):
        check([CREATED, replace(CREATED, client=2)])


@pytest.mark.parametrize(
    ("fields", "fault"),
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
def test_operation_that_cannot_be_is_refused(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
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
    ("line", "fault"),
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
def test_file_that_is_no_history_is_refused_by_line(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "history.jsonl"
    save(path, [CREATED])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ValueError, match=fault):
        load(path)


def run_command(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pmcp_conformance.history", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_command_accepts_a_linearizable_history(tmp_path: Path) -> None:
    save(tmp_path / "h.jsonl", [CREATED])
    result = run_command(tmp_path / "h.jsonl")
    assert (result.returncode, result.stdout) == (0, "LINEARIZABLE: operations 1, keys 1\n")


def test_command_shows_a_violation(tmp_path: Path) -> None:
    save(tmp_path / "h.jsonl", ANOMALIES["stale read"][1])
    result = run_command(tmp_path / "h.jsonl")
    assert result.returncode == 1
    assert result.stdout.startswith("NOT LINEARIZABLE: key 'k'\nstale read: ")
    assert timeline(ANOMALIES["stale read"][1][1:]) in result.stdout


@pytest.mark.parametrize(("text", "fault"), [("", "no operations"), ("{}\n", "line 1")])
def test_command_refuses_what_is_no_history(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "h.jsonl"
    path.write_text(text)
    result = run_command(path)
    assert result.returncode == 2
    assert fault in result.stderr
    assert run_command(tmp_path / "absent.jsonl").returncode == 2
