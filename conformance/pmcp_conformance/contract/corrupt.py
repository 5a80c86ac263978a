"""ERR-2, ERR-3, ERR-10: rows that are no records, or those of another key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_storage import CorruptRecordError


def planted(trial: Trial, owner: str) -> Iterator[str]:
    """Plant rows that are no records, one after the other; yield what each one is."""
    whole = json.loads(trial.record(owner).to_json())
    shapes: list[object] = [{}, [], "text", 7, None, {"task": None}]
    shapes += [
        {name: whole[name] for name in whole if name != left_out}
        for left_out in ("task", "ownerId")
    ]
    shapes += [{**whole, "task": {**whole["task"], "status": "unheard-of"}}]
    shapes += [{**whole, "expiresAt": "tomorrow"}, {**whole, "variables": [1]}]
    for shape in shapes:
        trial.plant(owner, "task", json.dumps(shape), 1)
        yield short(shape, 60)
    for text in ("{", "not JSON", ""):
        try:
            trial.plant(owner, "task", text, 1)
        except Exception:
            continue  # a storage with a JSON type of its own takes no such text
        yield repr(text)


def corrupt(trial: Trial, owner: str, call: Callable[..., object], *args: Any) -> None:
    """The call raises CorruptRecordError that names the planted row."""
    error = trial.raises(CorruptRecordError, call, *args)
    named = (error.owner_id, error.task_id)
    trial.expect(named == (owner, "task"), f"an error about {(owner, 'task')}", f"about {named}")


@rule("ERR-2", doors=("plant",))
def corrupt_rows_in_get(trial: Trial) -> None:
    """A row that is not a record (valid JSON of the wrong shape, or broken JSON where the storage
    takes it) makes get raise CorruptRecordError.
    """
    owner = trial.owner()
    for what in planted(trial, owner):
        try:
            corrupt(trial, owner, trial.backend.get, owner, "task")
        except Violation as violation:
            expected = f"{violation.expected} for a row with {what}"
            raise Violation(expected, violation.observed) from violation


@rule("ERR-3", doors=("plant",))
def corrupt_rows_in_listings(trial: Trial) -> None:
    """Such a row makes the listing raise CorruptRecordError naming the row, rather than leave it
    out; delete removes it.
    """
    owner = trial.owner()
    sound = [trial.seed(owner, task_id) for task_id in ("a", "z")]
    for _ in planted(trial, owner):
        for listing in (
            trial.backend.list_by_owner,
            lambda o: list(trial.backend.iter_by_owner(o)),
        ):
            corrupt(trial, owner, listing, owner)
        trial.returns(True, trial.backend.delete, owner, "task")
        trial.lists(owner, *sound)


@rule("ERR-10", doors=("plant",))
def rows_of_another_key(trial: Trial) -> None:
    """A row whose JSON names another owner or task than its key is never returned as a record of
    that key.
    """
    owner, other = trial.owner(), trial.owner()
    strangers = [
        trial.record(other),
        trial.record(owner, "another"),
        trial.record(other, "another"),
    ]
    for stranger in strangers:
        trial.plant(owner, "task", stranger.to_json(), 1)
        calls = [
            lambda: trial.backend.get(owner, "task"),
            lambda: trial.backend.list_by_owner(owner),
            lambda: list(trial.backend.iter_by_owner(owner)),
        ]
        for call in calls:
            corrupt(trial, owner, call)
    trial.returns([], trial.backend.list_by_owner, other)
