"""EXP-7: overwriting a record replaces its expiry, both as stored and in effect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import (
    clean_up,
    expect_visible,
    past,
    still_ahead,
    wait_until_past,
)
from pmcp_conformance.contract.support import HOUR
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Inconclusive
from pmcp_conformance.expectations import expect, expect_stored_expiry, listed_ids
from pmcp_storage import NotFoundError, TaskRecord


@rule("EXP-7")
def overwriting_replaces_the_expiry(trial: Trial) -> None:
    """Overwriting a record that has not yet expired, by put or by put_if_version, replaces its
    expiry with a later one, an earlier one or none.

    Why: A task that was extended vanishes at its old time, or one that should go soon stays for its
    old lifetime.

    Real bug: In atSign's at_server, time metadata of a former write outlived an update: a key put
    with a time-to-birth and then with a TTL only was still hidden until the old instant.
    (https://github.com/atsign-foundation/at_server/issues/379)

    Mend: Write the expiry with every put and put_if_version, also None (SET … = NULL, REMOVE,
    PERSIST), and keep any index of expiries in step in the same transaction. No GT, LT, NX or
    COALESCE.
    """
    handle = trial.backend
    writes: dict[str, Callable[[TaskRecord], int]] = {
        "put": handle.put,
        "put_if_version": lambda record: handle.put_if_version(record, 1),
    }
    for name, write in writes.items():
        if trial.target.offers("stored_expiry"):
            replaces_stored_expiry(trial, write)
        if not trial.target.native_expiry:
            earlier_expiry_counts(trial, name, write)
            later_expiry_counts(trial, write)


def replaces_stored_expiry(trial: Trial, write: Callable[[TaskRecord], int]) -> None:
    """The storage holds the expiry of the last write, after each of later, earlier and none."""
    now = datetime.now(UTC)
    instants = [now + HOUR / 2, now + HOUR, None]
    for before in instants:
        for after in instants:
            owner = trial.owner()
            trial.store_record(owner, expires_at=before)
            write(record := trial.record(owner, expires_at=after))
            expect_stored_expiry(trial, record)


def earlier_expiry_counts(trial: Trial, name: str, write: Callable[[TaskRecord], int]) -> None:
    """A record whose expiry was moved into the past is removed by a cleanup."""
    owner = trial.owner()
    for task_id, before in (("late", datetime.now(UTC) + HOUR), ("never", None)):
        trial.store_record(owner, task_id, expires_at=before)
        write(trial.record(owner, task_id, expires_at=past(trial)))
    clean_up(trial.backend)
    left = listed_ids(trial, owner)
    observed = f"still listed after a cleanup: {left}"
    expect(not left, f"an earlier expiry, set by {name}, to count", observed)


def later_expiry_counts(trial: Trial, write: Callable[[TaskRecord], int]) -> None:
    """A record that would have expired by now, had its expiry not been postponed, stays."""
    for attempt in range(8):
        soon = datetime.now(UTC) + timedelta(seconds=trial.target.clock_skew + 0.02 * 2**attempt)
        owner = trial.owner()
        for task_id in ("later", "never"):
            trial.store_record(owner, task_id, expires_at=soon)
        records = [
            trial.record(owner, "later", expires_at=soon + HOUR),
            trial.record(owner, "never", expires_at=None),
        ]
        try:
            versions = [write(record) for record in records]
        except NotFoundError:
            versions = []
        if still_ahead(trial, soon):
            break
    else:
        raise Inconclusive(
            "the storage answered too late to overwrite a record before it expires: run it again "
            "when this machine has less to do"
        )
    expect(versions == [2, 2], "two overwritten records at version 2", f"{versions}")
    wait_until_past(trial, soon)
    for record in records:
        expect_visible(trial, record, 2)
