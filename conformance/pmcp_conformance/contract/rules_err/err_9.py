"""ERR-9: wrong arguments, each in every place that takes one."""

from __future__ import annotations

from typing import Any, cast

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.attempt import Call
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_listed, expect_raises, expect_stored


@rule("ERR-9")
def wrong_arguments(trial: Trial) -> None:
    """An argument of the wrong type, or an id that no record can have, is refused before anything
    is written (TypeError, ValueError).
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
    """Counting refuses options of the wrong type."""
    for option in ({"live_at": "now"}, {"at_most": "1"}, {"at_most": 1.0}, {"at_most": True}):
        expect_raises(TypeError, cast("Any", trial.backend).count_by_owner, owner, **option)


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
