"""What a rule expects: each of these raises a Violation that says what was observed instead.

Rules judge a backend by them, and authors use them in tests of their own, with the fixture
`pmcp_trial`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from pmcp_conformance.engine.comparison import expect_same_record, short
from pmcp_conformance.engine.recording import RecordedBackend, outcome_text
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Inconclusive, Violation, premise
from pmcp_storage import NotFoundError, StorageError, TaskRecord, VersionedRecord

Error = TypeVar("Error", bound=Exception)


def expect(holds: object, expected: str, observed: str) -> None:
    """Raise a Violation unless `holds`."""
    if not holds:
        raise Violation(expected, observed)


def expect_raises(
    expected: Error | type[Error], call: Callable[..., object], *args: Any, **kwargs: Any
) -> Error:
    """The error that the call raises: of this kind, and with these attributes if it is given."""
    kind = expected if isinstance(expected, type) else type(expected)
    attributes = {} if isinstance(expected, type) else vars(expected)
    text = _error_text(kind, attributes)
    try:
        result = call(*args, **kwargs)
    except kind as error:
        found = {name: getattr(error, name, "no such attribute") for name in attributes}
        expect(found == attributes, text, _error_text(type(error), found))
        return error
    except Exception as error:
        raise Violation(text, f"raised {type(error).__name__}: {error}") from error
    raise Violation(text, f"no error: it returned {outcome_text(result)}")


def expect_returns(
    expected: object, call: Callable[..., object], *args: Any, **kwargs: Any
) -> None:
    """The call returns this; a bool is never taken for a number."""
    name = getattr(call, "__name__", "it")
    try:
        result = call(*args, **kwargs)
    except StorageError as error:
        observed = f"raised {type(error).__name__}: {error}"
        raise Violation(f"{name} returns {expected!r}", observed) from error
    same = result == expected and isinstance(result, bool) == isinstance(expected, bool)
    expect(same, f"{name} returns {expected!r}", f"it returned {short(result, 80)}")


def expect_stored(
    trial: Trial, record: TaskRecord, version: int, handle: RecordedBackend | None = None
) -> None:
    """The record's key holds exactly this record at this version, as the handle reads it.

    The handle is `trial.backend` unless another is given.
    """
    key = (record.owner_id, record.task_id)
    try:
        found = (handle or trial.backend).get(*key)
    except NotFoundError as error:
        raise Violation(f"get finds {key[1]!r} at version {version}", str(error)) from error
    expect_entry(found, record, version)


def expect_entry(found: VersionedRecord, record: TaskRecord, version: int) -> None:
    """The entry has exactly this record and version; GET-4 is about the version's type."""
    observed = f"version {short(found.version)}"
    expect(found.version == version, f"version {version}", observed)
    expect_same_record(record, found.record)


def expect_absent(trial: Trial, owner_id: str, task_id: str) -> None:
    """The key has no record: neither get nor the listing finds one."""
    expect_raises(NotFoundError(owner_id, task_id), trial.backend.get, owner_id, task_id)
    listed = listed_ids(trial, owner_id)
    expect(task_id not in listed, f"a listing without {task_id!r}", short(listed))


def expect_listed(trial: Trial, owner_id: str, *records: TaskRecord) -> None:
    """The owner's listing holds exactly these records, in descending order of task_id.

    The order is what LIST-4 is about: where it alone is wrong, the rule is blocked by that.
    """
    found = trial.backend.list_by_owner(owner_id, limit=1000)
    expected = sorted((record.task_id for record in records), reverse=True)
    observed = [entry.record.task_id for entry in found]
    same = sorted(observed, reverse=True) == expected
    expect(same, f"a listing of {short(expected)}", short(observed))
    by_id = {record.task_id: record for record in records}
    for entry in found:
        expect_same_record(by_id[entry.record.task_id], entry.record)
    with premise("LIST-4"):
        expect(observed == expected, f"a listing of {short(expected)}, in order", short(observed))


def expect_stored_expiry(trial: Trial, record: TaskRecord) -> None:
    """The storage holds the expiry of this record, where the target can show it.

    To within seconds only: that it is exact is EXP-6.
    """
    if not trial.target.offers("stored_expiry"):
        return
    stored = trial.target.stored_expiry(record.owner_id, record.task_id)
    if record.expires_at is None or stored is None:
        same = record.expires_at is None and stored is None
    else:
        same = abs(stored - record.expires_at.timestamp()) <= 2
    expect(same, f"a stored expiry of {record.expires_at}", f"the storage holds {stored}")


def expect_settled_expiry(trial: Trial, record: TaskRecord) -> None:
    """The same of a record that was just read, while a write of it may still be under way.

    An expiry that is set in a second step may be missing, and the record immortal. But whoever has
    written may have been killed, or have given up, and its request reaches the server between the
    looks at both: what is found then is no finding.
    """
    try:
        expect_stored_expiry(trial, record)
    except (Violation, Inconclusive, NotFoundError):
        with suppress(NotFoundError):
            handle = trial.backend.unrecorded
            if handle.get(record.owner_id, record.task_id).record == record:
                raise


def expect_unchanged(
    trial: Trial, record: TaskRecord, version: int, action: Callable[[], object]
) -> None:
    """After the action the key still has this record, version and expiry, and is listed so."""
    owner_id = record.owner_id
    before = listed_ids(trial, owner_id)
    action()
    expect_stored(trial, record, version)
    expect_entry(listed_entry(trial, owner_id, record.task_id), record, version)
    after = listed_ids(trial, owner_id)
    expect(after == before, f"the listing as before: {before}", short(after))
    expect_stored_expiry(trial, record)


def listed_entry(
    trial: Trial, owner_id: str, task_id: str, handle: RecordedBackend | None = None
) -> VersionedRecord:
    """The entry of the key in the owner's listing."""
    for found in (handle or trial.backend).list_by_owner(owner_id, limit=1000):
        if found.record.task_id == task_id:
            return found
    raise Violation(f"a listing with {task_id!r}", "it is not there")


def listed_ids(trial: Trial, owner_id: str) -> list[str]:
    """The ids of the owner's listing."""
    return [entry.record.task_id for entry in trial.backend.list_by_owner(owner_id, limit=1000)]


def _error_text(kind: type[Exception], attributes: dict[str, Any]) -> str:
    values = ", ".join(f"{name}={short(value, 80)}" for name, value in attributes.items())
    return f"{kind.__name__}({values})"
