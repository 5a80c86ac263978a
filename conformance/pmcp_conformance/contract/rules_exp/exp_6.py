"""EXP-6: the expiry that the storage holds is the record's, rounded up by a second at most."""

from __future__ import annotations

from datetime import UTC, datetime

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.support import HOUR, successive_writes
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect
from pmcp_storage import TaskRecord


@rule("EXP-6", back_doors=("stored_expiry",))
def stored_expiry(trial: Trial) -> None:
    """The stored expiry is not before expires_at and at most one second after it; a record without
    expires_at has none.

    Why: A storage that removes by itself follows this number. In milliseconds nothing is ever
    removed, rounded down tasks vanish early, and a default lifetime deletes tasks that have none.

    Real bug: Sleeper stored the expiry of status updates in milliseconds, whereas DynamoDB's time
    to live reads seconds, so the records did not expire.
    (https://github.com/gchq/sleeper/issues/450)

    Mend: math.ceil of the epoch seconds in the TTL attribute, or PEXPIREAT in milliseconds rounded
    up; no attribute and no TTL where expires_at is None.
    """
    owner = trial.owner()
    base = (datetime.now(UTC) + HOUR).replace(microsecond=0)
    micros = (0, 1, 400_000, 400_400, 500_000, 999_999)
    instants: list[datetime | None] = [base.replace(microsecond=m) for m in micros]
    instants += [datetime(2100, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC), None]
    for number, instant in enumerate(instants):
        task_id = f"t{number}"
        for write in successive_writes(trial.backend):
            write(record := trial.record(owner, task_id, expires_at=instant))
            check_stored_expiry(trial, record)


def check_stored_expiry(trial: Trial, record: TaskRecord) -> None:
    """The storage holds the expiry of this record, at most a second late."""
    stored = trial.target.stored_expiry(record.owner_id, record.task_id)
    if record.expires_at is None or stored is None:
        expect(
            record.expires_at is None and stored is None,
            f"a stored expiry of {record.expires_at}",
            f"the storage holds {stored}",
        )
        return
    late = stored - record.expires_at.timestamp()
    # A double holds today's epoch seconds to within a quarter of a microsecond.
    expect(
        -1e-6 < late <= 1,
        f"a stored expiry 0 to 1 s after {record.expires_at.timestamp():.6f}",
        f"the storage holds {stored:.6f}: {late:+.6f} s",
    )
