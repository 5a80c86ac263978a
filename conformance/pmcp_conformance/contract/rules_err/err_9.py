"""ERR-9: wrong arguments, each in every place that takes one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.attempt import Call
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_listed, expect_raises, expect_stored


@rule("ERR-9", facts=("in_process",))
def wrong_arguments(trial: Trial) -> None:
    """An argument of the wrong type, an id that no record can have, or an instant without a time
    zone is refused before anything is written (TypeError, ValueError).

    Why: str(None) is a fine key: a bug in the caller stores a task as "None" or lists nothing for
    an empty owner, and shows up weeks later as missing tasks. Refused after the write, it leaves
    half-done work.

    Real bug: In redis-py, setting a key to None succeeded and stored the string 'None', which
    nobody could tell from user input.
    (https://github.com/redis/redis-py/issues/190)

    Mend: Let the public methods of StorageBackend check the arguments and override only those with
    an underscore. No int(), str() or decode() on what comes in; check bool before int; a generator
    must check before its first yield.
    """
    owner = trial.owner()
    record = trial.store_record(owner)
    handle = cast("Any", trial.backend)
    wrong: Any
    for wrong in (None, 1, b"task", ["task"]):
        for call in id_calls(handle, owner, wrong):
            expect_raises(TypeError, call)
    for impossible in ("", "\0", "a\0b", "\ud800", "x" * 1025, "\u00e9" * 513):
        for call in id_calls(handle, owner, impossible):
            expect_raises(ValueError, call)
    expect_raises(ValueError, handle.get, owner, "x" * 257)
    other = trial.record(owner)
    for wrong in (None, "record", {}, other.task, [other]):
        for write in (handle.create, handle.put, lambda wrong: handle.put_if_version(wrong, 1)):
            expect_raises(TypeError, write, wrong)
    for wrong in (None, "1", 1.0, True):
        expect_raises(TypeError, handle.put_if_version, other, wrong)
        expect_raises(TypeError, handle.list_by_owner, owner, limit=wrong)
    wrong_counts(trial, owner)
    expect_stored(trial, record, 1)
    expect_listed(trial, owner, record)


def wrong_counts(trial: Trial, owner: str) -> None:
    """Counting refuses options of the wrong type, and an instant that names none."""
    for option in ({"live_at": "now"}, {"at_most": "1"}, {"at_most": 1.0}, {"at_most": True}):
        expect_raises(TypeError, cast("Any", trial.backend).count_by_owner, owner, **option)
    naive = datetime.now(UTC).replace(tzinfo=None)
    expect_raises(ValueError, trial.backend.count_by_owner, owner, live_at=naive)


def id_calls(handle: Any, owner: str, wrong: object) -> list[Call]:
    """Every way to hand over an id."""
    return [
        lambda: handle.get(owner, wrong),
        lambda: handle.get(wrong, "task"),
        lambda: handle.delete(owner, wrong),
        lambda: handle.delete(wrong, "task"),
        lambda: handle.list_by_owner(wrong),
        lambda: handle.count_by_owner(wrong),
        lambda: handle.iter_by_owner(wrong),
        *([lambda: handle.list_by_owner(owner, after=wrong)] if wrong is not None else []),
    ]
