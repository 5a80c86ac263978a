"""Records in Redis or Valkey 7 and newer: one server, Sentinel or Cluster.

A record is a hash, `<prefix>:{<owner>}:task:<task_id>`, whose fields a person can read; Redis
removes it by itself at its expiry, rounded up to the millisecond. Two sorted sets list an owner's
records: `<prefix>:{<owner>}:ids` by id, `<prefix>:{<owner>}:expiry` by expiry. They lose their
dead entries with every write, and expire together with their last record; reading changes nothing.
The owner is percent-encoded within the braces, so one owner's keys share a cluster's slot.

Every write is one script, thus atomic, and stores a `write_id` of its own: a repeated attempt
that meets its own `write_id` knows that the first one was applied. `scripts` has the scripts,
`transport` makes the attempts, and `hashes` knows the fields.

What survives depends on the server: see `RedisBackend.verify`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, quote, urlsplit
from uuid import uuid4

from redis import Redis, RedisCluster
from redis.backoff import NoBackoff
from redis.retry import Retry

from pmcp_storage.backend import StorageBackend, VersionedRecord
from pmcp_storage.backends.redis import hashes, scripts
from pmcp_storage.backends.redis.clients import check_client
from pmcp_storage.backends.redis.transport import Client, RedisCalls
from pmcp_storage.errors import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
    OutcomeUnknownError,
)
from pmcp_storage.records import TaskRecord

_TIMEOUT = 5.0
"""Seconds that a client made by `from_url` waits for the server."""

_SAFE = {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "always"}
"""The server's settings under which an acknowledged record stays."""

_CHUNK = 1000
"""Records that a listing fetches at a time: two round trips each."""


def _names_itself(url: str) -> bool:
    """Whether the url says what the server is told of the client."""
    options = parse_qs(urlsplit(url).query, keep_blank_values=True)
    return not options.keys().isdisjoint({"lib_name", "lib_version"})


@cache
def _driver_info() -> dict[str, Any]:
    """What redis-py tells the server of itself.

    Made once: where it is not given, redis-py reads its own metadata for each new connection, which
    takes longer than connecting.
    """
    try:
        from redis.driver_info import DriverInfo
    except ImportError:
        return {}  # an older redis-py, which does not
    return {"driver_info": DriverInfo()}


class _Written(NamedTuple):
    """What became of a write: whether it was applied, and the version stored before (empty: none).

    `uncertain` says that an earlier attempt of the same call may have been applied too.
    """

    applied: bool
    stored: bytes
    uncertain: bool


class Inspection(NamedTuple):
    """What `RedisBackend.inspect` has found."""

    wrong: list[str]
    """The settings that are not as they must be, one sentence each."""
    hidden: list[str]
    """The names of the settings that a server does not show."""


class RedisBackend(StorageBackend):
    """Records in the Redis or Valkey that `client` reaches, under keys that begin with `prefix`.

    `client` is a `redis.Redis` or `redis.RedisCluster` with any settings; `close` leaves it open
    unless `close_client` is true. Its timeouts bound how long an operation waits. Its retries and
    the limit of its pool do not apply: an operation makes up to three attempts of its own, over
    connections that the handle makes as the client would, one for each call under way. After a
    fork the handle works in both processes, each with connections of its own.

    Raises TypeError for another client, and ValueError for a prefix that is empty or contains a
    brace, and for a client whose timeouts or options cannot be used.
    """

    def __init__(self, client: Client, prefix: str = "pmcp", *, close_client: bool = False) -> None:
        if not isinstance(client, Redis | RedisCluster):
            kind = f"{type(client).__module__}.{type(client).__qualname__}"
            raise TypeError(f"client must be a redis.Redis or redis.RedisCluster, not {kind}")
        if not prefix or "{" in prefix or "}" in prefix:
            raise ValueError(f"prefix must be text without braces, and not empty: {prefix!r}")
        check_client(client)
        self._prefix = prefix
        self._client = client
        self._close_client = close_client
        self._calls = RedisCalls(client)

    @classmethod
    def from_url(cls, url: str, prefix: str = "pmcp") -> Self:
        """A backend with a client of its own, which its `close` ends.

        `url` is redis-py's: redis://user:password@host:port/db, rediss:// with TLS, or unix://.
        Nothing is sent before the first operation. Raises ValueError for another url.
        """
        client = Redis.from_url(
            url,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
            **({} if _names_itself(url) else _driver_info()),
        )
        return cls(client, prefix, close_client=True)

    def record_key(self, owner_id: str, task_id: str) -> bytes:
        """The key of a record's hash."""
        return self._owner_key(owner_id, f"task:{task_id}")

    def index_keys(self, owner_id: str) -> tuple[bytes, bytes]:
        """The keys of an owner's sorted sets: by id (every score 0), and by expiry.

        Scores of the latter are milliseconds since 1970, or +inf for a record without expiry.
        """
        return self._owner_key(owner_id, "ids"), self._owner_key(owner_id, "expiry")

    def inspect(self) -> Inspection:
        """What of the server's settings is not as it must be, and what it does not show.

        Raises BackendError if the server cannot be asked.
        """
        self._check_open()
        servers = self._calls.settings(*_SAFE)
        wrong = {problem for settings in servers for problem in _problems(settings)}
        hidden = {name for settings in servers for name in _SAFE.keys() - settings.keys()}
        return Inspection(sorted(wrong), sorted(hidden))

    def verify(self) -> None:
        """Check that the server keeps what it acknowledges; changes nothing.

        Raises BackendError listing what is wrong: a maxmemory-policy that evicts records, an
        append-only file that is off or not synced with every write; and what cannot be seen,
        because the server denies CONFIG. With replicas, note that Redis acknowledges a write
        before they have it, so that a failover can lose it.
        """
        found = self.inspect()
        wrong = f"Redis can lose acknowledged records: {'; '.join(found.wrong)}"
        problems = [wrong] * bool(found.wrong) + [hidden_settings(found)] * bool(found.hidden)
        if problems:
            raise BackendError(". ".join(problems))

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = self._fetch(owner_id, [task_id])
        if not found:
            raise NotFoundError(owner_id, task_id)
        return found[0]

    def _create(self, record: TaskRecord) -> int:
        written = self._write(record, 0)
        if written.applied:
            return 1
        if written.uncertain and written.stored != b"1":
            raise _unknown(record)
        raise AlreadyExistsError(record.owner_id, record.task_id)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        key = record.owner_id, record.task_id
        written = self._write(record, expected_version)
        if written.applied:
            return expected_version + 1
        # Another's write of the very next version leaves no room for an earlier attempt of ours.
        if written.uncertain and written.stored != hashes.version_text(expected_version + 1):
            raise _unknown(record)
        if not written.stored:
            raise NotFoundError(*key)
        actual_version = hashes.checked_version(*key, written.stored)
        raise ConcurrentModificationError(*key, expected_version, actual_version)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        keys = (*self.index_keys(owner_id), self.record_key(owner_id, task_id))
        (removed,), uncertain = self._calls.write(
            keys[0], scripts.DELETE.command(keys, task_id.encode())
        )
        if uncertain and not removed:
            raise OutcomeUnknownError(
                f"task {task_id!r} of owner {owner_id!r} is gone, but Redis did not answer an "
                "earlier attempt to delete it: this call or another's has removed it"
            )
        return bool(removed)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        keys = self.index_keys(owner_id)
        bound = b"+" if after is None else b"(" + after.encode()
        found: list[VersionedRecord] = []
        while len(found) < limit:
            most = min(limit - len(found), _CHUNK)
            (ids,) = self._calls.read(keys[0], [scripts.LIST.command(keys, bound, b"%d" % most)])
            found += self._fetch(owner_id, [task_id.decode() for task_id in ids])
            if len(ids) < most:
                break
            bound = b"(" + ids[-1]
        return found

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        at = datetime.min.replace(tzinfo=UTC) if live_at is None else live_at
        _, expiry = self.index_keys(owner_id)
        (answer,) = self._calls.read(
            expiry, [scripts.COUNT.command([expiry], b"%d" % hashes.milliseconds(at))]
        )
        later, within = answer
        count: int = later + self._count_live(owner_id, within, at)
        return count if at_most is None else min(count, at_most)

    def _count_live(self, owner_id: str, task_ids: list[bytes], at: datetime) -> int:
        found = self._fetch(owner_id, [task_id.decode() for task_id in task_ids])
        return sum(not each.record.is_expired(at) for each in found)

    def _cleanup_expired(self) -> int:
        return 0

    def _close(self) -> None:
        self._calls.close()
        if self._close_client:
            self._client.close()

    def _owner_key(self, owner_id: str, rest: str) -> bytes:
        return f"{self._prefix}:{{{quote(owner_id, safe='@:')}}}:{rest}".encode()

    def _write(self, record: TaskRecord, expected_version: int) -> _Written:
        owner_id, task_id, expires_at = record.owner_id, record.task_id, record.expires_at
        keys = (*self.index_keys(owner_id), self.record_key(owner_id, task_id))
        write_id = uuid4().hex
        fields = hashes.encode(record, expected_version + 1, write_id)
        command = scripts.WRITE.command(
            keys,
            write_id.encode(),
            hashes.version_text(expected_version) if expected_version else b"",
            task_id.encode(),
            b"+inf" if expires_at is None else b"%d" % hashes.milliseconds(expires_at),
            *(text.encode() for field in fields.items() for text in field),
        )
        (applied, stored), uncertain = self._calls.write(keys[0], command)
        return _Written(bool(applied), stored, uncertain)

    def _fetch(self, owner_id: str, task_ids: list[str]) -> list[VersionedRecord]:
        """The records among these ids that are there, in one round trip."""
        keys = [self.record_key(owner_id, task_id) for task_id in task_ids]
        commands = [(b"HMGET", key, b"version", b"data") for key in keys]
        rows = self._calls.read(keys[0], commands) if keys else []
        return [
            hashes.decode(owner_id, task_id, *row)
            for task_id, row in zip(task_ids, rows, strict=True)
            if row != [None, None]
        ]


def hidden_settings(found: Inspection) -> str:
    """What to do about the settings that a server does not show."""
    wanted = ", ".join(f"{name} is {_SAFE[name]}" for name in found.hidden)
    return (
        f"Redis does not show {', '.join(found.hidden)}, because it denies CONFIG: look with "
        f"whoever runs it whether {wanted}; otherwise it can lose acknowledged records"
    )


def _problems(settings: dict[str, str]) -> list[str]:
    wrong = [(name, value) for name, value in settings.items() if value != _SAFE[name]]
    return [f"{name} is {value}, not {_SAFE[name]}" for name, value in wrong]


def _unknown(record: TaskRecord) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"task {record.task_id!r} of owner {record.owner_id!r}: Redis left an earlier attempt to "
        "write it without an answer, and others have written since: read the record"
    )
