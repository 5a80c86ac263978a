"""Shared by the rules of VAL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pmcp_conformance.contract.support import successive_writes, with_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_listed, expect_stored
from pmcp_conformance.generators import corpus

Number = TypeVar("Number", int, float)

FILLERS = ("x", "\u00e9", "\U0001f600")
"""Characters of one, two and four bytes."""


def expect_round_trip(trial: Trial, *, meta: dict[str, Any] | None = None, **changes: Any) -> None:
    """A record with these fields comes back equal, from get and from a listing, by every write.

    `meta` is a field of its task.
    """
    owner = trial.owner()
    for version, write in enumerate(successive_writes(trial.backend), start=1):
        record = trial.record(owner, **changes)
        if meta is not None:
            record = with_task(record, meta=meta)
        write(record)
        expect_stored(trial, record, version)
    expect_listed(trial, owner, record)


def payload(value: object) -> dict[str, Any]:
    """The value in every place of a record that can hold any, as keyword arguments."""
    members = {"value": value, "list": [value]}
    return {"variables": members, "result": value, "meta": {**members}}


def exact(trial: Trial, numbers: Sequence[Number]) -> list[Number]:
    """Those of the numbers that the target's fact `integers` promises to give back."""
    return [number for number in numbers if corpus.values.is_exact(number, trial.target.integers)]
