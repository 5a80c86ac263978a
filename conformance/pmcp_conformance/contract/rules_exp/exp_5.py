"""EXP-5: a cleanup leaves what has not expired, and what was created again on an expired key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import clean_up, of_long_ago, past, store_expired
from pmcp_conformance.contract.support import EQUAL_CONTENTS, HOUR
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect, expect_returns, expect_stored, listed_ids
from pmcp_storage import NotFoundError, TaskRecord, TaskStatus


@rule("EXP-5")
def cleanup_leaves_the_living(trial: Trial) -> None:
    """cleanup_expired leaves live records and records without expiry.

    Why: The cleanup deletes running tasks: the work goes on, and its result has nowhere to go.

    Real bug: Apache OpenDAL passed a TTL of 60 days to memcached, which takes numbers over 30 days
    for a date: the value was stored as already expired, and set reported success.
    (https://github.com/apache/opendal/pull/8150)

    Mend: Delete by the row's own expiry, in the same statement, never by an index of keys and
    versions, by owner or ahead of time. 64 bits for instants, and no margin.
    """
    owner = trial.owner()
    store_expired(trial, owner)
    skew = timedelta(seconds=trial.target.clock_skew)
    ahead = [timedelta(minutes=1) + skew, HOUR, timedelta(days=365 * 20)]
    instants = [datetime.now(UTC) + lifetime for lifetime in ahead]
    # Seconds since 1970 that as text come before those of today: they have a digit more.
    instants.append(datetime(2300, 1, 1, tzinfo=UTC))
    living = [
        trial.store_record(owner, f"live {number}", expires_at=instant, **EQUAL_CONTENTS)
        for number, instant in enumerate([*instants, None])
    ]
    living += finished_and_old(trial, owner)
    living.append(trial.store_record(owner, "expired 01"))  # which begins like an expired one
    # Created again, these are at the version that the expired records had.
    for task_id in ("live again", "live anew"):
        trial.store_record(owner, task_id, expires_at=past(trial, HOUR))
        with premise("DEL-1"):
            trial.backend.delete(owner, task_id)
    living.append(trial.store_record(owner, "live again", expires_at=None))
    living.append(trial.record(owner, "live anew", expires_at=None))
    with premise("PUT-7"):
        expect_returns(1, trial.backend.put, living[-1])
    versions = {record.task_id: 1 for record in living}
    for record, version in renewed(trial, owner):
        living.append(record)
        versions[record.task_id] = version
    for _ in range(2):
        clean_up(trial.backend)
        for record in living:
            expect_stored(trial, record, versions[record.task_id])
        listed = set(listed_ids(trial, owner))
        missing = sorted({record.task_id for record in living} - listed)
        expect(not missing, "all live records listed", f"missing: {missing}")


def finished_and_old(trial: Trial, owner: str) -> list[TaskRecord]:
    """Store tasks of every status that nobody has touched since long before their ttl passed: what
    counts is expires_at alone.
    """
    records = [of_long_ago(trial.record(owner, status.value), status) for status in TaskStatus]
    return [trial.store_record(owner, record.task_id, task=record.task) for record in records]


def renewed(trial: Trial, owner: str) -> Iterator[tuple[TaskRecord, int]]:
    """Records in the place of such that had expired, and their versions.

    Where what has expired is absent, a put is a first write, and a put_if_version is refused.
    """
    for task_id in ("put anew", "swapped"):
        trial.store_record(owner, task_id, expires_at=past(trial, HOUR))
    put, swapped = (trial.record(owner, name, expires_at=None) for name in ("put anew", "swapped"))
    version = trial.backend.put(put)
    expect(version in (1, 2), "put returns 1 or 2", f"it returned {short(version)}")
    yield put, version
    with suppress(NotFoundError):
        yield swapped, trial.backend.put_if_version(swapped, 1)
