"""CAS-1: swap with the stored version."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.support import with_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_returns, expect_stored
from pmcp_storage import TaskStatus


@rule("CAS-1")
def swap_with_the_stored_version(trial: Trial) -> None:
    """put_if_version with the stored version writes the record and returns that version plus 1.

    Why: Every change of a task goes through this call. If a fitting version is refused, no task
    ever progresses; if only the version moves, callers are told that their result is stored, and it
    is not.

    Real bug: Spring Data JPA 1.6.1 took an entity at version 0 for a new one, so saving a change to
    a record that was still at its initial version failed.
    (https://github.com/spring-projects/spring-data-jpa/issues/957)

    Mend: One conditional write that sets all columns and version = version + 1 WHERE version =
    expected; return expected + 1 if it hit a row.
    """
    owner = trial.owner()
    trial.store_record(owner)
    # What a task may still do when it has ended is none of the storage's business.
    for version, status in enumerate([*TaskStatus, TaskStatus.WORKING], start=1):
        record = with_task(trial.record(owner), status=status)
        expect_returns(version + 1, trial.backend.put_if_version, record, version)
        expect_stored(trial, record, version + 1)
    # One that changes nothing is a write all the same.
    expect_returns(version + 2, trial.backend.put_if_version, record, version + 1)
    expect_stored(trial, record, version + 2)
