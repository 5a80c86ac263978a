"""LIST-10: iterating over hundreds of records."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_list.support import BIG
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect, expect_returns
from pmcp_storage import VersionedRecord
from pmcp_storage.backend import PAGE


@rule("LIST-10")
def iterating_hundreds(trial: Trial) -> None:
    """iter_by_owner yields hundreds of records completely, each once, in order.

    Why: Exports, clean-ups and counts of a busy owner silently cover only a part of its tasks.

    Real bug: Valkeyrie's DynamoDB store had to be changed to read all pages of a scan, which stops
    at 1 MB, in order to return every item. (https://github.com/kvtools/valkeyrie/pull/24)

    Mend: Keep the base class's iter_by_owner, or follow pages until one is short, with the last id
    of the page before. A single query's Count covers one page only.
    """
    owner = trial.owner()
    ids = [f"t{number:03}" for number in range(205)]
    for number in range(205):
        # In no order, and once with a last page that is full.
        place = number * 67 % 205
        big = place in (100, 101, 102)
        size = min(BIG, trial.target.max_record_bytes) if big else 400
        with premise("VAL-8" if big else "CRE-1"):
            trial.backend.create(trial.sized(owner, ids[place], size))
        if number + 1 == 2 * PAGE:
            stored = sorted(ids[n * 67 % 205] for n in range(2 * PAGE))
            expect_iterated(stored, trial.backend.iter_by_owner(owner))
    expect_iterated(ids, trial.backend.iter_by_owner(owner))
    pairs = list(zip(*(trial.backend.iter_by_owner(owner) for _ in range(2)), strict=False))
    for side in (0, 1):
        expect_iterated(ids, (pair[side] for pair in pairs))
    counts: list[dict[str, Any]] = [{}, {"live_at": datetime.now(UTC)}, {"at_most": 1000}]
    for options in counts:
        expect_returns(205, trial.backend.count_by_owner, owner, **options)
    expect_returns(150, trial.backend.count_by_owner, owner, at_most=150)


def expect_iterated(ids: list[str], entries: Iterable[VersionedRecord]) -> None:
    """These records, given in ascending order, are what is yielded in descending order."""
    seen = [entry.record.task_id for entry in entries]
    missing = sorted(set(ids) - set(seen))
    observed = f"{len(seen)} records, {len(set(seen))} different, missing {missing[:5]}"
    expect(seen == ids[::-1], f"{len(ids)} records, each once, in descending order", observed)
