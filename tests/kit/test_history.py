"""The linearizability checker: its verdicts, and the few operations that explain them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from pmcp_conformance.history import Anomaly, Operation, Undecided, check, search
from support.brute_force import Shape, disagreement, good_history, is_linearizable, random_histories
from support.histories import ANOMALIES, CREATED, DELETE_ANOMALIES, op


def assert_found(history: Sequence[Operation], reason: str, clients: set[int]) -> None:
    verdict = check(history)
    assert isinstance(verdict, Anomaly)
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
    assert isinstance(verdict, Anomaly)
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
        assert isinstance(verdict, Anomaly)
        seen += 1
        assert not is_linearizable(weakened(history, verdict.operations)), verdict
    assert seen > 500


def test_verdicts_agree_with_brute_force() -> None:
    for history in random_histories(1, 3000, 8):
        assert disagreement(history) is None, history


def test_history_of_many_operations_needs_little_of_the_budget() -> None:
    kinds = ["create", "delete", *["get", "put", "cas"] * 10]
    shape = Shape(200, kinds, unknown=0.02, overlap=20, reports_actual=False)
    rng = Random(3)
    history = [
        replace(one, key=f"k{number}") for number in range(50) for one in good_history(rng, shape)
    ]
    assert check(history, budget=search.BUDGET // 100) is None


def test_long_key_with_a_late_anomaly_is_explained_by_few() -> None:
    history = good_history(Random(4), Shape(50, ["put", "get", "delete"], 0.02, 9, True))
    late = [op(900, "put", 1000, 1001, version=90), op(901, "get", 1002, 1003, "absent")]
    verdict = check([*history, *late])
    assert isinstance(verdict, Anomaly)
    assert len(verdict.operations) <= 2


def test_what_exceeds_the_budget_is_undecided_and_never_passes_or_fails() -> None:
    outcomes = set()
    for history in random_histories(11, 800, 8):
        full, short = check(history), check(history, budget=2)
        assert isinstance(short, Undecided) or short == full
        outcomes.add(type(short))
    assert outcomes == {Undecided, Anomaly, type(None)}


def test_an_anomaly_on_one_key_outweighs_an_undecided_other() -> None:
    hard = [CREATED, *(op(n, "delete", 2, 9) for n in (2, 3))]
    wrong = [replace(one, key="wrong") for one in ANOMALIES["lost update"][1]]
    assert isinstance(check(hard, budget=0), Undecided)
    verdict = check([*hard, *wrong], budget=0)
    assert isinstance(verdict, Anomaly)
    assert verdict.key == "wrong"


def test_equal_times_are_concurrent() -> None:
    assert check([CREATED, op(2, "get", 1, 2, "absent")]) is None


def test_unknown_write_may_apply_until_its_deadline_only() -> None:
    crashed = op(2, "put", 2, 5, "unknown")
    before = op(3, "get", 6, 7, version=1, read="w1")
    after = op(4, "get", 8, 9, version=2, read="w2")
    assert check([CREATED, crashed, after]) is None
    assert check([CREATED, replace(crashed, ret=None), before, after]) is None
    assert isinstance(check([CREATED, crashed, before, after]), Anomaly)


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
    assert isinstance(check([replace(one, ret=one.ret or 5) for one in history]), Anomaly)


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
