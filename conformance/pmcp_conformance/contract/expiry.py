"""EXP: a record is there until its expiry and not a moment less, and what expired can be removed.

Instants are compared by the storage's clock or this process's, within the target's clock_skew.
Nothing here waits for an expiry of seconds: instants just before and just after now do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_storage import (
    AlreadyExistsError,
    ConcurrentModificationError,
    NotFoundError,
    TaskRecord,
)

HOUR = timedelta(hours=1)
MOMENT = timedelta(milliseconds=1)
_ATTEMPTS = 20


def past(trial: Trial, by: timedelta = MOMENT) -> datetime:
    """An instant that has passed, by the storage's clock too."""
    return datetime.now(UTC) - timedelta(seconds=trial.target.clock_skew) - by


def is_there(trial: Trial, record: TaskRecord, version: int) -> None:
    """The record is found by get, by a listing and by a count, also after a cleanup."""
    for _ in range(2):
        trial.holds(record, version)
        trial.same_entry(trial.entry(record.owner_id, record.task_id), record, version)
        trial.backend.cleanup_expired()
    trial.holds(record, version)


@rule("EXP-1")
def never_too_early(trial: Trial) -> None:
    """A record is never hidden or removed before its expires_at, also when that is less than a
    second away.
    """
    # Both fall within the second that is running: an expiry cut to seconds has passed already,
    # and one rounded to the nearest second has, where it lies in the first half.
    for share in (0.999_999, 0.49):
        there_until_expiry(trial, share)


def there_until_expiry(trial: Trial, share: float) -> None:
    """Look at a record that expires within this second, as often as it takes to look in time."""
    for _ in range(_ATTEMPTS):
        second = wait_for_phase(share)
        expires_at = datetime.fromtimestamp(second + share, UTC)
        record = trial.record(trial.owner(), expires_at=expires_at)
        try:
            trial.backend.create(record)
            is_there(trial, record, 1)
        except (Violation, NotFoundError):
            if in_time(trial, expires_at):
                raise
        if in_time(trial, expires_at):
            return
    raise Violation(
        f"an answer within the second, in one of {_ATTEMPTS} attempts",
        "the storage was too slow to tell",
    )


def wait_for_phase(share: float) -> int:
    """The running second, once there is room in it before `share` of it has passed."""
    now = time.time()
    if now % 1 > share - 0.05:
        time.sleep(1.0001 - now % 1)
    return int(time.time())


def in_time(trial: Trial, expires_at: datetime) -> bool:
    """Whether the instant still lies ahead, by the storage's clock too."""
    return datetime.now(UTC) + timedelta(seconds=trial.target.clock_skew) < expires_at


@rule("EXP-2")
def without_expiry(trial: Trial) -> None:
    """A record without expires_at is never removed or hidden, also not by cleanup_expired."""
    owner = trial.owner()
    record = trial.seed(owner, expires_at=None)
    is_there(trial, record, 1)
    for version in (2, 3):
        with trial.premise("PUT-2"):
            trial.backend.put(record := trial.record(owner, expires_at=None))
        is_there(trial, record, version)


@rule("EXP-6", doors=("stored_expiry",))
def stored_expiry(trial: Trial) -> None:
    """The stored expiry is not before expires_at and at most one second after it; a record without
    expires_at has none.
    """
    owner = trial.owner()
    base = (datetime.now(UTC) + HOUR).replace(microsecond=0)
    micros = (0, 1, 400_000, 500_000, 999_999)
    instants: list[datetime | None] = [base.replace(microsecond=m) for m in micros]
    instants += [datetime(2100, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC), None]
    for number, instant in enumerate(instants):
        task_id = f"t{number}"
        for write in trial.writes():
            write(record := trial.record(owner, task_id, expires_at=instant))
            check_stored_expiry(trial, record)


def check_stored_expiry(trial: Trial, record: TaskRecord) -> None:
    """The storage holds the expiry of this record, at most a second late."""
    stored = trial.target.stored_expiry(record.owner_id, record.task_id)
    if record.expires_at is None or stored is None:
        trial.expect(
            record.expires_at is None and stored is None,
            f"a stored expiry of {record.expires_at}",
            f"the storage holds {stored}",
        )
        return
    late = stored - record.expires_at.timestamp()
    # A double holds today's epoch seconds to within a quarter of a microsecond.
    trial.expect(
        -1e-6 < late <= 1,
        f"a stored expiry 0 to 1 s after {record.expires_at.timestamp():.6f}",
        f"the storage holds {stored:.6f}: {late:+.6f} s",
    )


@rule("EXP-7")
def overwriting_replaces_the_expiry(trial: Trial) -> None:
    """Overwriting a record that has not yet expired replaces its expiry, by a later one, an
    earlier one or none, by put and by put_if_version.
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
    now = datetime.now(UTC)
    instants = [now + HOUR / 2, now + HOUR, None]
    for before in instants:
        for after in instants:
            owner = trial.owner()
            trial.seed(owner, expires_at=before)
            write(record := trial.record(owner, expires_at=after))
            trial.keeps_expiry(record)


def earlier_expiry_counts(trial: Trial, name: str, write: Callable[[TaskRecord], int]) -> None:
    owner = trial.owner()
    for task_id, before in (("late", datetime.now(UTC) + HOUR), ("never", None)):
        trial.seed(owner, task_id, expires_at=before)
        write(trial.record(owner, task_id, expires_at=past(trial)))
    trial.backend.cleanup_expired()
    left = trial.task_ids(owner)
    told = f"still listed after a cleanup: {left}"
    trial.expect(not left, f"an earlier expiry, set by {name}, to count", told)


def later_expiry_counts(trial: Trial, write: Callable[[TaskRecord], int]) -> None:
    """A record that would have expired by now, had its expiry not been put off, stays."""
    for attempt in range(8):
        soon = datetime.now(UTC) + timedelta(seconds=trial.target.clock_skew + 0.02 * 2**attempt)
        owner = trial.owner()
        for task_id in ("later", "never"):
            trial.seed(owner, task_id, expires_at=soon)
        records = [
            trial.record(owner, "later", expires_at=soon + HOUR),
            trial.record(owner, "never", expires_at=None),
        ]
        try:
            versions = [write(record) for record in records]
        except NotFoundError:
            versions = []
        if in_time(trial, soon):
            break
    trial.expect(versions == [2, 2], "two overwritten records at version 2", f"{versions}")
    left = (soon - past(trial)).total_seconds()
    time.sleep(max(0.0, left))
    for record in records:
        is_there(trial, record, 2)


Look = Callable[[str], bool]


def looks(trial: Trial) -> dict[str, Look]:
    """The operations that can treat an expired record as gone, each telling whether it does."""
    handle = trial.backend

    def finds(call: Callable[[], object]) -> bool:
        try:
            return bool(call())
        except NotFoundError:
            return False

    def swaps(owner: str) -> bool:
        try:
            expired = trial.record(owner, expires_at=past(trial, HOUR))
            return bool(handle.put_if_version(expired, 1))
        except ConcurrentModificationError:
            return True

    return {
        "get": lambda owner: finds(lambda: handle.get(owner, "task")),
        "list_by_owner": lambda owner: bool(handle.list_by_owner(owner)),
        "count_by_owner": lambda owner: handle.count_by_owner(owner) > 0,
        "put_if_version": lambda owner: finds(lambda: swaps(owner)),
        "delete": lambda owner: handle.delete(owner, "task"),
    }


@rule("EXP-8")
def all_or_none_see_it(trial: Trial) -> None:
    """Once any of get, listing, count, put_if_version and delete has treated an expired record as
    gone, all of them do.
    """
    for first, look in looks(trial).items():
        for second, look_again in looks(trial).items():
            owner = trial.owner()
            trial.seed(owner, expires_at=past(trial, HOUR))
            if not look(owner):
                told = f"{first} treated an expired record as gone, {second} then found it"
                trial.expect(not look_again(owner), f"{second} to agree with {first}", told)


@rule("EXP-9")
def extreme_expiries(trial: Trial) -> None:
    """An expiry in 1970 or in 9999 is accepted."""
    owner = trial.owner()
    far = [
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(9999, 1, 1, tzinfo=UTC),
    ]
    for number, instant in enumerate(far):
        record = trial.record(owner, f"far {number}", expires_at=instant)
        trial.returns(1, trial.backend.create, record)
        is_there(trial, record, 1)
    for number, instant in enumerate(
        (datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 2, tzinfo=UTC))
    ):
        record = trial.record(owner, f"old {number}", expires_at=instant)
        trial.returns(1, trial.backend.create, record)
        trial.returns(
            1, trial.backend.put, trial.record(owner, f"put {number}", expires_at=instant)
        )


@rule("EXP-11")
def create_on_an_expired_key(trial: Trial) -> None:
    """Creating on an expired key either raises AlreadyExistsError or works at version 1 and is
    listed once; after cleanup_expired (not native_expiry) it works.
    """
    owner = trial.owner()
    trial.seed(owner, expires_at=past(trial))
    record = trial.record(owner)
    try:
        version = trial.backend.create(record)
    except AlreadyExistsError:
        if trial.target.native_expiry:
            return
        trial.backend.cleanup_expired()
        version = trial.backend.create(record)
    trial.expect(version == 1, "create returns 1", f"it returned {short(version)}")
    trial.holds(record, 1)
    trial.lists(owner, record)
    trial.returns(1, trial.backend.count_by_owner, owner)
