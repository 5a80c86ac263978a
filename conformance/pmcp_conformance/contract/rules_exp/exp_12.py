"""EXP-12: a cleanup of more records than storages handle in one batch."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import clean_up, past
from pmcp_conformance.contract.support import HOUR, create_many
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.handles import open_fresh, watched
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect
from pmcp_storage import TaskRecord

_OWNERS = 120


@rule("EXP-12", facts=("not native_expiry",))
def cleanup_removes_hundreds(trial: Trial) -> None:
    """cleanup_expired removes more than a thousand expired records in one call, and returns how
    many (open_fresh).

    Why: More expires than is removed: storage and bills grow, and with quotas or unique ids users
    are held up by tasks that are long over.

    Real bug: Hex's nightly purge deleted everything in one statement, which timed out once some
    886,000 rows had piled up; the task then failed every night and the backlog grew.
    (https://github.com/hexpm/hexpm/pull/1646)

    Mend: Delete in batches, each in its own short transaction, until a batch is short; follow the
    storage's pages and its limit per batch (25 in DynamoDB) to the end.
    """
    counts = trial.target.offers("open_fresh")
    handle = open_fresh(trial) if counts else trial.backend
    owner = trial.owner()
    expired = trial.record(owner, expires_at=past(trial, HOUR))
    ids = create_many(trial, handle.unrecorded, expired)
    note_many(trial, handle, "many_tasks", expired, len(ids))
    others = expired_of_many_owners(trial, handle) if counts else 0
    removed = clean_up(handle)
    left = delete_all(trial, handle, owner)
    expect(not left, f"none of {len(ids)} expired records left", f"{left} left")
    if counts:  # where nobody else cleans up
        told = f"cleanup_expired returns {len(ids) + others}"
        expect(removed == len(ids) + others, told, f"it returned {short(removed)}")


def delete_all(trial: Trial, handle: RecordedBackend, owner: str) -> int:
    """Delete the records of the owner; how many they were."""
    unrecorded = watched(trial, handle.unrecorded)
    left = {entry.record.task_id for entry in unrecorded.iter_by_owner(owner)}
    if left:  # for a script: which ones they are depends on the order in which they were created
        handle.count_by_owner(owner)
    for task_id in left:
        unrecorded.delete(owner, task_id)
    return len(left)


def expired_of_many_owners(trial: Trial, handle: RecordedBackend) -> int:
    """Store an expired record of each of more owners than fit in a page; return how many."""
    template = trial.record(trial.owner(), expires_at=past(trial, HOUR))
    for number in range(_OWNERS):
        record = template.model_copy(update={"owner_id": f"owner {number}"})
        with premise("CRE-1"):
            handle.unrecorded.create(record)
    note_many(trial, handle, "many_owners", template, _OWNERS)
    return _OWNERS


def note_many(
    trial: Trial, handle: RecordedBackend, helper: str, record: TaskRecord, count: int
) -> None:
    """Note for a script that many records like this one have been created."""
    log = trial.recording.log
    log.note(f"{helper}({handle.name}, {log.literals.code(record)}, {count})")
