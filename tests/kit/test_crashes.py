"""What must be stored after a kill, by what the killed child had reported."""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random

import pytest

from mutants.base import MutantTarget
from mutants.files import FileTarget
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect_settled_expiry
from pmcp_conformance.processes.crashes import (
    Plan,
    Survivor,
    check_agreement,
    check_survivors,
    kill_while_writing,
    random_plan,
    replay,
    reports_until,
    states_after,
)
from pmcp_conformance.processes.fork_server import start_child
from pmcp_conformance.processes.messages import MethodCall, StepBegun, StepDone, StepReport
from pmcp_storage import BackendError, InMemoryBackend, StorageBackend, TaskRecord
from support.processes import wait_for_end
from support.trials import run_against, trial_against, trial_of


@pytest.fixture(scope="module")
def run() -> Iterator[TargetRun]:
    with run_against(FileTarget()) as run:
        yield run


@pytest.fixture
def trial(run: TargetRun) -> Iterator[Trial]:
    with trial_of(run) as trial:
        yield trial


@pytest.fixture
def owner(trial: Trial) -> str:
    return trial.owner()


@pytest.fixture
def plan(trial: Trial, owner: str) -> Plan:
    """Two puts, a delete and a put of one key."""
    puts = [
        MethodCall("put", (trial.record(owner, "k", variables={"mark": step}),))
        for step in (0, 1, 3)
    ]
    return [*puts[:2], MethodCall("delete", (owner, "k")), puts[2]]


def carry_out(trial: Trial, plan: Plan, steps: int) -> None:
    for call in plan[:steps]:
        getattr(trial.backend, call.method)(*call.args)


def test_replaying_a_plan_counts_versions_from_the_last_absence(plan: Plan) -> None:
    assert replay(plan, []) == {}
    assert replay(plan, [0, 1]) == {"k": Survivor(mark=1, version=2)}
    assert replay(plan, [0, 1, 2]) == {}
    assert replay(plan, [0, 1, 2, 3]) == {"k": Survivor(mark=3, version=1)}
    assert replay(plan, [0, 1, 1, 9]) == {"k": Survivor(mark=1, version=2)}


def test_the_step_under_way_may_have_been_carried_out(plan: Plan) -> None:
    reports: list[StepReport] = [StepBegun(0), StepDone(0, "returned 1"), StepBegun(1)]
    assert states_after(plan, reports) == ({"k": Survivor(0, 1)}, {"k": Survivor(1, 2)})


def test_a_step_whose_beginning_was_not_reported_may_have_been_carried_out(plan: Plan) -> None:
    reports: list[StepReport] = [StepBegun(0), StepDone(0, "returned 1")]
    assert states_after(plan, reports) == ({"k": Survivor(0, 1)}, {"k": Survivor(1, 2)})


@pytest.mark.parametrize("carried_out", [1, 2])
def test_both_states_around_the_step_under_way_are_accepted(
    trial: Trial, owner: str, plan: Plan, carried_out: int
) -> None:
    carry_out(trial, plan, carried_out)
    check_survivors(trial, owner, plan, [StepDone(0, "returned 1"), StepBegun(1)])


def test_a_lost_acknowledged_write_is_accused(trial: Trial, owner: str, plan: Plan) -> None:
    carry_out(trial, plan, 1)
    done = [StepDone(0, "returned 1"), StepDone(1, "returned 2")]
    reports: list[StepReport] = [*done, StepBegun(2)]
    with pytest.raises(Violation) as caught:
        check_survivors(trial, owner, plan, reports)
    violation = caught.value
    assert violation.expected == "k as acknowledged: the record of step 1 at version 2 or absent"
    assert violation.observed == "the record of step 0 at version 1"
    assert violation.operations == [
        "put: step 0 done: returned 1",
        "put: step 1 done: returned 2",
        "delete: step 2 begun",
    ]


def test_a_deleted_record_that_is_back_is_accused(trial: Trial, owner: str, plan: Plan) -> None:
    carry_out(trial, plan, 2)
    reports = [StepDone(0, "returned 1"), StepDone(1, "returned 2"), StepDone(2, "returned True")]
    with pytest.raises(Violation, match="k as acknowledged: absent"):
        check_survivors(trial, owner, plan, reports)


def test_a_listing_without_a_record_that_get_finds_is_accused(trial: Trial, owner: str) -> None:
    trial.store_record(owner, "k")
    check_agreement(trial, owner, ["k"])
    with pytest.raises(Violation, match="get finds \\[\\], the listing has \\['k'\\]"):
        check_agreement(trial, owner, [])


def test_a_child_that_is_killed_over_a_plan_had_acknowledged_what_is_stored(
    trial: Trial, owner: str
) -> None:
    plan, child = random_plan(trial, owner, Random(1)), start_child(trial)
    reports = kill_while_writing(child, plan, delay=0, after_step=2)
    wait_for_end(child.pid)
    assert StepDone(2, "returned 1") in reports or StepBegun(2) in reports
    check_survivors(trial, owner, plan, reports)


def test_reports_are_read_up_to_the_one_asked_for(trial: Trial, owner: str) -> None:
    child = start_child(trial)
    child.start_plan([MethodCall("count_by_owner", (owner,))] * 2)
    assert reports_until(child, StepDone, 0) == [StepBegun(0), StepDone(0, "returned 0")]
    assert reports_until(child, StepBegun, 1) == [StepBegun(1)]


class OpenedOnlyHere(FileTarget):
    """A target that no child can open a handle on."""

    def prepare(self) -> None:
        super().prepare()
        self.process = os.getpid()

    def open(self) -> StorageBackend:
        if os.getpid() != self.process:
            raise BackendError("the folder is locked by another process")
        return super().open()


def test_a_child_that_cannot_open_its_handle_says_why() -> None:
    with (
        trial_against(OpenedOnlyHere()) as trial,
        pytest.raises(BackendError, match="the folder is locked by another process"),
    ):
        kill_while_writing(start_child(trial), [MethodCall("cleanup_expired")], delay=0)


class DeletesLate(InMemoryBackend):
    """Carries a delete out only after the next write, as a server may that hears of it late."""

    def _put(self, record: TaskRecord) -> int:
        version = super()._put(record)
        if version > 1:
            super()._delete(record.owner_id, record.task_id)
        return version


@pytest.mark.parametrize("steps", [2, 3])
def test_only_a_delete_under_way_may_arrive_after_the_kill(steps: int) -> None:
    with trial_against(MutantTarget(backend=DeletesLate)) as trial:
        owner = trial.owner()
        record = trial.record(owner, "k", variables={"mark": 0})
        plan = [MethodCall("create", (record,)), MethodCall("delete", (owner, "k"))]
        trial.backend.create(record)
        reports: list[StepReport] = [StepBegun(0), StepDone(0, "returned 1"), StepBegun(1)]
        if steps == 2:
            check_survivors(trial, owner, plan, reports)
        else:
            with pytest.raises(Violation, match="just written"):
                check_survivors(trial, owner, plan[:1], reports[:2])


class Forgetting(MutantTarget):
    """Shows no expiry; a write that was under way may arrive while it is looked at."""

    late: TaskRecord | None = None

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        if self.late is not None:
            self.open().put(self.late)
        return None


def test_an_expiry_is_lost_only_if_the_record_is_still_the_same() -> None:
    target = Forgetting()
    with trial_against(target) as trial:
        record = trial.store_record(trial.owner())
        with pytest.raises(Violation, match="the storage holds None"):
            expect_settled_expiry(trial, record)
        target.late = trial.record(record.owner_id, expires_at=None)
        expect_settled_expiry(trial, record)
