"""DynamoDbBackend when others write between two attempts of its client."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    DynamoDbBackend,
    NotFoundError,
    OutcomeUnknownError,
    TaskRecord,
)
from support.dynamodb_faults import Fault, every_second, fail_before, lose_answer, then, throttle
from support.dynamodb_proxy import DynamoDbProxy
from support.dynamodb_support import NO_RETRIES, RETRIES, OpenThrough, connect, new_owner
from support.records import make_record

if TYPE_CHECKING:
    pass


def put_twice(backend: DynamoDbBackend, record: TaskRecord) -> None:
    """Write over another's write, so that nothing of it is left to be seen."""
    backend.put(record)
    backend.put(record)


@pytest.mark.parametrize("mode", RETRIES)
def test_a_throttled_write_that_then_meets_another_is_a_plain_conflict(
    proxy: DynamoDbProxy, through: OpenThrough, direct: DynamoDbBackend, mode: str
) -> None:
    backend, record = through(RETRIES[mode]), make_record(owner_id=new_owner())
    direct.create(record)

    overtake = partial(put_twice, direct, record)
    proxy.next(then(throttle, overtake))
    with pytest.raises(ConcurrentModificationError) as conflict:
        backend.put_if_version(record, 1)
    assert conflict.value.actual_version == 3


def test_a_throttled_write_that_then_meets_a_delete_is_not_found(
    proxy: DynamoDbProxy, through: OpenThrough, direct: DynamoDbBackend
) -> None:
    backend, record = through(), make_record(owner_id=new_owner())
    direct.create(record)
    proxy.next(then(throttle, lambda: direct.delete(record.owner_id, "t")))
    with pytest.raises(NotFoundError):
        backend.put_if_version(record, 1)


def test_throttling_that_outlasts_the_retries_has_written_nothing(
    proxy: DynamoDbProxy, through: OpenThrough, direct: DynamoDbBackend
) -> None:
    backend, record = through(NO_RETRIES), make_record(owner_id=new_owner())
    proxy.always(throttle)
    for call in (backend.create, backend.put, lambda r: backend.delete(r.owner_id, "t")):
        with pytest.raises(BackendError, match="capacity") as error:
            call(record)
        assert type(error.value) is BackendError
    assert direct.list_by_owner(record.owner_id) == []


@pytest.mark.parametrize("mode", RETRIES)
@pytest.mark.parametrize("fault", [lose_answer, fail_before])
def test_the_outcome_of_a_write_overtaken_after_a_lost_answer_is_unknown(
    proxy: DynamoDbProxy, through: OpenThrough, direct: DynamoDbBackend, mode: str, fault: Fault
) -> None:
    backend, record = through(RETRIES[mode]), make_record(owner_id=new_owner())
    direct.create(record)

    overtake = partial(put_twice, direct, record)
    proxy.next(then(fault, overtake))
    with pytest.raises(OutcomeUnknownError):
        backend.put_if_version(record, 1)
    version = direct.get(record.owner_id, "t").version
    proxy.next(then(fault, lambda: direct.delete(record.owner_id, "t")))
    with pytest.raises(OutcomeUnknownError):
        backend.put_if_version(record, version)
    proxy.next(then(fault, overtake))
    with pytest.raises(OutcomeUnknownError):
        backend.create(record)


def test_another_write_of_the_same_version_proves_that_ours_was_not_applied(
    proxy: DynamoDbProxy, through: OpenThrough, direct: DynamoDbBackend
) -> None:
    backend, record = through(), make_record(owner_id=new_owner())
    proxy.next(then(fail_before, lambda: direct.create(record)))
    with pytest.raises(AlreadyExistsError):
        backend.create(record)
    # The other's record is equal to ours: only the token of the write tells them apart.
    proxy.next(then(fail_before, lambda: direct.put_if_version(record, 1)))
    with pytest.raises(ConcurrentModificationError) as conflict:
        backend.put_if_version(record, 1)
    assert conflict.value.actual_version == 2


def test_a_put_whose_answer_is_lost_undoes_nothing_of_another(
    proxy: DynamoDbProxy, through: OpenThrough, direct: DynamoDbBackend
) -> None:
    backend, owner_id = through(), new_owner()
    direct.create(make_record(owner_id=owner_id))
    theirs = make_record(owner_id=owner_id, result="theirs")
    proxy.next(then(lose_answer, lambda: direct.put_if_version(theirs, 2)))
    with pytest.raises(OutcomeUnknownError):
        backend.put(make_record(owner_id=owner_id, result="ours"))
    found = direct.get(owner_id, "t")
    assert (found.record, found.version) == (theirs, 3)


@pytest.mark.parametrize("mode", RETRIES)
def test_versions_are_exact_while_every_second_answer_is_lost(
    proxy: DynamoDbProxy, through: OpenThrough, direct: DynamoDbBackend, mode: str
) -> None:
    backend, owner_id = through(RETRIES[mode]), new_owner()
    proxy.plan = every_second(lose_answer)
    assert [backend.put(make_record(owner_id=owner_id, result=n)) for n in range(12)] == list(
        range(1, 13)
    )
    for version in range(12, 20):
        assert backend.put_if_version(make_record(owner_id=owner_id), version) == version + 1
    assert direct.get(owner_id, "t").version == 20


def test_contending_writers_lose_and_duplicate_nothing_while_every_second_answer_is_lost(
    proxy: DynamoDbProxy, through: OpenThrough, direct: DynamoDbBackend
) -> None:
    owner_id = new_owner()
    direct.create(make_record(owner_id=owner_id, result=[]))
    proxy.plan = every_second(lose_answer)

    def append(backend: DynamoDbBackend, mark: str) -> str:
        """Add a mark to the record by compare-and-swap; return how that ended."""
        while True:
            found = backend.get(owner_id, "t")
            marked = make_record(owner_id=owner_id, result=[*found.record.result, mark])
            try:
                backend.put_if_version(marked, found.version)
            except ConcurrentModificationError:
                continue
            except OutcomeUnknownError:
                return "unknown"
            return "done"

    backends = [through() for _ in range(4)]

    def work(number: int) -> list[tuple[str, str]]:
        backend = backends[number]
        return [(mark, append(backend, mark)) for mark in (f"{number}.{n}" for n in range(5))]

    with ThreadPoolExecutor(4) as pool:
        ended = [end for ends in pool.map(work, range(4)) for end in ends]

    found = direct.get(owner_id, "t")
    marks = found.record.result
    assert len(marks) == len(set(marks)) == found.version - 1
    assert {mark for mark, outcome in ended if outcome == "done"} <= set(marks)


def test_one_of_two_contenders_wins_even_when_both_answers_are_lost(
    proxy: DynamoDbProxy, through: OpenThrough, direct: DynamoDbBackend
) -> None:
    backends, owner_id = [through(), through()], new_owner()
    barrier = threading.Barrier(2)

    def contend(backend: DynamoDbBackend, record: TaskRecord) -> str:
        barrier.wait()
        try:
            return f"done at {backend.put_if_version(record, 1)}"
        except ConcurrentModificationError as conflict:
            return f"refused at {conflict.actual_version}"

    with ThreadPoolExecutor(2) as pool:
        for task_id in map(str, range(6)):
            record = make_record(task_id, owner_id)
            direct.create(record)
            proxy.next(lose_answer, lose_answer)
            ends = pool.map(contend, backends, [record, record])
            assert sorted(ends) == ["done at 2", "refused at 2"]
            assert direct.get(owner_id, task_id).version == 2


def test_backends_that_share_a_client_count_each_attempt_once(
    proxy: DynamoDbProxy, table: str
) -> None:
    client = connect(proxy.endpoint)
    backends = [DynamoDbBackend(client, table) for _ in range(3)]
    owner_id = new_owner()
    for version, backend in enumerate(backends):
        proxy.next(lose_answer)
        assert backend.put(make_record(owner_id=owner_id)) == version + 1
    client.close()
