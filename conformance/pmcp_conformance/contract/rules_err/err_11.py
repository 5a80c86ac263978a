"""ERR-11: an async operation that is cut short."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.attempt import Attempt, Call
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.handles import watched
from pmcp_conformance.engine.pacing import is_fast, limit_of, numbers
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import NotApplicable, Violation
from pmcp_conformance.expectations import expect, expect_raises, expect_returns, expect_stored
from pmcp_conformance.interleaving.backend_code import backend_files
from pmcp_conformance.interleaving.cancellation import Cut, CutSoon, OutOfTime
from pmcp_conformance.interleaving.exploration import at_each_yield_point, noting_when
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_conformance.interleaving.two_calls import cross
from pmcp_conformance.interleaving.yield_points import YieldPoint, YieldPointKind
from pmcp_conformance.stepping import is_async
from pmcp_storage import NotFoundError, StorageError, TaskRecord, VersionedRecord

_MOST_AWAITS = 60
"""Of one operation."""

_TIMES = 12
"""How often each of them is cut short: what is lost each time, such as a connection of a pool, is
then soon missed."""

_SECONDS = 0.8
"""For each operation and way to cut it short, where an operation takes milliseconds."""

_LOOKS = 3

_AT_ONCE = 12
"""Operations at the same time in the end, for which a pool must have all that it had."""


@rule("ERR-11", since="1.1")
def operations_that_are_cut_short(trial: Trial) -> None:
    """An operation of an async backend that is cancelled at any await, or ended there by a time
    limit of its own, leaves a handle that works and a record that is wholly written or not at all;
    and it is not written later, if the error was another than OutcomeUnknownError.

    Why: Clients disconnect and time limits strike at any await, many times a day. If a lock or a
    connection is lost each time, the server stops answering after some hours; if a cancelled write
    arrives later after all, it undoes what was decided meanwhile.

    Real bug: In redis-py 4.5.3 an asyncio command that was cancelled after it had been sent left
    its answer in the connection, so that the next command read it as its own.
    (https://github.com/redis/redis-py/issues/2665)

    Mend: Release locks and connections in a finally or an async with, not in `except Exception`,
    which CancelledError passes by. Close a connection on which an answer is outstanding. Shield no
    write that may be reported as failed; a time limit of your own that ends one after it was sent
    raises OutcomeUnknownError.
    """
    if not is_async(trial.backend.unrecorded):
        raise NotApplicable("not async")
    for kind in (Cut, OutOfTime):
        for operation in ("get", "create", "put", "put_if_version", "delete", "list_by_owner"):
            cut_everywhere(trial, kind, operation)
        all_at_once(trial)
    cut = partial(cut_while_waiting, trial)
    at_each_yield_point(trial, cut, within=_SECONDS, kinds=[YieldPointKind.AWAIT])


def cut_everywhere(trial: Trial, kind: type[Cut], operation: str) -> None:
    """Cut an operation short at each of its awaits, some times each."""
    files = backend_files(trial.backend.unrecorded)
    until = limit_of(trial, _SECONDS)
    for number in numbers(trial, _MOST_AWAITS, until=until):
        for _ in numbers(trial, _TIMES if is_fast(trial) else 3, until=until):
            cut = kind(number, files)
            cut_short(trial, cut, operation)
            if not cut.where:
                return


def cut_short(trial: Trial, cut: Cut, operation: str) -> None:
    """An operation on a task of its own that is cut short, and what is found afterwards."""
    owner = trial.owner()
    before, after = trial.record(owner), trial.record(owner)
    if operation != "create":
        trial.backend.put(before)
    other = trial.store_record(owner, "other")
    handle = watched(trial, trial.backend.unrecorded)
    calls: dict[str, Call] = {
        "get": partial(handle.get, owner, "task"),
        "create": partial(handle.create, after),
        "put": partial(handle.put, after),
        "put_if_version": partial(handle.put_if_version, after, 1),
        "delete": partial(handle.delete, owner, "task"),
        "list_by_owner": partial(handle.list_by_owner, owner),
    }
    attempt = cut.make(calls[operation])
    what = "cancelled" if type(cut) is Cut else "overtaken by its own time limit"
    with noting_when(cut.where and f"after {operation} was {what} at {cut.where}"):
        states = states_allowed(operation, attempt, before, after)
        found = consistent_state(trial, owner)
        told = " or ".join(map(state_text, states))
        expect(found in states, f"{told}, for it {attempt}", state_text(found))
        expect_stored(trial, other, 1)
        # What was cancelled may still come to the storage, also between two looks at it.
        goes_on(trial, owner, {version_of(state) + 1 for state in (found, *states)})
        expect_returns(2, trial.backend.put_if_version, trial.record(owner, "other"), 1)


def cut_while_waiting(trial: Trial, at: YieldPoint) -> bool:
    """A write that comes while another one is under way and is cancelled, perhaps while it waits
    for the other one's lock; then a third one. False if the first has fewer yield points."""
    owner = trial.owner()
    backend = trial.backend.unrecorded
    handle = watched(trial, backend)
    trial.store_record(owner)
    first, second = [partial(handle.put, trial.record(owner)) for _ in range(2)]
    crossing = cross(backend, first, partial(CutSoon(1, backend_files(backend)).make, second), at)
    where = crossing.where
    with noting_when(where and f"after a put was cancelled beside one that was at {where}"):
        expect(crossing.first.error is None, "a put that succeeds", str(crossing.first))
        version = version_of(consistent_state(trial, owner))
        goes_on(trial, owner, {version + 1, version + 2})
    return bool(where)


def goes_on(trial: Trial, owner: str, versions: set[int]) -> None:
    """The next write of the task returns one of these versions."""
    version = trial.backend.put(trial.record(owner))
    text = " or ".join(map(str, sorted(versions)))
    expect(version in versions, f"put returns {text}", f"it returned {short(version)}")


State = VersionedRecord | None


def states_allowed(
    operation: str, attempt: Attempt, before: TaskRecord, after: TaskRecord
) -> list[State]:
    """What the task may hold after an operation with that outcome."""
    was = None if operation == "create" else VersionedRecord(before, 1)
    becomes: dict[str, State] = {
        "create": VersionedRecord(after, 1),
        "put": VersionedRecord(after, 2),
        "put_if_version": VersionedRecord(after, 2),
        "delete": None,
    }
    written = becomes.get(operation, was)
    if attempt.error is None:
        return [written]
    if attempt.unknown or isinstance(attempt.error, CancelledError):
        return [was, written]
    if attempt.failed:
        return [was]
    raise attempt.error


def consistent_state(trial: Trial, owner: str) -> State:
    """What the task holds, by get, by the listing and by the count.

    Looked at some times if need be: what was cancelled may arrive between two looks.
    """
    for _ in range(_LOOKS - 1):
        with suppress(Violation):
            return state_at_once(trial, owner)
    return state_at_once(trial, owner)


def state_at_once(trial: Trial, owner: str) -> State:
    try:
        found: State = trial.backend.get(owner, "task")
    except NotFoundError:
        found = None
    entries = trial.backend.list_by_owner(owner)
    listed = [entry for entry in entries if entry.record.task_id == "task"]
    counted = trial.backend.count_by_owner(owner)
    agree = listed == ([found] if found else []) and counted == len(entries)
    observed = f"get: {state_text(found)}, listed: {short(listed)}, counted: {counted}"
    expect(agree, "get, listing and count to agree", observed)
    return found


def version_of(state: State) -> int:
    return 0 if state is None else state.version


def state_text(state: State) -> str:
    if state is None:
        return "no record"
    return f"the record with {state.record.variables} at version {state.version}"


def all_at_once(trial: Trial) -> None:
    """Nothing is missing for many operations at the same time."""
    owner = trial.owner()
    handle = watched(trial, trial.backend.unrecorded)
    calls: list[Callable[[], object]] = [
        partial(handle.create, trial.record(owner, f"t{number}")) for number in range(_AT_ONCE)
    ]
    for attempt in call_simultaneously(trial.watchdog, calls):
        if isinstance(attempt.error, StorageError):
            raise Violation("a create that succeeds after others were cut short", str(attempt))
        attempt.unwrap()
    expect_raises(NotFoundError, trial.backend.get, owner, "absent")
