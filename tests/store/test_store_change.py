"""`change`: what it takes, what it does after conflicts and lost answers, and how it waits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pmcp_storage import (
    AsyncTaskStore,
    ConcurrentModificationError,
    GenericTaskStore,
    InMemoryBackend,
    InvalidArgumentError,
    MemoryStorage,
    OutcomeUnknownError,
    TaskChange,
    TaskConflictError,
    TaskNotFoundError,
    TaskOutcomeUnknownError,
    TaskRecord,
    TaskStatus,
    VersionedRecord,
)
from pmcp_storage.store import deciding
from support.store_support import NO_QUOTA, CountingBackend, InterferingBackend


class Slow(InMemoryBackend):
    """The answer to the first write is lost, and the write is made only before the second one."""

    late: tuple[TaskRecord, int] | None = None
    lost = False

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        if not self.lost:
            self.lost, self.late = True, (record, expected_version)
            raise OutcomeUnknownError("no answer yet")
        if self.late is not None:
            late, self.late = self.late, None
            super()._put_if_version(*late)
        return super()._put_if_version(record, expected_version)


class Failing(InMemoryBackend):
    """Raises these errors from its writes, the last one again and again."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = list(errors)
        self.writes = 0

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        self.writes += 1
        raise self.errors.pop(0) if len(self.errors) > 1 else self.errors[0]


CONFLICT = ConcurrentModificationError("o", "t", 1, 2)
LOST = OutcomeUnknownError("lost")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that nobody notices."""
    monkeypatch.setattr(deciding, "_LONGEST_PAUSE", 1e-6)


def counted(task: TaskRecord) -> TaskChange:
    return TaskChange(variables={"n": task.variables.get("n", 0) + 1})


@pytest.mark.parametrize("decide", [None, "working", TaskChange()])
def test_what_cannot_decide_is_refused_before_any_request(
    store: GenericTaskStore, backend: CountingBackend, decide: Any
) -> None:
    with pytest.raises(InvalidArgumentError, match="decide: must be a function, not "):
        store.change("o", "t", decide)
    assert not backend.requests


@pytest.mark.parametrize("decided", [{}, "working", TaskStatus.WORKING, 0, False])
def test_what_is_no_change_is_refused(store: GenericTaskStore, decided: Any) -> None:
    made = store.create("o", "tools/call", task_id="t")
    with pytest.raises(InvalidArgumentError, match="decide: must return a TaskChange or None, not"):
        store.change("o", "t", lambda task: decided)
    assert store.get("o", "t") == made


def test_what_decide_raises_ends_the_call(
    store: GenericTaskStore, backend: CountingBackend
) -> None:
    store.create("o", "tools/call", task_id="t")
    backend.requests.clear()

    def refuse(task: TaskRecord) -> TaskChange:
        raise LookupError("not mine")

    with pytest.raises(LookupError, match="not mine"):
        store.change("o", "t", refuse)
    assert backend.requests == {"get": 1}


def test_a_known_task_is_the_one_to_be_changed(
    store: GenericTaskStore, backend: CountingBackend
) -> None:
    mine = store.create("o", "tools/call", task_id="t")
    others = store.create("o", "tools/call", task_id="u"), store.create("p", "any", task_id="t")
    broken = store.get("o", "t")
    broken.record.variables["a"] = {1}
    backend.requests.clear()
    unfit: tuple[Any, ...] = (*others, mine.record, "t", broken)
    for known in unfit:
        with pytest.raises(InvalidArgumentError, match="known: must be "):
            store.change("o", "t", counted, known=known)
    assert not backend.requests


def test_a_known_task_that_has_expired_is_absent(
    store: GenericTaskStore, backend: CountingBackend
) -> None:
    known = store.create("o", "tools/call", task_id="t")
    gone = known.record.model_copy(update={"expires_at": datetime.now(UTC) - timedelta(hours=1)})
    backend.requests.clear()
    with pytest.raises(TaskNotFoundError):
        store.change("o", "t", counted, known=VersionedRecord(gone, 1))
    assert not backend.requests


def test_the_answer_shares_nothing_with_the_known_task(store: GenericTaskStore) -> None:
    known = store.create("o", "tools/call", task_id="t", variables={"list": [1]})
    made = store.change("o", "t", counted, known=known)
    known.record.variables["list"].append(2)
    assert made.record.variables == {"list": [1], "n": 1} == store.get("o", "t").record.variables


def test_a_write_that_arrives_late_is_made_once() -> None:
    store = GenericTaskStore(Slow(), NO_QUOTA)
    store.create("o", "tools/call", task_id="t")
    assert store.change("o", "t", counted).record.variables == {"n": 1}
    assert store.get("o", "t").version == 2


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("errors", "raised"),
    [
        ([CONFLICT], TaskConflictError),
        ([LOST], TaskOutcomeUnknownError),
        ([LOST, CONFLICT], TaskOutcomeUnknownError),
        ([CONFLICT, LOST], TaskOutcomeUnknownError),
    ],
    ids=["conflicts", "lost answers", "conflicts after a lost answer", "lost after a conflict"],
)
def test_attempts_come_to_an_end(errors: list[Exception], raised: type[Exception]) -> None:
    backend = Failing(*errors)
    store = GenericTaskStore(backend, NO_QUOTA)
    store.create("o", "tools/call", task_id="t")
    with pytest.raises(raised) as error:
        store.change("o", "t", counted)
    assert type(error.value) is raised
    assert backend.writes == deciding.ATTEMPTS


def test_a_conflict_is_waited_out_by_blocking_also_within_an_event_loop() -> None:
    async def use() -> VersionedRecord:
        backend = InterferingBackend()
        store = GenericTaskStore(backend, NO_QUOTA)
        store.create("o", "tools/call", task_id="t")
        backend.interfere = lambda other: GenericTaskStore(other).change("o", "t", counted)
        return store.change("o", "t", counted)

    assert asyncio.run(use()).record.variables == {"n": 2}


def test_an_event_loop_goes_on_while_a_change_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    turns, awaited = [0], []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        before = turns[0]
        await sleep(0)
        awaited.append(turns[0] - before)

    async def others() -> None:
        while True:
            turns[0] += 1
            await sleep(0)

    async def use() -> None:
        store = AsyncTaskStore(Failing(CONFLICT), NO_QUOTA)
        await store.create("o", "tools/call", task_id="t")
        turning = asyncio.create_task(others())
        with pytest.raises(TaskConflictError):
            await store.change("o", "t", counted)
        turning.cancel()

    monkeypatch.setattr(asyncio, "sleep", noted)
    asyncio.run(use())
    assert len(awaited) == deciding.ATTEMPTS - 1
    assert all(awaited)


def test_stores_show_the_backend_that_they_were_given() -> None:
    backend = InMemoryBackend(MemoryStorage())
    assert GenericTaskStore(backend).backend is backend
    assert AsyncTaskStore(backend).backend is backend
    again = AsyncTaskStore(GenericTaskStore(backend, NO_QUOTA).backend, NO_QUOTA)
    assert again.config is NO_QUOTA
