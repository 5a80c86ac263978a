"""SqliteBackend: its file and errors, and kills, forks and threads. The kit tests the contract."""

from __future__ import annotations

import contextlib
import gc
import itertools
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    NotFoundError,
    RecordTooLargeError,
    SqliteBackend,
    StorageFullError,
    Task,
    TaskRecord,
    TaskStatus,
)
from pmcp_storage.backends.sqlite.statements import CLEANUP, PAGE

# Python warns of any fork in a process with threads; that it is safe here is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
}
"""For processes whose scripts use `make` and the package."""

NOW = datetime(2026, 2, 23, 10, 30, tzinfo=UTC)


def make(task_id: str = "t", owner_id: str = "o", **fields: Any) -> TaskRecord:
    task = Task(
        task_id=task_id, status=TaskStatus.WORKING, created_at=NOW, last_updated_at=NOW, ttl=None
    )
    return TaskRecord(task=task, owner_id=owner_id, request_method="tools/call", **fields)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tasks.db"


@pytest.fixture
def backend(path: Path) -> Iterator[SqliteBackend]:
    with SqliteBackend(path) as backend:
        yield backend


def shell(path: Path, statement: str, *values: Any) -> list[Any]:
    db = sqlite3.connect(path, isolation_level=None)
    try:
        return db.execute(statement, values).fetchall()
    finally:
        db.close()


def test_every_operation(backend: SqliteBackend) -> None:
    record = make(variables={"n": 1})
    assert backend.create(record) == 1
    with pytest.raises(AlreadyExistsError):
        backend.create(record)
    assert backend.put_if_version(make(variables={"n": 2}), 1) == 2
    assert backend.put(make(variables={"n": 3})) == 3
    with pytest.raises(ConcurrentModificationError) as refused:
        backend.put_if_version(record, 1)
    assert (refused.value.expected_version, refused.value.actual_version) == (1, 3)
    found = backend.get("o", "t")
    assert (found.record.variables, found.version) == ({"n": 3}, 3)
    assert backend.list_by_owner("o") == [found]
    assert backend.delete("o", "t")
    assert not backend.delete("o", "t")
    with pytest.raises(NotFoundError):
        backend.get("o", "t")
    with pytest.raises(NotFoundError):
        backend.put_if_version(record, 3)
    assert backend.put(record) == 1


def test_a_refused_write_changes_nothing(backend: SqliteBackend) -> None:
    backend.put(make(variables={"n": 1}))
    before = backend.get("o", "t")
    for expected in (2, 2**62, 2**63, 10**30):
        with pytest.raises(ConcurrentModificationError):
            backend.put_if_version(make(variables={"n": 2}), expected)
    assert backend.get("o", "t") == before


def test_versions_are_exact_up_to_2_62(backend: SqliteBackend, path: Path) -> None:
    backend.put(make())
    shell(path, "UPDATE tasks SET version = ?", 2**62 - 1)
    assert backend.put_if_version(make(), 2**62 - 1) == 2**62
    assert backend.get("o", "t").version == 2**62
    with pytest.raises(ConcurrentModificationError) as refused:
        backend.put_if_version(make(), 2**62 - 1)
    assert refused.value.actual_version == 2**62


def test_listings_are_in_descending_order_by_code_point(backend: SqliteBackend) -> None:
    ids = [
        "a",
        "A",
        "é",
        "e\u0301",
        "\U0001f600",
        "\uffff",
        "\x01",
        "a\n",
        "a ",
        "%",
        "_",
        "9",
        "10",
    ]
    for task_id in ids:
        backend.create(make(task_id))
    backend.create(make("other", owner_id="o2"))
    expected = sorted(ids, reverse=True)
    assert [found.record.task_id for found in backend.list_by_owner("o")] == expected
    assert [found.record.task_id for found in backend.list_by_owner("o", after="a0")] == [
        task_id for task_id in expected if task_id < "a0"
    ]
    pages = [found.record.task_id for found in backend.list_by_owner("o", limit=10**30)]
    assert pages == expected


def test_count_is_exact_to_the_microsecond(backend: SqliteBackend) -> None:
    microsecond = timedelta(microseconds=1)
    for number, expires_at in enumerate((None, NOW - microsecond, NOW, NOW + microsecond)):
        backend.create(make(str(number), expires_at=expires_at))
    assert backend.count_by_owner("o") == 4
    assert backend.count_by_owner("o", at_most=3) == 3
    assert backend.count_by_owner("o", live_at=NOW) == 2
    assert backend.count_by_owner("o", live_at=NOW, at_most=1) == 1
    assert backend.count_by_owner("o", at_most=10**30) == 4
    edge = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))
    assert backend.count_by_owner("o", live_at=edge) == 1


def fill(path: Path, count: int, owner_id: str = "o") -> None:
    """Copy the row (o, t) `count` times, under ids that are numbers."""
    shell(
        path,
        """WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
           INSERT INTO tasks SELECT ?, printf('%09d', i), status, version, expires_at,
                  replace(replace(data, '"t"', printf('"%09d"', i)), '"o"', '"' || ? || '"')
           FROM tasks, n WHERE owner_id = 'o' AND task_id = 't'""",
        *(count, owner_id, owner_id),
    )


def test_cleanup_removes_what_has_expired_and_nothing_else(
    backend: SqliteBackend, path: Path
) -> None:
    backend.create(make(expires_at=datetime(1970, 1, 1, tzinfo=UTC)))
    fill(path, 2345)
    backend.create(make("x", expires_at=datetime(9999, 12, 31, tzinfo=UTC)))
    backend.create(make("y"))
    assert backend.count_by_owner("o") == 2348
    assert backend.cleanup_expired() == 2346
    assert backend.cleanup_expired() == 0
    assert [found.record.task_id for found in backend.iter_by_owner("o")] == ["y", "x"]


def test_expired_records_stay_until_cleanup(backend: SqliteBackend) -> None:
    backend.create(make(expires_at=NOW))
    assert backend.get("o", "t").version == 1
    assert backend.put(make()) == 2
    assert backend.cleanup_expired() == 0


def plan(path: Path, statement: str, *values: Any) -> str:
    return " ".join(row[3] for row in shell(path, f"EXPLAIN QUERY PLAN {statement}", *values))


def test_listing_and_cleanup_go_by_index(backend: SqliteBackend, path: Path) -> None:
    backend.create(make())
    listing = plan(path, PAGE, "o", "t", 50)
    assert "SEARCH tasks USING INDEX" in listing
    assert "TEMP B-TREE" not in listing
    assert "USING COVERING INDEX tasks_by_expiry" in plan(path, CLEANUP, 0, 1)


def test_a_page_costs_the_same_among_few_and_many_records(
    backend: SqliteBackend, path: Path
) -> None:
    backend.create(make())
    fill(path, 100)
    few = steps_of_a_page(backend)
    shell(path, "DELETE FROM tasks WHERE task_id <> 't'")
    fill(path, 20_000)
    fill(path, 1_000, owner_id="o2")
    assert steps_of_a_page(backend) == few


def steps_of_a_page(backend: SqliteBackend) -> int:
    """The steps of SQLite's machine that a page of 50 takes, planning included."""
    steps = itertools.count()
    with backend._pool.connection() as db:
        db.set_progress_handler(lambda: next(steps) < 0, 1)
    assert len(backend.list_by_owner("o", limit=50, after="000000070")) == 50
    return next(steps)


def test_a_person_can_read_the_file(backend: SqliteBackend, path: Path) -> None:
    backend.create(make("t\u00e9", owner_id="a:b", expires_at=NOW + timedelta(microseconds=1)))
    rows = shell(path, "SELECT owner_id, task_id, status, version, expires_at FROM tasks")
    assert rows == [("a:b", "t\u00e9", "working", 1, 1_771_842_600_000_001)]
    assert shell(path, "SELECT json_extract(data, '$.task.status') FROM tasks") == [("working",)]
    assert shell(path, "PRAGMA journal_mode") == [("wal",)]
    assert shell(path, "PRAGMA application_id") == [(0x504D4350,)]
    assert shell(path, "PRAGMA user_version") == [(1,)]


def test_every_connection_syncs_each_commit(backend: SqliteBackend) -> None:
    with backend._pool.connection() as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)


@pytest.mark.parametrize("path", [":memory:", ""])
def test_a_path_that_is_no_file_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="InMemoryBackend"):
        SqliteBackend(path)


def no_database(path: Path) -> None:
    path.write_bytes(b"These are a person's notes, and no database at all. " * 100)


def another_database(path: Path) -> None:
    shell(path, "CREATE TABLE customers (name TEXT)")


def another_application(path: Path) -> None:
    shell(path, "PRAGMA application_id = 7")


def newer_schema(path: Path) -> None:
    with SqliteBackend(path) as backend:
        backend.create(make())
    shell(path, "PRAGMA user_version = 2")


def folder(path: Path) -> None:
    path.mkdir()


def missing_folder(path: Path) -> None:
    path.parent.rmdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_database, "not a SQLite database: name another file"),
        (another_database, "a SQLite database of something else"),
        (another_application, "a SQLite database of something else"),
        (newer_schema, "has schema version 2, and this version of pmcp-storage supports only 1"),
        (folder, "this is a folder: name a file in it"),
        (missing_folder, "there is no folder"),
    ],
)
def test_a_file_that_is_not_ours_is_refused_and_left_alone(
    tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    path = tmp_path / "folder" / "tasks.db"
    path.parent.mkdir()
    spoil(path)
    gc.collect()
    before = path.read_bytes() if path.is_file() else None
    with SqliteBackend(path) as backend:
        for operation in (lambda: backend.get("o", "t"), lambda: backend.create(make())):
            with pytest.raises(BackendError, match=words) as refused:
                operation()
            assert str(path) in str(refused.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_an_empty_file_becomes_ours(path: Path) -> None:
    path.touch()
    with SqliteBackend(path) as backend:
        assert backend.create(make()) == 1


def fork(work: Callable[[], object], user: int | None = None) -> int:
    """Run `work` in a forked process, as another user if one is given; return its exit code."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(30)
            if user is not None:
                os.setuid(user)
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_read_only_file_or_folder_is_an_error_with_a_remedy() -> None:
    # Not pytest's own folder, which other users may not enter.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tasks.db")
        with SqliteBackend(path) as backend:
            backend.create(make())
        path.chmod(0o444)
        path.parent.chmod(0o555)

        def work() -> None:
            with SqliteBackend(path) as backend:
                for _ in range(2):
                    with pytest.raises(BackendError, match="permission") as refused:
                        backend.put(make())
                    assert isinstance(refused.value.__cause__, sqlite3.Error)
            with (
                SqliteBackend(path.with_name("new.db")) as backend,
                pytest.raises(BackendError, match="permission"),
            ):
                backend.get("o", "t")

        nobody = 65534 if os.geteuid() == 0 else None  # root may write everywhere
        assert fork(work, nobody) == 0
        path.parent.chmod(0o755)


def test_a_lock_held_for_too_long_is_an_error_that_heals(path: Path) -> None:
    with SqliteBackend(path, busy_timeout=0.05) as backend:
        backend.create(make())
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BackendError, match="holds the lock for too long") as refused:
            backend.put(make())
        assert isinstance(refused.value.__cause__, sqlite3.OperationalError)
        assert backend.get("o", "t").version == 1
        other.close()
        assert backend.put(make()) == 2


Prepare = Callable[[sqlite3.Connection], object]


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Callable[[Prepare], None]:
    """Have every connection prepared by SQLite's own means before the backend gets it."""
    connect = sqlite3.connect

    def limit(prepare: Prepare) -> None:
        def connect_limited(*args: Any, **options: Any) -> sqlite3.Connection:
            db: sqlite3.Connection = connect(*args, **options)
            prepare(db)
            return db

        monkeypatch.setattr(sqlite3, "connect", connect_limited)

    return limit


def test_a_full_disk_is_a_full_storage(path: Path, limited: Callable[[Prepare], None]) -> None:
    limited(lambda db: db.execute("PRAGMA max_page_count = 20"))
    with SqliteBackend(path) as backend:
        backend.create(make())
        with pytest.raises(StorageFullError, match="full") as refused:
            backend.put(make(variables={"secret": "x" * 100_000}))
        assert isinstance(refused.value.__cause__, sqlite3.OperationalError)
        assert backend.get("o", "t").version == 1
        assert backend.put(make()) == 2


def test_a_record_over_the_limit_of_sqlite_is_too_large(
    path: Path, limited: Callable[[Prepare], None]
) -> None:
    limited(lambda db: db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000))
    with SqliteBackend(path) as backend:
        backend.create(make())
        large = make(variables={"secret": "x" * 10_000})
        with pytest.raises(RecordTooLargeError) as refused:
            backend.put_if_version(large, 1)
        assert refused.value.size == len(large.to_json())
        assert backend.get("o", "t").version == 1


def test_a_failed_commit_has_an_unknown_outcome(tmp_path: Path) -> None:
    # The system refuses to let the file grow, so the commit's write to the log fails.
    script = f"""
import os, resource
from test_sqlite import make
from pmcp_storage import OutcomeUnknownError, SqliteBackend
backend = SqliteBackend({str(tmp_path / "tasks.db")!r})
backend.create(make())
size = os.path.getsize({str(tmp_path / "tasks.db-wal")!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
try:
    backend.put(make())
except OutcomeUnknownError as error:
    print("unknown", type(error.__cause__).__name__)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(backend.get("o", "t").version in (1, 2), backend.put(make()) in (2, 3))
"""
    assert run(script).split() == ["unknown", "OperationalError", "True", "True"]


def run(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("data", 7),
        ("data", b"\xff\xfe secret"),
        ("data", "secret"),
        ("data", '{"task": {}, "secret": 1}'),
        ("version", "secret"),
        ("version", 0),
    ],
)
def test_a_corrupt_row_is_named_and_can_be_deleted(
    backend: SqliteBackend, path: Path, column: str, value: object
) -> None:
    backend.create(make())
    shell(
        path,
        f"UPDATE tasks SET {column} = CAST(? AS TEXT)"
        if isinstance(value, bytes)
        else f"UPDATE tasks SET {column} = ?",
        value,
    )
    for operation in (lambda: backend.get("o", "t"), lambda: backend.list_by_owner("o")):
        with pytest.raises(CorruptRecordError) as refused:
            operation()
        assert (refused.value.owner_id, refused.value.task_id) == ("o", "t")
        assert "secret" not in f"{refused.value} {refused.value!r} {refused.value.__cause__}"
    assert backend.delete("o", "t")
    assert backend.list_by_owner("o") == []


def test_a_row_of_another_key_is_never_returned(backend: SqliteBackend, path: Path) -> None:
    backend.create(make())
    shell(path, "UPDATE tasks SET owner_id = 'thief'")
    with pytest.raises(CorruptRecordError, match="another owner"):
        backend.get("thief", "t")


def increment(path: Path, times: int) -> None:
    with SqliteBackend(path) as backend:
        for _ in range(times):
            while True:
                found = backend.get("o", "t")
                count = found.record.variables["n"] + 1
                try:
                    backend.put_if_version(make(variables={"n": count}), found.version)
                except ConcurrentModificationError:
                    continue
                break


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_lose_no_increment(path: Path, method: str) -> None:
    with SqliteBackend(path) as backend:
        backend.create(make(variables={"n": 0}))
        context: Any = multiprocessing.get_context(method)
        workers = [context.Process(target=increment, args=(path, 10)) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
            assert worker.exitcode == 0
        found = backend.get("o", "t")
    assert (found.record.variables["n"], found.version) == (30, 31)


def test_threads_of_one_handle_put_each_version_once(backend: SqliteBackend) -> None:
    with ThreadPoolExecutor(12) as threads:
        versions = list(threads.map(lambda _: backend.put(make()), range(120)))
    assert sorted(versions) == list(range(1, 121))


def test_processes_that_open_a_new_file_at_once_all_work(tmp_path: Path) -> None:
    script = """
import sys
from test_sqlite import make
from pmcp_storage import SqliteBackend
sys.stdin.readline()
for number in range(10):
    with SqliteBackend(f"{sys.argv[1]}/{number}.db") as backend:
        backend.create(make(sys.argv[2]))
"""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path), str(number)],
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    for number in range(10):
        with SqliteBackend(tmp_path / f"{number}.db") as backend:
            assert backend.count_by_owner("o") == 4


def test_handles_that_open_a_new_file_at_once_all_work(tmp_path: Path) -> None:
    start = threading.Barrier(6)

    def create(path: Path, task_id: str) -> int:
        with SqliteBackend(path) as backend:
            start.wait()
            return backend.create(make(task_id))

    with ThreadPoolExecutor(6) as threads:
        for number in range(20):
            path = tmp_path / f"{number}.db"
            assert list(threads.map(create, [path] * 6, "abcdef")) == [1] * 6


def test_a_new_file_that_another_has_locked_is_waited_for(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.05, other.close)
    release.start()
    with SqliteBackend(path) as backend:
        assert backend.create(make()) == 1
    release.join()


WRITER = """
import os, sys
from test_sqlite import make
from pmcp_storage import SqliteBackend
backend = SqliteBackend(sys.argv[1])
for number in range(int(sys.argv[2]), 10**9):
    backend.put(make(variables={"n": number}))
    os.write(1, b"%d\\n" % number)
"""


def test_a_killed_writer_loses_no_acknowledged_write(path: Path) -> None:
    last = 0
    for _ in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(last + 1)],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
        )
        assert writer.stdout
        for _ in range(25):
            last = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().split()
        writer.wait()
        writer.stdout.close()
        last = int(rest[-1]) if rest else last
        with SqliteBackend(path) as backend:
            found = backend.get("o", "t")
            stored = found.record.variables["n"]
            assert stored == found.version
            assert stored in (last, last + 1)
            last = stored


def test_a_handle_used_before_a_fork_works_on_both_sides(backend: SqliteBackend) -> None:
    backend.create(make())
    assert fork(lambda: backend.put(make())) == 0
    assert backend.put(make()) == 3


def test_the_parent_closing_does_not_take_the_file_from_a_forked_child(path: Path) -> None:
    backend = SqliteBackend(path)
    backend.create(make())
    go, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            backend.put(make())
            os.write(done[1], b"1")
            os.read(go[0], 1)
            backend.put(make())
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(code)
    os.read(done[0], 1)
    backend.get("o", "t")
    backend.close()
    os.write(go[1], b"1")
    os.waitpid(child, 0)
    for end in (*go, *done):
        os.close(end)
    with SqliteBackend(path) as reopened:
        assert reopened.get("o", "t").version == 3


def test_forks_among_busy_threads_do_not_hang(backend: SqliteBackend) -> None:
    stop = threading.Event()

    def keep_writing() -> None:
        while not stop.is_set():
            backend.put(make())

    with ThreadPoolExecutor(3) as threads:
        busy = [threads.submit(keep_writing) for _ in range(3)]
        try:
            for _ in range(10):
                assert fork(lambda: backend.put(make("c"))) == 0
        finally:
            stop.set()
        for future in busy:
            future.result()
    assert backend.get("o", "c").version == 10


def open_files(path: Path) -> int:
    names = []
    for number in os.listdir("/proc/self/fd"):
        try:
            names.append(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            continue
    return sum(name.startswith(str(path)) for name in names)


def test_threads_and_handles_leave_no_file_open(path: Path) -> None:
    with SqliteBackend(path) as backend:
        with ThreadPoolExecutor(30) as threads:
            list(threads.map(lambda n: backend.put(make(str(n))), range(60)))
            list(threads.map(lambda n: backend.get("o", str(n)), range(60)))
        with contextlib.ExitStack() as burst:
            for _ in range(20):
                burst.enter_context(backend._pool.connection())
        # Of the file itself SQLite keeps more, for reuse: to close one would drop its locks.
        assert open_files(path.with_name("tasks.db-wal")) <= 8
    assert open_files(path) == 0
    assert not path.with_name("tasks.db-wal").exists()


def test_a_closed_handle_says_so_also_to_operations_under_way(path: Path) -> None:
    closed = "this SqliteBackend is closed: open another handle"
    backend = SqliteBackend(path)
    backend.create(make())

    def put_for_ever() -> None:
        while True:
            backend.put(make())

    with ThreadPoolExecutor(4) as threads:
        ends = [threads.submit(put_for_ever) for _ in range(4)]
        while backend.get("o", "t").version < 50:
            pass
        backend.close()
    for end in ends:
        with pytest.raises(BackendError, match=closed):
            end.result()
    assert open_files(path) == 0


def test_a_connection_that_is_in_use_at_the_close_is_closed_after_it(path: Path) -> None:
    backend = SqliteBackend(path)
    with backend._pool.connection() as db:
        backend.close()
        assert db.execute("SELECT count(*) FROM tasks").fetchone() == (0,)
    assert open_files(path) == 0
    with pytest.raises(BackendError, match="closed"):
        backend._pool.connection().__enter__()


def test_the_path_is_that_of_the_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with SqliteBackend("tasks.db") as backend:
        monkeypatch.chdir("/")
        backend.create(make())
    assert (tmp_path / "tasks.db").exists()
