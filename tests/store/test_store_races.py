"""Concurrent changes in the store: none is lost, and every conflict is reported."""

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
from support.store_support import CHANGES, OPERATIONS, InterferingBackend, expired

T = TypeVar("T")
THREADS = 16


def concurrently(act: Callable[[int], T]) -> list[T | TaskError]:
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


def retried(change: Callable[[], T]) -> T:
    """What the change returns once no other one gets in its way."""
    while True:
        try:
            return change()
        except TaskConflictError:
            continue


@pytest.fixture
def store() -> GenericTaskStore:
    return GenericTaskStore(InMemoryBackend())


def store_with_interference() -> tuple[InterferingBackend, GenericTaskStore]:
    """A store with the task (o, t), and its backend, which can interfere."""
    backend = InterferingBackend()
    store = GenericTaskStore(backend)
    store.create("o", "tools/call", task_id="t")
    return backend, store


@pytest.mark.parametrize("name", CHANGES)
def test_a_write_in_between_is_a_conflict_and_is_kept(
    name: str,
) -> None:
    backend, store = store_with_interference()

    def interfere(other: StorageBackend) -> None:
        GenericTaskStore(other).set_variables("o", "t", {"theirs": True})

    backend.interfere = interfere
    with pytest.raises(TaskConflictError) as error:
        OPERATIONS[name](store, "o")
    facts = (error.value.owner_id, error.value.task_id)
    assert facts == ("o", "t")
    assert (error.value.expected_version, error.value.actual_version) == (1, 2)
    found = store.get("o", "t")
    assert (found.version, found.record.variables) == (2, {"theirs": True})
    OPERATIONS[name](store, "o")
    assert store.get("o", "t").version == 3


@pytest.mark.parametrize("name", CHANGES)
def test_a_delete_in_between_is_not_undone(
    name: str,
) -> None:
    backend, store = store_with_interference()
    backend.interfere = lambda other: other.delete("o", "t")
    with pytest.raises(TaskNotFoundError):
        OPERATIONS[name](store, "o")
    assert store.list("o").tasks == []


def test_an_expired_id_belongs_to_whoever_takes_it_first() -> None:
    backend = InterferingBackend()
    backend.create(expired())
    taken = []
    backend.interfere = lambda other: taken.append(
        GenericTaskStore(other).create("o", "theirs", task_id="t")
    )
    with pytest.raises(TaskAlreadyExistsError):
        GenericTaskStore(backend).create("o", "ours", task_id="t")
    assert GenericTaskStore(backend).get("o", "t") == taken[0]


def test_variables_set_by_many_threads_are_all_kept(store: GenericTaskStore) -> None:
    store.create("o", "tools/call", task_id="t")

    def set_five(number: int) -> None:
        for key in (f"{number} {turn}" for turn in range(5)):
            retried(partial(store.set_variables, "o", "t", {key: number}))

    concurrently(set_five)
    found = store.get("o", "t")
    assert len(found.record.variables) == THREADS * 5
    assert found.version == 1 + THREADS * 5


def test_concurrent_changes_each_get_a_version_or_a_conflict(store: GenericTaskStore) -> None:
    store.create("o", "tools/call", task_id="t")
    versions = concurrently(lambda _: store.set_variables("o", "t", {"x": 1}).version)
    won = [version for version in versions if isinstance(version, int)]
    assert sorted(won) == list(range(2, 2 + len(won)))
    assert store.get("o", "t").version == 1 + len(won)
    assert all(isinstance(lost, int | TaskConflictError) for lost in versions)


def test_one_of_many_concurrent_endings_succeeds(store: GenericTaskStore) -> None:
    store.create("o", "tools/call", task_id="t")

    def end(number: int) -> int:
        if number % 2:
            retried(lambda: store.cancel("o", "t"))
        else:
            retried(lambda: store.complete_with_result("o", "t", TaskStatus.COMPLETED, number))
        return number

    outcomes = concurrently(end)
    winners = [outcome for outcome in outcomes if isinstance(outcome, int)]
    losers = [outcome for outcome in outcomes if not isinstance(outcome, int)]
    assert len(winners) == 1
    assert {type(loser) for loser in losers} == {InvalidTransitionError}
    found = store.get("o", "t")
    assert found.version == 2
    assert found.record.result == (None if winners[0] % 2 else winners[0])


def test_nothing_changes_after_the_task_has_ended(store: GenericTaskStore) -> None:
    store.create("o", "tools/call", task_id="t")

    def act(number: int) -> int:
        if number == 0:
            return retried(lambda: store.cancel("o", "t")).version
        return retried(lambda: store.set_variables("o", "t", {str(number): 1})).version

    ended, *others = concurrently(act)
    assert isinstance(ended, int)
    before = {outcome for outcome in others if isinstance(outcome, int)}
    assert before == set(range(2, ended))
    refused = [outcome for outcome in others if not isinstance(outcome, int)]
    assert {type(outcome) for outcome in refused} <= {TaskEndedError}
    assert len(store.get("o", "t").record.variables) == len(before)


def test_one_of_many_concurrent_creations_of_an_id_succeeds(store: GenericTaskStore) -> None:
    outcomes = concurrently(lambda number: store.create("o", f"by {number}", task_id="t"))
    made = [outcome for outcome in outcomes if not isinstance(outcome, TaskError)]
    assert [store.get("o", "t")] == made
    assert sum(isinstance(outcome, TaskAlreadyExistsError) for outcome in outcomes) == THREADS - 1


def test_concurrent_creations_exceed_the_quota_by_less_than_their_number() -> None:
    store = GenericTaskStore(InMemoryBackend(), StoreConfig(max_tasks_per_owner=3))
    concurrently(lambda _: [store.create("o", "tools/call") for _ in range(5)])
    assert 3 <= len(store.list("o").tasks) <= 3 + THREADS - 1
