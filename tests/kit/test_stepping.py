"""Coroutines go from await to await as they are told to, and a hang shows where one of them is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import CancelledError
from functools import partial
from pathlib import Path

import pytest

from mutants.loops import LoopBackend
from pmcp_conformance.engine.watchdog import Hang, Watchdog
from pmcp_conformance.interleaving.backend_code import backend_files
from pmcp_conformance.interleaving.cancellation import Cut, OutOfTime
from pmcp_conformance.interleaving.two_calls import Crossing, cross
from pmcp_conformance.interleaving.yield_points import YieldPoint, YieldPointKind
from pmcp_conformance.stepping import to_sync_in_steps
from pmcp_storage import BackendError, NotFoundError, StorageBackend, VersionedRecord

HERE = Path(__file__).name


class ThreeAwaits(LoopBackend):
    """Notes how far each of its reads has come."""

    def __init__(self) -> None:
        super().__init__()
        self.done = list[str]()

    async def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        self.done.append(f"{task_id}1")
        await asyncio.sleep(0)
        self.done.append(f"{task_id}2")
        await asyncio.create_task(self.further(task_id))
        self.done.append(f"{task_id}4")
        raise NotFoundError(owner_id, task_id)

    async def further(self, task_id: str) -> None:
        await asyncio.sleep(0)
        self.done.append(f"{task_id}3")

    async def _delete(self, owner_id: str, task_id: str) -> bool:
        await self.never()
        return False

    async def never(self) -> None:
        self.loop = asyncio.get_running_loop()
        await asyncio.Event().wait()

    async def _cleanup_expired(self) -> int:
        try:
            await asyncio.wait_for(asyncio.shield(self.io()), 60)
        except TimeoutError as error:
            raise BackendError("out of time") from error
        return 0


@pytest.fixture
def backend() -> ThreeAwaits:
    return ThreeAwaits()


@pytest.fixture
def handle(backend: ThreeAwaits) -> Iterator[StorageBackend]:
    with to_sync_in_steps(backend) as handle:
        yield handle


def crossed(handle: StorageBackend, number: int) -> Crossing:
    at = YieldPoint(number, YieldPointKind.AWAIT)
    first, second = [partial(handle.get, "o", task_id) for task_id in ("a", "b")]
    return cross(handle, first, second, at)


@pytest.mark.parametrize(
    ("at", "order"),
    [
        (1, "a1 b1 b2 b3 b4 a2 a3 a4"),
        (2, "a1 a2 b1 b2 b3 b4 a3 a4"),  # in a task of its own
        (3, "a1 a2 a3 b1 b2 b3 b4 a4"),
        (4, "a1 a2 a3 a4 b1 b2 b3 b4"),  # there is none
    ],
)
def test_a_call_enters_where_another_one_has_waited(
    backend: ThreeAwaits, handle: StorageBackend, at: int, order: str
) -> None:
    crossing = crossed(handle, at)
    assert backend.done == order.split()
    assert crossing.where.startswith(f"{HERE}:") is (at < 4)
    assert isinstance(crossing.second.error, NotFoundError)


def test_the_code_of_an_async_backend_is_its_authors(handle: StorageBackend) -> None:
    assert __file__ in backend_files(handle)


def test_a_hang_shows_where_the_coroutine_is(backend: ThreeAwaits, handle: StorageBackend) -> None:
    watchdog = Watchdog(answer_within=-0.4)
    with pytest.raises(Hang) as caught:
        watchdog.run(lambda: watchdog.call("delete", handle.delete, "o", "t"))
    backend.give_up()
    [place] = caught.value.operations or []
    never = ThreeAwaits.never.__code__.co_firstlineno + 2
    assert f"{HERE}:{never}, locks.py:" in place
    assert "threading.py" not in place


def test_a_call_is_cancelled_at_the_chosen_await(
    backend: ThreeAwaits, handle: StorageBackend
) -> None:
    cut = Cut(2, backend_files(handle))
    attempt = cut.make(partial(handle.get, "o", "a"))
    assert isinstance(attempt.error, CancelledError)
    assert backend.done == ["a1", "a2"]
    assert cut.where.startswith(f"{HERE}:")


def test_a_call_runs_out_of_its_own_time(handle: StorageBackend) -> None:
    cut = OutOfTime(2, backend_files(handle))  # that of what it waits for
    attempt = cut.make(handle.cleanup_expired)
    assert str(attempt.error) == "out of time"
    assert OutOfTime(9, backend_files(handle)).make(handle.cleanup_expired).result == 0
