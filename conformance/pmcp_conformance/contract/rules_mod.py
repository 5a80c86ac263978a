"""MOD: random sequences of operations give what the reference gives.

No record of a sequence expires within the run.
"""

from __future__ import annotations

import time
from typing import Any

from pmcp_conformance.catalogue import rule
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
_MOST, _LEAST = 12, 4
_SHRINK_RUNS = 150
_ENDINGS = ("", "x")


@rule("MOD-1", parts=4)
def any_sequence(trial: Trial) -> None:
    """Any sequence of operations gives what the reference gives."""
    run_sequences(trial, [trial.backend])


@rule("MOD-2", facts=("shared",), parts=2)
def any_sequence_over_two_handles(trial: Trial) -> None:
    """Any sequence of operations spread over two handles gives what the reference gives."""
    run_sequences(trial, [trial.backend, trial.open("second")])


def run_sequences(trial: Trial, handles: list[RecordedBackend]) -> None:
    """Run as many sequences as the backend's latency allows; report the first that fails."""
    begun = time.monotonic()
    for number in range(_MOST):
        seed = trial.seed * 1_000_000 + trial.part * 1_000 + number
        steps = SequenceGenerator(seed, handles=len(handles)).sequence()
        if first_difference(trial, handles, steps):
            report(trial, handles, steps, seed)
        if number + 1 >= _LEAST and time.monotonic() - begun > _SECONDS:
            break


def report(trial: Trial, handles: list[RecordedBackend], steps: list[Step], seed: int) -> None:
    """Cut the sequence down, run it once more under the trace's eyes, and say what differs."""
    few = shrunk(steps, lambda s: bool(first_difference(trial, handles, s)), _SHRINK_RUNS)
    with trial.recording.cleared():
        told = first_difference(trial, handles, few) or first_difference(trial, handles, steps)
    again = f"sequence of seed {seed}, {len(few)} of {STEPS} steps left"
    if told is None:
        raise Violation("the same outcomes each time", f"outcomes that vary; {again}")
    raise Violation(told[0], f"{told[1]} ({again})")


def first_difference(
    trial: Trial, handles: list[RecordedBackend], steps: list[Step]
) -> tuple[str, str] | None:
    """Run the steps under fresh owners; the first outcome that differs, expected and observed."""
    base = trial.owner()
    owners = [base if not ending else trial.claim_owner(base + ending) for ending in _ENDINGS]
    model = ReferenceModel()
    for step in steps:
        record = None
        if step.operation in ("create", "put", "put_if_version"):
            variables = {"value": step.value}
            record = trial.record(owners[step.owner], step.task_id, variables=variables)
        expected = model.apply(step)
        observed = outcome(handles[step.handle], step, owners[step.owner], record)
        if observed != expected:
            return f"{step.operation} gives {expected!r}", f"it gave {observed!r}"
    return None


def outcome(handle: RecordedBackend, step: Step, owner: str, record: TaskRecord | None) -> Any:
    """What the backend makes of a step, in the terms of the model."""
    try:
        return told(invoke(handle, step, owner, record))
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


def told(result: Any) -> Any:
    """What an operation returned, in the terms of the model."""
    if isinstance(result, VersionedRecord):
        return (result.record.variables.get("value"), result.version)
    if isinstance(result, list):
        return [(entry.record.task_id, *told(entry)) for entry in result]
    return result
