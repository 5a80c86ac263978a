"""MOD: random sequences of operations give what the reference model gives.

This module runs the sequences against a backend; `generators` draws and shrinks them and has the
model. No record of a sequence expires within the run.
"""

from __future__ import annotations

from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.pacing import limit_of, numbers
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.generators.reference_model import ReferenceModel, Step
from pmcp_conformance.generators.sequences import STEPS, SequenceGenerator, shrunk
from pmcp_storage import (
    AlreadyExistsError,
    ConcurrentModificationError,
    NotFoundError,
    StorageError,
    TaskRecord,
    VersionedRecord,
)

_SECONDS = 0.8
"""For all sequences, but for the first ones, where an operation takes milliseconds."""

_MOST_SEQUENCES = 12

_SHRINKING_RUNS = 150
"""How often a failing sequence is run to shorten it."""

_OWNER_ENDINGS = ("", "x")
"""What the ids of a sequence's two owners end with: one is a prefix of the other."""


@rule("MOD-1", parts=4)
def any_sequence(trial: Trial) -> None:
    """Any sequence of operations gives what the reference model gives.

    Why: Each operation works alone, but some order of them does not: a deleted task is counted, a
    page is stale, an old version is accepted again. Users meet such orders; single tests do not.

    Real bug: In LevelDB 1.9 and 1.10 keys that had been deleted were there again after a compaction
    of the range. (https://github.com/google/leveldb/issues/184)

    Mend: Take the shortest sequence in the report and follow the second copy of the state: a
    counter, an index, a cached page. Update it in the same transaction as the record, or drop it
    and ask the storage.
    """
    run_sequences(trial, [trial.backend])


@rule("MOD-2", facts=("shared",), parts=2)
def any_sequence_over_two_handles(trial: Trial) -> None:
    """Any sequence of operations spread over two handles gives what the reference model gives.

    Why: Servers run several workers on one storage. If each handle trusts its own memory, the
    client polls one worker and sees another state than the worker that runs the task.

    Real bug: In Turso's SQLite rewrite a connection kept its page cache after another connection
    had changed the database, and went on working with stale pages.
    (https://github.com/tursodatabase/turso/pull/2257)

    Mend: Keep no state in the handle: read the storage each time, send each write before returning.
    If you must cache, check the stored version on every use.
    """
    run_sequences(trial, [trial.backend, trial.open("second")])


def run_sequences(trial: Trial, handles: list[RecordedBackend]) -> None:
    """Run as many sequences as the backend's latency allows; report the first that fails."""
    for number in numbers(trial, _MOST_SEQUENCES, until=limit_of(trial, _SECONDS)):
        seed = trial.seed * 1_000_000 + trial.part * 1_000 + number
        steps = SequenceGenerator(seed, handles=len(handles)).sequence()
        if first_difference(trial, handles, steps):
            raise difference_found(trial, handles, steps, seed)


def difference_found(
    trial: Trial, handles: list[RecordedBackend], steps: list[Step], seed: int
) -> Violation:
    """What a failing sequence shows, once it is shrunk: recorded afresh, for the report."""
    few = shrunk(steps, lambda s: bool(first_difference(trial, handles, s)), _SHRINKING_RUNS)
    with trial.recording.cleared():
        found = first_difference(trial, handles, few) or first_difference(trial, handles, steps)
    sequence = f"sequence of seed {seed}, shrunk to {len(few)} of {STEPS} steps"
    if found is None:
        return Violation("the same outcomes each time", f"outcomes that vary; {sequence}")
    expected, observed = found
    return Violation(expected, f"{observed} ({sequence})")


def first_difference(
    trial: Trial, handles: list[RecordedBackend], steps: list[Step]
) -> tuple[str, str] | None:
    """Run the steps under fresh owners; the first outcome that differs, expected and observed."""
    base = trial.owner()
    owners = [trial.claim_owner(base + ending) if ending else base for ending in _OWNER_ENDINGS]
    model = ReferenceModel()
    for step in steps:
        record = None
        if step.operation in ("create", "put", "put_if_version"):
            variables = {"value": step.value}
            record = trial.record(owners[step.owner], step.task_id, variables=variables)
        expected = model.apply(step)
        observed = observed_outcome(handles[step.handle], step, owners[step.owner], record)
        if observed != expected:
            return f"{step.operation} gives {expected!r}", f"it gave {observed!r}"
    return None


def observed_outcome(
    handle: RecordedBackend, step: Step, owner: str, record: TaskRecord | None
) -> Any:
    """The outcome of a step on the backend, in the terms of the model."""
    try:
        return in_model_terms(invoke(handle, step, owner, record))
    except NotFoundError:
        return ("not found",)
    except AlreadyExistsError:
        return ("already exists",)
    except ConcurrentModificationError as error:
        return ("conflict", error.expected_version, error.actual_version)
    except StorageError as error:
        return (type(error).__name__, str(error))


def invoke(handle: RecordedBackend, step: Step, owner: str, record: TaskRecord | None) -> Any:
    """Call the operation of a step."""
    if record is not None:
        swaps = step.operation == "put_if_version"
        arguments = (record, step.number) if swaps else (record,)
        return getattr(handle, step.operation)(*arguments)
    if step.operation == "list_by_owner":
        return handle.list_by_owner(owner, limit=step.number, after=step.after)
    if step.operation == "count_by_owner":
        return handle.count_by_owner(owner, at_most=step.number)
    return getattr(handle, step.operation)(owner, step.task_id)


def in_model_terms(result: Any) -> Any:
    """What an operation returned, in the terms of the model."""
    if isinstance(result, VersionedRecord):
        return (result.record.variables.get("value"), result.version)
    if isinstance(result, list):
        return [(entry.record.task_id, *in_model_terms(entry)) for entry in result]
    return result
