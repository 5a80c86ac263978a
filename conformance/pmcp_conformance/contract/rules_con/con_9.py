"""CON-9: handles see each other."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import (
    expect_entry,
    expect_raises,
    expect_returns,
    expect_stored,
    listed_entry,
)
from pmcp_storage import (
    NotFoundError,
)


@rule("CON-9", facts=("shared",))
def handles_see_each_other(trial: Trial) -> None:
    """What one handle has written, another handle reads at once."""
    owner = trial.owner()
    pair = [trial.open("first"), trial.open("second")]
    for reader in pair:  # whatever it may cache of this must not be returned later
        nothing_there(trial, owner, reader)
    write_in_turn(trial, owner, pair)
    for writer, reader in (pair, pair[::-1]):
        expect_returns(True, writer.delete, owner, "task")
        nothing_there(trial, owner, reader)
        record = trial.record(owner)
        expect_returns(1, writer.create, record)
        expect_stored(trial, record, 1, reader)
        expect_returns(1, reader.count_by_owner, owner)


def write_in_turn(trial: Trial, owner: str, pair: list[RecordedBackend]) -> None:
    """One handle creates a record and both overwrite it, and each time the other one reads it."""
    for version in range(1, 9):
        writer, reader = pair[version % 2], pair[1 - version % 2]
        record = trial.record(owner)
        if version == 1:
            expect_returns(1, writer.create, record)
        else:
            reader.get(owner, "task")
            if version % 3:
                expect_returns(version, writer.put, record)
            else:
                expect_returns(version, writer.put_if_version, record, version - 1)
        expect_stored(trial, record, version, reader)
        expect_entry(listed_entry(trial, owner, "task", reader), record, version)


def nothing_there(trial: Trial, owner: str, reader: RecordedBackend) -> None:
    expect_raises(NotFoundError(owner, "task"), reader.get, owner, "task")
    expect_returns([], reader.list_by_owner, owner)
    expect_returns(0, reader.count_by_owner, owner)
