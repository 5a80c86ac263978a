"""KEY: two keys are two records, whatever their ids look like, and ids come back verbatim."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect_listed, expect_returns, expect_stored
from pmcp_conformance.generators import corpus
from pmcp_conformance.generators.corpus import Sample
from pmcp_storage import StorageError, TaskRecord
from pmcp_storage.records import MAX_OWNER_ID_BYTES, MAX_TASK_ID_BYTES


@rule("KEY-1")
def a_task_under_two_owners(trial: Trial) -> None:
    """The same task_id under two owners names two records."""
    one, two = trial.owner(), trial.owner()
    first = trial.store_record(one)
    second = trial.record(two)
    expect_returns(1, trial.backend.create, second)
    expect_stored(trial, first, 1)
    expect_stored(trial, second, 1)
    changed = trial.record(one)
    expect_returns(2, trial.backend.put_if_version, changed, 1)
    expect_stored(trial, second, 1)
    expect_returns(True, trial.backend.delete, one, "task")
    expect_stored(trial, second, 1)
    expect_listed(trial, two, second)


@rule("KEY-2")
def delimiters(trial: Trial) -> None:
    """Delimiters inside ids never join or split keys: ("a:b", "c") and ("a", "b:c"), and so for
    # / | % \\ , ; and space.
    """
    for pair in corpus.ids.JOINED:
        unique = trial.owner()
        sample = Sample((pair.left, pair.right), pair.provokes)
        with provoked_by(sample):
            sides = [
                trial.record(trial.claim_owner(form.replace("{}", unique)), task_id)
                for form, task_id in (pair.left, pair.right)
            ]
            for record in sides:
                expect_returns(1, trial.backend.create, record)
            for record in sides:
                expect_stored(trial, record, 1)
                expect_listed(trial, record.owner_id, *of_one_owner(record, sides))
            expect_returns(True, trial.backend.delete, sides[0].owner_id, sides[0].task_id)
            expect_stored(trial, sides[1], 1)


def of_one_owner(record: TaskRecord, sides: list[TaskRecord]) -> list[TaskRecord]:
    """Those records of a pair whose owner is that of the record."""
    return [side for side in sides if side.owner_id == record.owner_id]


@rule("KEY-3")
def case(trial: Trial) -> None:
    """Keys differ by case."""
    expect_distinct_keys(trial, corpus.ids.CASES)


@rule("KEY-4")
def accents_and_normal_forms(trial: Trial) -> None:
    """Keys differ by accent and by Unicode normalization form."""
    expect_distinct_keys(trial, corpus.ids.ACCENTS)


@rule("KEY-5")
def white_space(trial: Trial) -> None:
    """Keys differ by leading, trailing and doubled white space."""
    expect_distinct_keys(trial, corpus.ids.SPACES)


@rule("KEY-6")
def pattern_characters(trial: Trial) -> None:
    """Pattern characters (% _ * ? [ ] ^ $ .) in ids are plain text, in keys and in listings."""
    expect_distinct_keys(trial, corpus.ids.PATTERNS)


@rule("KEY-7")
def unicode(trial: Trial) -> None:
    """Any Unicode id comes back verbatim: astral, right-to-left, combining, zero-width, control
    characters, newline.
    """
    expect_distinct_keys(trial, corpus.ids.UNICODE)


@rule("KEY-8")
def greatest_lengths(trial: Trial) -> None:
    """Keys of the maximum length work, and two that differ only in their last character are two
    keys.
    """
    for filler in ("x", "\u00e9", "\U0001f600"):
        size = len(filler.encode())
        stem = filler * ((MAX_TASK_ID_BYTES - 1) // size)
        stem += "y" * (MAX_TASK_ID_BYTES - 1 - len(stem.encode()))
        expect_distinct_tasks(
            trial, [Sample(stem + last, "truncation of long ids") for last in "abc"]
        )
        unique = trial.owner()
        room = MAX_OWNER_ID_BYTES - 1 - len(unique)
        stem = filler * (room // size)
        stem += "y" * (room - len(stem.encode()))
        longest = [Sample(stem + last, "truncation of long ids") for last in "ab"]
        owners = [trial.claim_owner(unique + sample.value) for sample in longest]
        records = [trial.record(owner) for owner in owners]
        for record in records:
            expect_returns(1, trial.backend.create, record)
        for record in records:
            expect_stored(trial, record, 1)
            expect_listed(trial, record.owner_id, record)


@rule("KEY-9")
def numbers_as_text(trial: Trial) -> None:
    """Ids that look like numbers, booleans or nulls stay text."""
    expect_distinct_keys(trial, corpus.ids.NUMBERS)


@rule("KEY-10")
def paths(trial: Trial) -> None:
    """Ids that look like paths (.. ../x /etc a/b) reach nothing outside the store."""
    expect_distinct_keys(trial, corpus.ids.PATHS)


@rule("KEY-11")
def queries(trial: Trial) -> None:
    """Ids that look like queries or protocol (' OR 1=1 --, {"$gt":""}, CRLF plus a command,
    #expression names) are plain text.
    """
    expect_distinct_keys(trial, corpus.ids.QUERIES)


@rule("KEY-12")
def reserved_names(trial: Trial) -> None:
    """Names that a storage might reserve for itself (PK, SK, version, __meta__, _version, schema,
    idx) are ids like any other.
    """
    expect_distinct_keys(trial, corpus.ids.RESERVED)


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
            records[sample.value] = record = trial.record(owner, sample.value)
            expect_returns(2, trial.backend.put, record)
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


@contextmanager
def provoked_by(sample: Sample) -> Iterator[None]:
    """Say in a violation which sample of the corpus provoked it, and which bug it stands for."""
    about = f"{sample.value!a:.60}: {sample.provokes}"
    try:
        yield
    except Violation as violation:
        expected = f"{violation.expected} (with {about})"
        raise Violation(expected, violation.observed) from violation
    except StorageError as error:
        observed = f"raised {type(error).__name__}: {error}"
        raise Violation(f"no error (with {about})", observed) from error
