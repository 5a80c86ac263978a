"""Shared by the rules of KEY."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect, expect_listed, expect_returns, expect_stored
from pmcp_conformance.generators.corpus import Sample
from pmcp_storage import StorageError, TaskRecord


def expect_distinct_keys(trial: Trial, samples: list[Sample], *, ending: bool = True) -> None:
    """Each id names a record of its own: as task_ids of one owner, and as parts of owner_ids."""
    expect_distinct_tasks(trial, samples)
    expect_distinct_owners(trial, samples, "{}", "")
    if ending:
        expect_distinct_owners(trial, samples, "", "{}")


def expect_distinct_tasks(trial: Trial, samples: list[Sample]) -> None:
    """One owner, one task per id: each is its own record, overwritten, listed and deleted alone."""
    owner = trial.owner()
    records = {}
    for sample in samples:
        with provoked_by(sample):
            records[sample.value] = record = trial.record(owner, sample.value)
            expect_returns(1, trial.backend.create, record)
    for sample in samples:
        with provoked_by(sample):
            expect_stored(trial, records[sample.value], 1)
            expect_returns(2, trial.backend.put, trial.record(owner, sample.value))
            records[sample.value] = record = trial.record(owner, sample.value)
            expect_returns(3, trial.backend.put_if_version, record, 2)
    expect_listed(trial, owner, *records.values())
    # A pattern of the corpus comes after what it matches: delete it first.
    for number, sample in enumerate(reversed(samples), start=1):
        with provoked_by(sample):
            expect_returns(True, trial.backend.delete, owner, sample.value)
        del records[sample.value]
        if number == max(2, len(samples) // 4):
            expect_listed(trial, owner, *records.values())


def expect_distinct_owners(trial: Trial, samples: list[Sample], before: str, after: str) -> None:
    """One task_id under an owner per id: each owner lists and reads its own record only."""
    unique = trial.owner()
    records = []
    for sample in samples:
        # One UUID for all of them: the owners must differ in the sample alone.
        form = before + sample.value.replace("{}", "{ }") + after
        owner = trial.claim_owner(form.replace("{}", unique))
        with provoked_by(sample):
            record = trial.record(owner)
            expect_returns(1, trial.backend.create, record)
        records.append((sample, record))
    for sample, record in records:
        with provoked_by(sample):
            expect_stored(trial, record, 1)
            expect_listed(trial, record.owner_id, record)
            live_at = datetime.now(UTC) if after else None  # which may be another query
            expect_returns(1, trial.backend.count_by_owner, record.owner_id, live_at=live_at)
            if after:  # and so may further pages be
                page = trial.backend.list_by_owner(record.owner_id, after="\U0010ffff")
                ids = [entry.record.task_id for entry in page]
                expect(ids == ["task"], f"{['task']} after U+10FFFF", short(ids))
    expect_separate_changes(trial, records)


def expect_separate_changes(trial: Trial, records: list[tuple[Sample, TaskRecord]]) -> None:
    """An overwrite and a delete of one owner's record leave those of the others as they are."""
    for sample, record in records:
        with provoked_by(sample):
            changed = trial.record(record.owner_id)
            expect_returns(2, trial.backend.put_if_version, changed, 1)
            expect_returns(3, trial.backend.put, trial.record(record.owner_id))
    # A pattern of the corpus comes after what it matches: delete it first.
    for sample, record in reversed(records):
        with provoked_by(sample):
            expect_returns(True, trial.backend.delete, record.owner_id, "task")


@contextmanager
def provoked_by(sample: Sample) -> Iterator[None]:
    """Say in a violation which sample of the corpus provoked it, and which bug it stands for."""
    about = f"{_id_text(sample.value)}: {sample.provokes}"
    try:
        yield
    except Violation as violation:
        expected = f"{violation.expected} (with {about})"
        raise Violation(expected, violation.observed) from violation
    except StorageError as error:
        observed = f"raised {type(error).__name__}: {error}"
        raise Violation(f"no error (with {about})", observed) from error


def _id_text(value: str) -> str:
    """An id without look-alikes; of a long one its beginning and its lengths."""
    text = ascii(value)
    if len(text) <= 60:
        return text
    return f"{text[:40]}…, {len(value)} characters, {len(value.encode())} bytes of UTF-8"
