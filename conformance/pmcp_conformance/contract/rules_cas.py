"""CAS: compare-and-swap, the operation that keeps updates from being lost."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.support import full_fields
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import (
    expect_absent,
    expect_entry,
    expect_listed,
    expect_raises,
    expect_returns,
    expect_stored,
    expect_stored_expiry,
    expect_unchanged,
    listed_entry,
)
from pmcp_storage import ConcurrentModificationError, NotFoundError, TaskRecord


@rule("CAS-1")
def swap_with_the_stored_version(trial: Trial) -> None:
    """put_if_version with the stored version writes the record and returns that version plus 1."""
    owner = trial.owner()
    trial.store_record(owner)
    for version in (1, 2, 3):
        record = trial.record(owner)
        expect_returns(version + 1, trial.backend.put_if_version, record, version)
        expect_stored(trial, record, version + 1)


@rule("CAS-2")
def swap_with_an_older_version(trial: Trial) -> None:
    """put_if_version with an older version raises ConcurrentModificationError carrying the
    expected and the stored version.
    """
    owner = trial.owner()
    trial.store_record_at(4, owner)
    for expected in (1, 2, 3):
        expect_conflict_at(trial, trial.record(owner), expected, actual=4)


@rule("CAS-3")
def swap_with_a_version_never_reached(trial: Trial) -> None:
    """put_if_version with a version never reached raises the same error."""
    owner = trial.owner()
    trial.store_record_at(2, owner)
    for expected in (3, 4, 100, 2**53):
        expect_conflict_at(trial, trial.record(owner), expected, actual=2)


@rule("CAS-4")
def refused_swap_changes_nothing(trial: Trial) -> None:
    """A refused put_if_version changes nothing: record, version, expiry and listing stay."""
    owner = trial.owner()
    record = trial.store_record_at(2, owner)

    def attempt(expected: int) -> None:
        with premise("CAS-2" if expected == 1 else "CAS-3"):
            expect_raises(
                ConcurrentModificationError,
                trial.backend.put_if_version,
                trial.record(owner, expires_at=None),
                expected,
            )

    for expected in (1, 3):
        expect_unchanged(trial, record, 2, partial(attempt, expected))


@rule("CAS-5")
def swap_of_an_absent_key(trial: Trial) -> None:
    """put_if_version of an absent key raises NotFoundError and creates nothing."""
    owner = trial.owner()
    for expected in (1, 2):
        expect_raises(
            NotFoundError(owner, "task"),
            trial.backend.put_if_version,
            trial.record(owner),
            expected,
        )
        expect_absent(trial, owner, "task")


@rule("CAS-6")
def a_version_can_be_used_once(trial: Trial) -> None:
    """A version can be used once: the second put_if_version with it is refused."""
    owner = trial.owner()
    trial.store_record(owner)
    winner = trial.record(owner)
    expect_swap(trial, winner, 1)
    expect_conflict(trial, trial.record(owner), 1)
    expect_stored(trial, winner, 2)


@rule("CAS-7")
def all_writes_share_one_version(trial: Trial) -> None:
    """put, create and put_if_version all advance the same version."""
    owner = trial.owner()
    expect_returns(1, trial.backend.create, trial.record(owner))
    expect_returns(2, trial.backend.put, trial.record(owner))
    expect_returns(3, trial.backend.put_if_version, trial.record(owner), 2)
    expect_returns(4, trial.backend.put, trial.record(owner))
    expect_returns(5, trial.backend.put_if_version, trial.record(owner), 4)
    expect_returns(6, trial.backend.put_if_version, trial.record(owner), 5)
    expect_returns(1, trial.backend.put, trial.record(owner, "other"))
    expect_returns(2, trial.backend.put_if_version, trial.record(owner, "other"), 1)


@rule("CAS-8")
def swap_replaces_everything(trial: Trial) -> None:
    """put_if_version replaces the whole record, expiry included, as put does."""
    owner = trial.owner()
    trial.store_record(owner, **full_fields(trial, owner))
    bare = trial.record(owner, variables={"z": 0}, expires_at=None)
    expect_returns(2, trial.backend.put_if_version, bare, 1)
    expect_stored(trial, bare, 2)
    expect_listed(trial, owner, bare)
    expect_stored_expiry(trial, bare)
    full = trial.record(owner, **full_fields(trial, owner))
    expect_returns(3, trial.backend.put_if_version, full, 2)
    expect_stored(trial, full, 3)
    expect_stored_expiry(trial, full)


@rule("CAS-9")
def swap_after_a_delete(trial: Trial) -> None:
    """put_if_version after a delete raises NotFoundError and does not bring the record back."""
    owner = trial.owner()
    trial.store_record_at(2, owner)
    with premise("DEL-1"):
        trial.backend.delete(owner, "task")
        expect_absent(trial, owner, "task")
    for expected in (1, 2, 3):
        expect_raises(
            NotFoundError(owner, "task"),
            trial.backend.put_if_version,
            trial.record(owner),
            expected,
        )
        expect_absent(trial, owner, "task")


@rule("CAS-10")
def expected_versions_below_1(trial: Trial) -> None:
    """An expected version below 1 raises ValueError and changes nothing."""
    owner = trial.owner()
    record = trial.store_record(owner)
    for expected in (0, -1, -(2**63)):
        for task_id in ("task", "absent"):
            expect_raises(
                ValueError, trial.backend.put_if_version, trial.record(owner, task_id), expected
            )
    expect_stored(trial, record, 1)
    expect_listed(trial, owner, record)


@rule("CAS-11")
def stale_swap_of_an_equal_record(trial: Trial) -> None:
    """A stale put_if_version is refused even when its record equals the stored one."""
    owner = trial.owner()
    trial.store_record(owner)
    record = trial.record(owner)
    expect_swap(trial, record, 1)
    expect_conflict(trial, record, 1)
    expect_stored(trial, record, 2)


@rule("CAS-12")
def refused_writes_use_up_no_version(trial: Trial) -> None:
    """A refused write uses up no version."""
    owner = trial.owner()
    trial.store_record_at(2, owner)
    for _ in range(3):
        with premise("CAS-2"):
            expect_conflict_at(trial, trial.record(owner), 1, actual=2)
    expect_returns(3, trial.backend.put_if_version, trial.record(owner), 2)
    expect_returns(4, trial.backend.put, trial.record(owner))


@rule("CAS-13")
def versions_compare_as_numbers(trial: Trial) -> None:
    """Versions compare as numbers: 9 is followed by 10, and 10 is later than 9."""
    owner = trial.owner()
    trial.store_record_at(9, owner)
    expect_returns(10, trial.backend.put_if_version, trial.record(owner), 9)
    expect_conflict(trial, trial.record(owner), 9)
    expect_returns(11, trial.backend.put, trial.record(owner))
    expect_conflict(trial, trial.record(owner), 2)
    last = trial.record(owner)
    expect_returns(12, trial.backend.put_if_version, last, 11)
    expect_stored(trial, last, 12)


@rule("CAS-14", back_doors=("plant",))
def versions_stay_exact(trial: Trial) -> None:
    """Versions stay exact up to 2^62."""
    owner = trial.owner()
    for version in (2**31, 2**32 + 1, 2**53, 2**53 + 1, 2**62 - 1):
        planted = trial.record(owner, f"at {version}")
        trial.plant(owner, planted.task_id, planted.to_json(), version)
        expect_stored(trial, planted, version)
        expect_entry(listed_entry(trial, owner, planted.task_id), planted, version)
        for stale in (version - 1, version + 1):
            expect_conflict_at(trial, planted, stale, actual=version)
        record = trial.record(owner, planted.task_id)
        expect_returns(version + 1, trial.backend.put_if_version, record, version)
        expect_stored(trial, record, version + 1)
        if version + 1 < 2**62:
            expect_returns(version + 2, trial.backend.put, record)


def expect_swap(trial: Trial, record: TaskRecord, expected: int) -> None:
    """The put_if_version succeeds, as a premise."""
    with premise("CAS-1"):
        expect_returns(expected + 1, trial.backend.put_if_version, record, expected)
        expect_stored(trial, record, expected + 1)


def expect_conflict(trial: Trial, record: TaskRecord, expected: int) -> None:
    """The put_if_version is refused; what the error reports is for CAS-2."""
    expect_raises(ConcurrentModificationError, trial.backend.put_if_version, record, expected)


def expect_conflict_at(trial: Trial, record: TaskRecord, expected: int, actual: int) -> None:
    """The put_if_version is refused, and the error reports both versions."""
    expect_raises(
        ConcurrentModificationError(record.owner_id, record.task_id, expected, actual),
        trial.backend.put_if_version,
        record,
        expected,
    )
