"""Changes at the same time: none is lost, none is hidden."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TypeVar

import pytest

from pmcp_storage import (
    GenericTaskStore,
    InMemoryBackend,
    InvalidTransitionError,
    StorageBackend,
    StoreConfig,
    TaskAlreadyExistsError,
    TaskConflictError,
    TaskEndedError,
    TaskError,
    TaskNotFoundError,
    TaskStatus,
)
from support.store_support import InterferingBackend, expired

T = TypeVar("T")
THREADS = 16

CHANGES: dict[str, Callable[[GenericTaskStore], object]] = {
    "update_status": lambda store: store.update_status("o", "t", TaskStatus.INPUT_REQUIRED),
    "set_variables": lambda store: store.set_variables("o", "t", {"a": 1}),
    "set_result": lambda store: store.set_result("o", "t", 1),
    "complete_with_result": lambda store: store.complete_with_result(
        "o", "t", TaskStatus.COMPLETED, 1
    ),
    "cancel": lambda store: store.cancel("o", "t"),
}


def at_once(act: Callable[[int], T]) -> list[T | TaskError]:
    """What `act` returned or raised in each of the threads, which start together."""
    barrier = Barrier(THREADS)

    def run(number: int) -> T | TaskError:
        barrier.wait()
        try:
            return act(number)
        except TaskError as error:
            return error

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def insist(change: Callable[[], T]) -> T:
    """Do it again for as long as somebody else was faster."""
    while True:
        try:
            return change()
        except TaskConflictError:
            continue


@pytest.fixture
def store() -> GenericTaskStore:
    return GenericTaskStore(InMemoryBackend())


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_write_in_between_is_a_conflict_and_stays(
    change: Callable[[GenericTaskStore], object],
) -> None:
    backend = InterferingBackend()
    store = GenericTaskStore(backend)
    store.create("o", "tools/call", task_id="t")

    def interfere(other: StorageBackend) -> None:
        GenericTaskStore(other).set_variables("o", "t", {"theirs": True})

    backend.interfere = interfere
    with pytest.raises(TaskConflictError) as error:
        change(store)
    facts = (error.value.owner_id, error.value.task_id)
    assert facts == ("o", "t")
    assert (error.value.expected_version, error.value.actual_version) == (1, 2)
    found = store.get("o", "t")
    assert (found.version, found.record.variables) == (2, {"theirs": True})
    change(store)
    assert store.get("o", "t").version == 3


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_delete_in_between_is_not_undone(
    change: Callable[[GenericTaskStore], object],
) -> None:
    backend = InterferingBackend()
    store = GenericTaskStore(backend)
    store.create("o", "tools/call", task_id="t")
    backend.interfere = lambda other: other.delete("o", "t")
    with pytest.raises(TaskNotFoundError):
        change(store)
    assert store.list("o").tasks == []


def test_an_expired_id_that_somebody_else_takes_first_is_theirs() -> None:
    backend = InterferingBackend()
    backend.create(expired())
    taken = []
    backend.interfere = lambda other: taken.append(
        GenericTaskStore(other).create("o", "theirs", task_id="t")
    )
    with pytest.raises(TaskAlreadyExistsError):
        GenericTaskStore(backend).create("o", "ours", task_id="t")
    assert GenericTaskStore(backend).get("o", "t") == taken[0]


def test_variables_that_many_set_are_all_there(store: GenericTaskStore) -> None:
    store.create("o", "tools/call", task_id="t")

    def set_five(number: int) -> None:
        for key in (f"{number} {turn}" for turn in range(5)):
            insist(partial(store.set_variables, "o", "t", {key: number}))

    at_once(set_five)
    found = store.get("o", "t")
    assert len(found.record.variables) == THREADS * 5
    assert found.version == 1 + THREADS * 5


def test_of_many_changes_each_is_one_version_or_a_conflict(store: GenericTaskStore) -> None:
    store.create("o", "tools/call", task_id="t")
    versions = at_once(lambda _: store.set_variables("o", "t", {"x": 1}).version)
    won = [version for version in versions if isinstance(version, int)]
    assert sorted(won) == list(range(2, 2 + len(won)))
    assert store.get("o", "t").version == 1 + len(won)
    assert all(isinstance(lost, int | TaskConflictError) for lost in versions)


def test_of_many_endings_one_holds(store: GenericTaskStore) -> None:
    store.create("o", "tools/call", task_id="t")

    def end(number: int) -> int:
        if number % 2:
            insist(lambda: store.cancel("o", "t"))
        else:
            insist(lambda: store.complete_with_result("o", "t", TaskStatus.COMPLETED, number))
        return number

    outcomes = at_once(end)
    winners = [outcome for outcome in outcomes if isinstance(outcome, int)]
    losers = [outcome for outcome in outcomes if not isinstance(outcome, int)]
    assert len(winners) == 1
    assert {type(loser) for loser in losers} == {InvalidTransitionError}
    found = store.get("o", "t")
    assert found.version == 2
    assert found.record.result == (None if winners[0] % 2 else winners[0])


def test_nothing_changes_after_the_end(store: GenericTaskStore) -> None:
    store.create("o", "tools/call", task_id="t")

    def act(number: int) -> int:
        if number == 0:
            return insist(lambda: store.cancel("o", "t")).version
        return insist(lambda: store.set_variables("o", "t", {str(number): 1})).version

    ended, *others = at_once(act)
    assert isinstance(ended, int)
    before = {outcome for outcome in others if isinstance(outcome, int)}
    assert before == set(range(2, ended))
    refused = [outcome for outcome in others if not isinstance(outcome, int)]
    assert {type(outcome) for outcome in refused} <= {TaskEndedError}
    assert len(store.get("o", "t").record.variables) == len(before)


def test_of_many_creations_of_one_id_one_holds(store: GenericTaskStore) -> None:
    outcomes = at_once(lambda number: store.create("o", f"by {number}", task_id="t"))
    made = [outcome for outcome in outcomes if not isinstance(outcome, TaskError)]
    assert [store.get("o", "t")] == made
    assert sum(isinstance(outcome, TaskAlreadyExistsError) for outcome in outcomes) == THREADS - 1


def test_creators_at_once_exceed_the_quota_by_their_number_less_one_at_most() -> None:
    store = GenericTaskStore(InMemoryBackend(), StoreConfig(max_tasks_per_owner=3))
    at_once(lambda _: [store.create("o", "tools/call") for _ in range(5)])
    assert 3 <= len(store.list("o").tasks) <= 3 + THREADS - 1
