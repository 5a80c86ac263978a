"""VAL-9: a record over the limit."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_val.support import FILLERS
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, expect_absent, expect_raises, expect_stored
from pmcp_storage import RecordTooLargeError, TaskRecord


@rule("VAL-9", facts=("storage_limit_bytes",))
def a_record_over_the_limit(trial: Trial) -> None:
    """A record over storage_limit_bytes raises RecordTooLargeError and leaves the stored record
    unchanged.

    Why: If too large looks like any other failure, it is retried for ever; if it is cut or deletes
    the old record first, the user loses a task by trying to extend it.

    Real bug: memcached deletes an existing item when a set for it exceeds the item size limit,
    whereas add, replace and append leave the item alone.
    (https://github.com/memcached/memcached/issues/1069)

    Mend: Check the size before writing or translate the storage's error, on all three write paths,
    to RecordTooLargeError(size, limit). One atomic write, no DELETE first, strict mode.
    """
    owner = trial.owner()
    size = (trial.target.storage_limit_bytes or 0) + 1
    former = trial.store_record(owner)

    def swap(record: TaskRecord) -> int:
        return trial.backend.put_if_version(record, 1)

    for filler in FILLERS:
        large = trial.sized(owner, "task", size, filler)
        for write in (trial.backend.put, swap):
            error = expect_raises(RecordTooLargeError, write, large)
            limit = 0 if error.limit is None else error.limit
            observed = f"size {short(error.size)}, limit {short(error.limit)}"
            expect(error.size > limit, "an error with a size over its limit", observed)
            expect_stored(trial, former, 1)
        absent = trial.sized(owner, "absent", size, filler)
        for write in (trial.backend.create, trial.backend.put):
            expect_raises(RecordTooLargeError, write, absent)
            expect_absent(trial, owner, "absent")
