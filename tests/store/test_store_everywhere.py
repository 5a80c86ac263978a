"""One sequence of calls gives the same answers over every backend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from random import Random
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from pmcp_storage import (
    DynamoDbBackend,
    GenericTaskStore,
    InMemoryBackend,
    RedisBackend,
    SqliteBackend,
    StorageBackend,
    StoreConfig,
    TaskError,
    TaskPage,
    TaskStatus,
    VersionedRecord,
)
from support.redis_server import RedisServer
from support.store_support import expired

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

OWNERS = ("alice", "alic", "Alice", "local", "")
IDS = ("a", "b", "B", "b c", "é", "gone 1", "gone 2")
GONE = IDS[-2:]
"""Tasks of the first owner that have expired; storages differ in when they remove them, so that
nothing is created on their ids."""

STATUSES = (*TaskStatus, *[TaskStatus.WORKING, TaskStatus.INPUT_REQUIRED] * 3)
VALUES: tuple[object, ...] = (
    None,
    True,
    1,
    1.0,
    2**70,
    "",
    "é\u0000",
    [],
    {"k": None},
    {"k": [1, {"k": "x"}]},
)
TOO_MUCH = ("x" * 3_000, {"k": {"k": {"k": {"k": 1}}}}, "\ud800")
CONFIG = StoreConfig(
    max_tasks_per_owner=4,
    max_record_bytes=3_000,
    max_string_bytes=2_000,
    max_variable_depth=4,
    default_ttl_ms=600_000,
    max_ttl_ms=900_000,
    page_size=2,
)

Call = Callable[[GenericTaskStore], object]


@pytest.fixture(scope="module")
def backends(
    redis_server: RedisServer,
    dynamodb_client: DynamoDBClient,
    table: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, StorageBackend]]:
    opened: dict[str, StorageBackend] = {
        "memory": InMemoryBackend(),
        "sqlite": SqliteBackend(tmp_path_factory.mktemp("sqlite") / "tasks.db"),
        "redis": RedisBackend.from_url(redis_server.url, prefix=f"test:{uuid4().hex}"),
        "dynamodb": DynamoDbBackend(dynamodb_client, table),
    }
    with ExitStack() as stack:
        for backend in opened.values():
            stack.enter_context(closing(backend))
        yield opened


class Sequence:
    """Calls drawn from a seed, and what each of them came to over one store.

    The next call may depend on the answers so far, as far as cursors go: stores that answer alike
    are asked alike.
    """

    def __init__(self, seed: int, backend: StorageBackend) -> None:
        self._random = Random(seed)
        self._backend = backend
        self._store = GenericTaskStore(backend, CONFIG)
        self._suffix = f" {seed}"
        self._cursors: list[str | None] = [None, "", "made up"]
        self.kinds: Counter[str] = Counter()

    def answers(self, calls: int) -> list[object]:
        """What that many calls came to."""
        for task_id in GONE:
            self._backend.put(expired(task_id, OWNERS[0] + self._suffix))
        return [self._answer(self._draw()) for _ in range(calls)]

    def _answer(self, call: Call) -> object:
        try:
            found = call(self._store)
        except TaskError as error:
            self.kinds[type(error).__name__] += 1
            return type(error).__name__, error.code, str(error), vars(error)
        self.kinds["fine"] += 1
        if isinstance(found, TaskPage):
            self._cursors.append(found.next_cursor)
            return [plain(task) for task in found.tasks], found.next_cursor
        return plain(found) if isinstance(found, VersionedRecord) else found

    def _draw(self) -> Call:
        random = self._random
        key = random.choices(
            [*(o + self._suffix for o in OWNERS[:3]), *OWNERS[3:]], (20, 4, 2, 1, 1)
        )[0]
        task_id, value = random.choice(IDS), random.choice((*VALUES, *VALUES, *TOO_MUCH))
        status, message = random.choice(STATUSES), random.choice((None, "", "soon"))
        ttl_ms = random.choice((None, None, 800_000, 900_000, 900_001, 0))
        cursor, limit = random.choice(self._cursors), random.choice((None, 1, 3, 0))
        variables = {random.choice("xyz"): value}
        created = random.choice([i for i in IDS if i not in GONE])
        return random.choice(
            [
                lambda store: store.create(
                    key, "tools/call", task_id=created, ttl_ms=ttl_ms, variables=variables
                ),
                lambda store: store.get(key, task_id),
                lambda store: store.update_status(key, task_id, status, message),
                lambda store: store.set_variables(key, task_id, variables),
                lambda store: store.set_result(key, task_id, value),
                lambda store: store.complete_with_result(key, task_id, status, value, message),
                lambda store: store.get_result(key, task_id),
                lambda store: store.list(key, cursor=cursor, limit=limit),
                lambda store: store.cancel(key, task_id),
                lambda store: store.delete(key, task_id),
            ]
        )


def plain(found: VersionedRecord) -> object:
    """A task without what the time of day decides."""
    record = found.record
    dumped = record.model_dump(mode="json")
    for name in ("created_at", "last_updated_at"):
        del dumped["task"][name]
    del dumped["expires_at"]
    assert record.expires_at is not None
    return dumped, record.expires_at - record.task.created_at, found.version


@pytest.mark.parametrize("seed", range(4))
def test_one_sequence_of_calls_gives_the_same_answers_over_every_backend(
    backends: dict[str, StorageBackend], seed: int
) -> None:
    sequences = {name: Sequence(seed, backend) for name, backend in backends.items()}
    expected = sequences["memory"].answers(300)
    for name, sequence in sequences.items():
        if name != "memory":
            for number, answer in enumerate(sequence.answers(300)):
                assert answer == expected[number], f"call {number} over {name}"


def test_the_sequences_meet_what_a_store_can_answer() -> None:
    seen: Counter[str] = Counter()
    for seed in range(4):
        sequence = Sequence(seed, InMemoryBackend())
        sequence.answers(300)
        seen += sequence.kinds
    assert seen["fine"] > 300
    assert set(seen) >= {
        "AnonymousOwnerError",
        "InvalidArgumentError",
        "InvalidCursorError",
        "InvalidTransitionError",
        "InvalidTtlError",
        "InvalidVariablesError",
        "NoResultError",
        "TaskAlreadyExistsError",
        "TaskEndedError",
        "TaskNotFoundError",
        "TaskNotReadyError",
        "TaskQuotaError",
        "TaskTooLargeError",
    }
