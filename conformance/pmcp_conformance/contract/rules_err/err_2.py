"""ERR-2: reading a row that is no record raises an error, whatever the row holds."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_err.support import expect_corrupt, plant_corrupt_rows
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation


@rule("ERR-2", back_doors=("plant",))
def corrupt_rows_in_get(trial: Trial) -> None:
    """A row that is not a record (valid JSON of the wrong shape, or broken JSON where the storage
    takes it) makes get raise CorruptRecordError.

    Why: If damaged data reads as absent, the caller creates the task anew and overwrites what could
    still have been repaired. If it reads as a ValueError, the client is told that its request was
    wrong.

    Real bug: Mycelium's JSON store used to reset a file with malformed content to {} without a
    word; now it raises a corruption error and leaves the bytes as they are.
    (https://github.com/mycelium-labs/mycelium/pull/125)

    Mend: Turn rows into records only by read_row(owner_id, task_id, data, version), which raises
    CorruptRecordError for bad JSON and for bad shapes. Catch nothing around it, and fill no missing
    field with a default.
    """
    owner = trial.owner()
    for what in plant_corrupt_rows(trial, owner):
        try:
            expect_corrupt(trial, owner, trial.backend.get, owner, "task")
        except Violation as violation:
            expected = f"{violation.expected} for a row with {what}"
            raise Violation(expected, violation.observed) from violation
