"""The DynamoDB backend when answers are lost, spoilt or late, and the client tries again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Any

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
from support.dynamodb_support import (
    CREATED,
    NO_RETRIES,
    RETRIES,
    Answer,
    Fault,
    Forward,
    StandIn,
    a_record,
    an_owner,
    answers_empty,
    answers_not_text,
    connect,
    cuts_answer,
    fails_after,
    fails_before,
    loses_answer,
    passes,
    talks_nonsense,
    throttles,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

LOST = [loses_answer, fails_after, cuts_answer]
UNREADABLE = [talks_nonsense, answers_empty, answers_not_text]
OFF = {"off": NO_RETRIES, "legacy off": {"mode": "legacy", "max_attempts": 0}}

Through = Callable[..., DynamoDbBackend]


@pytest.fixture
def direct(dynamodb_client: DynamoDBClient, table: str) -> DynamoDbBackend:
    """A handle that no fault reaches: it sees what was applied, and plays the competitor."""
    return DynamoDbBackend(dynamodb_client, table)


@pytest.fixture
def stand_in(dynamodb_client: DynamoDBClient) -> Iterator[StandIn]:
    with StandIn(dynamodb_client.meta.endpoint_url).running() as running:
        yield running


@pytest.fixture
def through(stand_in: StandIn, table: str) -> Iterator[Through]:
    """Make a handle that works through the stand-in, with a client of its own."""
    clients: list[DynamoDBClient] = []

    def make(retries: dict[str, Any] = RETRIES["standard"]) -> DynamoDbBackend:
        clients.append(connect(stand_in.endpoint, retries=retries))
        return DynamoDbBackend(clients[-1], table)

    yield make
    for client in clients:
        client.close()


def then(fault: Fault, act: Callable[[], object]) -> Fault:
    """The fault, with something else happening before the client tries again."""

    def both(forward: Forward) -> Answer | None:
        answer = fault(forward)
        act()
        return answer

    return both


def every_second(fault: Fault) -> Callable[[str], Fault]:
    numbers = count()
    return lambda action: fault if action == "PutItem" and next(numbers) % 2 == 0 else passes


@pytest.mark.parametrize("mode", RETRIES)
@pytest.mark.parametrize("fault", LOST)
def test_a_write_whose_answer_is_lost_meets_itself_and_succeeds(
    stand_in: StandIn, through: Through, direct: DynamoDbBackend, mode: str, fault: Fault
) -> None:
    backend = through(RETRIES[mode])
    owner_id = an_owner()
    for version, write in enumerate(
        [
            backend.create,
            lambda record: backend.put_if_version(record, 1),
            backend.put,
        ],
        start=1,
    ):
        record = a_record(owner_id, result=version)
        stand_in.requests.clear()
        stand_in.next(fault)
        assert write(record) == version
        assert stand_in.requests.count("PutItem") == 2
        found = direct.get(owner_id, "task")
        assert (found.record, found.version) == (record, version)


@pytest.mark.parametrize("mode", RETRIES)
def test_nothing_proves_who_removed_what_a_repeated_delete_does_not_find(
    stand_in: StandIn, through: Through, direct: DynamoDbBackend, mode: str
) -> None:
    backend, record = through(RETRIES[mode]), a_record(an_owner())
    direct.create(record)
    stand_in.next(loses_answer)
    with pytest.raises(OutcomeUnknownError):
        backend.delete(record.owner_id, "task")
    assert backend.delete(record.owner_id, "task") is False
    direct.create(record)
    stand_in.next(fails_before)
    assert backend.delete(record.owner_id, "task") is True


@pytest.mark.parametrize("mode", OFF)
@pytest.mark.parametrize("fault", LOST + UNREADABLE)
def test_without_retries_a_lost_answer_leaves_the_outcome_unknown(
    stand_in: StandIn, through: Through, direct: DynamoDbBackend, mode: str, fault: Fault
) -> None:
    backend, owner_id = through(OFF[mode]), an_owner()
    record = a_record(owner_id, variables={"a": "secret"})
    writes: list[Callable[[], object]] = [
        lambda: backend.create(record),
        lambda: backend.put_if_version(record, 1),
        lambda: backend.put(record),
    ]
    for version, write in enumerate(writes, start=1):
        stand_in.next(fault)
        with pytest.raises(OutcomeUnknownError) as unknown:
            write()
        assert unknown.value.__cause__ is not None
        assert "secret" not in str(unknown.value)
        assert backend.get(owner_id, "task").version == version
    stand_in.next(fault)
    with pytest.raises(OutcomeUnknownError):
        backend.delete(owner_id, "task")
    assert backend.create(record) == 1


@pytest.mark.parametrize("fault", UNREADABLE)
def test_an_unreadable_answer_to_a_write_is_no_success(
    stand_in: StandIn, through: Through, direct: DynamoDbBackend, fault: Fault
) -> None:
    backend, record = through(), a_record(an_owner())
    stand_in.next(fault)
    with pytest.raises(OutcomeUnknownError):
        backend.create(record)
    assert direct.get(record.owner_id, "task").version == 1


@pytest.mark.parametrize("mode", OFF)
@pytest.mark.parametrize("fault", [*LOST, *UNREADABLE, fails_before, throttles])
def test_a_failing_read_is_an_error_and_never_an_absence(
    stand_in: StandIn, through: Through, direct: DynamoDbBackend, mode: str, fault: Fault
) -> None:
    backend, record = through(OFF[mode]), a_record(an_owner())
    direct.create(record)
    stand_in.always(fault)
    reads: list[Callable[[], object]] = [
        lambda: backend.get(record.owner_id, "task"),
        lambda: backend.get(record.owner_id, "absent"),
        lambda: backend.list_by_owner(record.owner_id),
        lambda: backend.count_by_owner(record.owner_id),
        lambda: backend.count_by_owner(record.owner_id, live_at=CREATED),
        backend.verify,
    ]
    for read in reads:
        with pytest.raises(BackendError) as error:
            read()
        assert type(error.value) is BackendError
        assert error.value.__cause__ is not None
    stand_in.always(passes)
    assert backend.get(record.owner_id, "task").record == record


@pytest.mark.parametrize("mode", RETRIES)
def test_a_throttled_write_that_then_meets_another_is_a_plain_conflict(
    stand_in: StandIn, through: Through, direct: DynamoDbBackend, mode: str
) -> None:
    backend, record = through(RETRIES[mode]), a_record(an_owner())
    direct.create(record)

    def overtake() -> None:
        direct.put(record)
        direct.put(record)

    stand_in.next(then(throttles, overtake))
    with pytest.raises(ConcurrentModificationError) as conflict:
        backend.put_if_version(record, 1)
    assert conflict.value.actual_version == 3


def test_a_throttled_write_that_then_meets_a_delete_is_plainly_not_found(
    stand_in: StandIn, through: Through, direct: DynamoDbBackend
) -> None:
    backend, record = through(), a_record(an_owner())
    direct.create(record)
    stand_in.next(then(throttles, lambda: direct.delete(record.owner_id, "task")))
    with pytest.raises(NotFoundError):
        backend.put_if_version(record, 1)


def test_throttling_that_outlasts_the_retries_has_written_nothing(
    stand_in: StandIn, through: Through, direct: DynamoDbBackend
) -> None:
    backend, record = through(NO_RETRIES), a_record(an_owner())
    stand_in.always(throttles)
    for call in (backend.create, backend.put, lambda r: backend.delete(r.owner_id, "task")):
        with pytest.raises(BackendError, match="capacity") as error:
            call(record)
        assert type(error.value) is BackendError
    assert direct.list_by_owner(record.owner_id) == []


@pytest.mark.parametrize("mode", RETRIES)
@pytest.mark.parametrize("fault", [loses_answer, fails_before])
def test_a_write_that_was_overtaken_after_a_lost_answer_is_unknown(
    stand_in: StandIn, through: Through, direct: DynamoDbBackend, mode: str, fault: Fault
) -> None:
    backend, record = through(RETRIES[mode]), a_record(an_owner())
    direct.create(record)

    def overtake() -> None:
        direct.put(record)
        direct.put(record)

    stand_in.next(then(fault, overtake))
    with pytest.raises(OutcomeUnknownError):
        backend.put_if_version(record, 1)
    version = direct.get(record.owner_id, "task").version
    stand_in.next(then(fault, lambda: direct.delete(record.owner_id, "task")))
    with pytest.raises(OutcomeUnknownError):
        backend.put_if_version(record, version)
    stand_in.next(then(fault, overtake))
    with pytest.raises(OutcomeUnknownError):
        backend.create(record)


def test_another_write_of_the_version_proves_that_ours_was_not_applied(
    stand_in: StandIn, through: Through, direct: DynamoDbBackend
) -> None:
    backend, record = through(), a_record(an_owner())
    stand_in.next(then(fails_before, lambda: direct.create(record)))
    with pytest.raises(AlreadyExistsError):
        backend.create(record)
    # The other's record is equal to ours: only the token of the write tells them apart.
    stand_in.next(then(fails_before, lambda: direct.put_if_version(record, 1)))
    with pytest.raises(ConcurrentModificationError) as conflict:
        backend.put_if_version(record, 1)
    assert conflict.value.actual_version == 2


def test_a_put_whose_answer_is_lost_undoes_nothing_of_another(
    stand_in: StandIn, through: Through, direct: DynamoDbBackend
) -> None:
    backend, owner_id = through(), an_owner()
    direct.create(a_record(owner_id))
    theirs = a_record(owner_id, result="theirs")
    stand_in.next(then(loses_answer, lambda: direct.put_if_version(theirs, 2)))
    with pytest.raises(OutcomeUnknownError):
        backend.put(a_record(owner_id, result="ours"))
    found = direct.get(owner_id, "task")
    assert (found.record, found.version) == (theirs, 3)


# In legacy mode botocore's own handler raises when it gives up.
@pytest.mark.parametrize("retries", [{"mode": "standard"}, {"mode": "legacy", "max_attempts": 1}])
def test_storage_that_cannot_be_reached_has_written_nothing(
    dynamodb_client: DynamoDBClient, table: str, retries: dict[str, Any]
) -> None:
    dead = StandIn(dynamodb_client.meta.endpoint_url)
    client = connect(dead.endpoint, retries=retries)
    backend, record = DynamoDbBackend(client, table), a_record(an_owner())
    calls: list[Callable[[], object]] = [
        lambda: backend.create(record),
        lambda: backend.put_if_version(record, 1),
        lambda: backend.put(record),
        lambda: backend.delete(record.owner_id, "task"),
        lambda: backend.get(record.owner_id, "task"),
        lambda: backend.list_by_owner(record.owner_id),
        backend.verify,
    ]
    for call in calls:
        with pytest.raises(BackendError, match="cannot be reached") as error:
            call()
        assert type(error.value) is BackendError
    # It comes up between two attempts, and so does a competitor.
    with ExitStack() as running:

        def come_up(attempts: int, **_: Any) -> None:
            if attempts == 1:
                running.enter_context(dead.running())
                other = DynamoDbBackend(dynamodb_client, table)
                other.create(record)
                other.put(record)

        client.meta.events.register("needs-retry.dynamodb.PutItem", come_up)
        with pytest.raises(AlreadyExistsError):
            backend.create(record)
    client.close()


def test_storage_that_vanishes_after_applying_a_write_leaves_it_unknown(
    stand_in: StandIn, through: Through, direct: DynamoDbBackend
) -> None:
    backend, record = through(), a_record(an_owner())
    stand_in.next(then(loses_answer, stand_in.vanish))
    with pytest.raises(OutcomeUnknownError, match="EndpointConnectionError"):
        backend.create(record)
    assert direct.get(record.owner_id, "task").version == 1


def test_storage_that_accepts_and_never_answers_leaves_a_write_unknown(
    stand_in: StandIn, table: str
) -> None:
    client = connect(stand_in.endpoint, retries=NO_RETRIES, read_timeout=0.05)
    backend, over = DynamoDbBackend(client, table), threading.Event()

    def hangs(forward: Forward) -> None:
        over.wait()

    stand_in.always(hangs)
    with pytest.raises(OutcomeUnknownError):
        backend.create(a_record(an_owner()))
    with pytest.raises(BackendError, match="ReadTimeoutError") as error:
        backend.get(an_owner(), "task")
    assert type(error.value) is BackendError
    over.set()
    client.close()


@pytest.mark.parametrize("mode", RETRIES)
def test_versions_are_exact_while_every_second_answer_is_lost(
    stand_in: StandIn, through: Through, direct: DynamoDbBackend, mode: str
) -> None:
    backend, owner_id = through(RETRIES[mode]), an_owner()
    stand_in.plan = every_second(loses_answer)
    assert [backend.put(a_record(owner_id, result=n)) for n in range(12)] == list(range(1, 13))
    for version in range(12, 20):
        assert backend.put_if_version(a_record(owner_id), version) == version + 1
    assert direct.get(owner_id, "task").version == 20


def test_contending_writers_lose_and_double_nothing_while_every_second_answer_is_lost(
    stand_in: StandIn, through: Through, direct: DynamoDbBackend
) -> None:
    owner_id = an_owner()
    direct.create(a_record(owner_id, result=[]))
    stand_in.plan = every_second(loses_answer)

    def append(backend: DynamoDbBackend, mark: str) -> str:
        """Add a mark to the record by compare-and-swap; return how that ended."""
        while True:
            found = backend.get(owner_id, "task")
            marked = a_record(owner_id, result=[*found.record.result, mark])
            try:
                backend.put_if_version(marked, found.version)
            except ConcurrentModificationError:
                continue
            except OutcomeUnknownError:
                return "unknown"
            return "done"

    backends = [through() for _ in range(4)]

    def work(worker: int) -> list[tuple[str, str]]:
        backend = backends[worker]
        return [(mark, append(backend, mark)) for mark in (f"{worker}.{n}" for n in range(5))]

    with ThreadPoolExecutor(4) as pool:
        ended = [end for ends in pool.map(work, range(4)) for end in ends]

    found = direct.get(owner_id, "task")
    marks = found.record.result
    assert len(marks) == len(set(marks)) == found.version - 1
    assert {mark for mark, how in ended if how == "done"} <= set(marks)


def test_of_two_contenders_one_wins_also_when_both_answers_are_lost(
    stand_in: StandIn, through: Through, direct: DynamoDbBackend
) -> None:
    backends, owner_id = [through(), through()], an_owner()
    barrier = threading.Barrier(2)

    def contend(backend: DynamoDbBackend, record: TaskRecord) -> str:
        barrier.wait()
        try:
            return f"done at {backend.put_if_version(record, 1)}"
        except ConcurrentModificationError as conflict:
            return f"refused at {conflict.actual_version}"

    with ThreadPoolExecutor(2) as pool:
        for task_id in map(str, range(6)):
            record = a_record(owner_id, task_id)
            direct.create(record)
            stand_in.next(loses_answer, loses_answer)
            ends = pool.map(contend, backends, [record, record])
            assert sorted(ends) == ["done at 2", "refused at 2"]
            assert direct.get(owner_id, task_id).version == 2


def test_many_backends_on_one_client_note_each_attempt_once(
    stand_in: StandIn, table: str, dynamodb_client: DynamoDBClient
) -> None:
    client = connect(stand_in.endpoint)
    backends = [DynamoDbBackend(client, table) for _ in range(3)]
    owner_id = an_owner()
    for version, backend in enumerate(backends):
        stand_in.next(loses_answer)
        assert backend.put(a_record(owner_id)) == version + 1
    client.close()
