"""What becomes of SQLite files: checked, completed, removed, replaced, opened by many at once."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pmcp_storage import BackendError, NotFoundError, OutcomeUnknownError, SqliteBackend
from pmcp_storage.backends.sqlite import file
from support.records import make_record

ENDINGS = ("", "-wal", "-shm")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tasks.db"


def shell(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **options.pop("environment", {})}
    done = subprocess.run(
        [sys.executable, "-m", "pmcp_storage", *arguments],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **{"stdout": subprocess.PIPE, **options},
    )
    assert "Traceback" not in done.stderr
    return done


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        found.name: (found.read_bytes() if found.is_file() else b"", found.stat().st_mtime_ns)
        for found in folder.iterdir()
    }


def sound(path: Path) -> None:
    with SqliteBackend(path) as backend:
        backend.create(make_record())


def damaged(path: Path) -> None:
    with SqliteBackend(path) as backend:
        for number in range(50):
            backend.create(make_record(str(number), variables={"x": "y" * 500}))
    with path.open("r+b") as raw:
        raw.seek(3 * 4096)
        raw.write(b"\xff" * 4096)


def after(*statements: str) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        sound(path)
        shell(path, *statements)

    return spoil


def crashed(path: Path) -> None:
    """A file whose log holds what was written last, as after a kill; without the log's index."""
    with SqliteBackend(path.with_name("origin.db")) as backend:
        backend.create(make_record())
        for ending in ENDINGS[:2]:
            shutil.copyfile(f"{path.with_name('origin.db')}{ending}", f"{path}{ending}")


PROBLEMS: dict[str, tuple[Callable[[Path], object], str | None]] = {
    "sound": (sound, None),
    "crashed": (crashed, None),
    "absent": (lambda path: None, "does not exist: create it with 'pmcp-storage init sqlite"),
    "empty": (lambda path: path.touch(), "is empty: lay it out with 'pmcp-storage init sqlite"),
    "folder": (lambda path: path.mkdir(), "this is a folder: name a file in it"),
    "pipe": (lambda path: os.mkfifo(path), "a pipe or a socket: name a file"),
    "no table": (after("DROP TABLE tasks"), "lacks the table tasks: restore a backup, or create"),
    "no column": (
        after("ALTER TABLE tasks DROP COLUMN status"),
        "lacks the column status of its table tasks",
    ),
    "no index": (after("DROP INDEX tasks_by_expiry"), "lacks the index tasks_by_expiry"),
    "no mark": (after("PRAGMA application_id = 7"), "a SQLite database of something else"),
    "newer": (after("PRAGMA user_version = 2"), "has schema version 2"),
    "damaged": (damaged, "is damaged"),
    "text": (lambda path: path.write_text("notes " * 99), "not a SQLite database"),
}


@pytest.mark.parametrize(("spoil", "words"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_check_names_what_is_wrong_and_changes_nothing(
    path: Path, spoil: Callable[[Path], object], words: str | None
) -> None:
    spoil(path)
    before = contents(path.parent)
    with SqliteBackend(path) as backend:
        if words is None:
            backend.verify()
        else:
            with pytest.raises(BackendError, match=words) as refused:
                backend.verify()
            assert str(path) in str(refused.value)
    assert contents(path.parent) == before


def test_a_check_of_a_file_in_use_leaves_it_to_its_users(path: Path) -> None:
    with SqliteBackend(path) as server:
        server.create(make_record())
        assert command("verify", "sqlite", str(path)).returncode == 0
        server.verify()
        assert server.put(make_record()) == 2
    assert [found.name for found in path.parent.iterdir()] == ["tasks.db"]


@pytest.mark.parametrize("statement", ["DROP TABLE tasks", "DROP INDEX tasks_by_expiry"])
def test_init_creates_what_is_missing(path: Path, statement: str) -> None:
    after(statement)(path)
    done = command("init", "sqlite", str(path))
    assert (done.returncode, "created what was missing" in done.stdout) == (0, True)
    assert command("verify", "sqlite", str(path)).returncode == 0
    before = contents(path.parent)
    assert "is there" in command("init", "sqlite", str(path)).stdout
    assert contents(path.parent) == before


def test_init_says_what_it_cannot_create(path: Path) -> None:
    after("ALTER TABLE tasks DROP COLUMN status")(path)
    done = command("init", "sqlite", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "lacks the column status of its table tasks: restore a backup" in done.stderr


def test_an_operation_without_its_table_says_so(path: Path) -> None:
    after("DROP TABLE tasks")(path)
    with SqliteBackend(path) as backend, pytest.raises(BackendError, match="no such table") as got:
        backend.get("o", "t")
    assert "pmcp-storage verify sqlite" in str(got.value)


def test_init_several_times_at_once(path: Path) -> None:
    arguments = [sys.executable, "-m", "pmcp_storage", "init", "sqlite", str(path)]
    running = [
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(5)
    ]
    for process in running:
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
        assert str(path) in output
    with SqliteBackend(path) as backend:
        backend.verify()


@pytest.fixture
def _attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each operation looks at the files, and not only one in a tenth of a second."""
    monkeypatch.setattr(file, "_A_MOMENT", 0.0)


def remove(path: Path) -> None:
    for ending in ENDINGS:
        Path(f"{path}{ending}").unlink(missing_ok=True)


@pytest.mark.usefixtures("_attentive")
def test_a_file_that_is_removed_in_use_takes_no_more_writes(path: Path) -> None:
    with SqliteBackend(path) as backend:
        backend.create(make_record())
        remove(path)
        for operation in (
            lambda: backend.create(make_record("new")),
            lambda: backend.get("o", "t"),
        ):
            for _ in range(2):
                with pytest.raises(BackendError, match="was removed while it was in use"):
                    operation()
        assert list(path.parent.iterdir()) == []
        with SqliteBackend(path) as another:
            assert another.create(make_record("new")) == 1
        assert backend.get("o", "new").version == 1


@pytest.mark.usefixtures("_attentive")
def test_a_file_that_is_replaced_in_use_is_the_one_that_counts(path: Path) -> None:
    backup = path.with_name("backup.db")
    with SqliteBackend(backup) as backend:
        backend.create(make_record("saved"))
    with SqliteBackend(path) as backend:
        backend.create(make_record())
        remove(path)
        backup.rename(path)
        assert backend.put(make_record("saved")) == 2
        with pytest.raises(NotFoundError):
            backend.get("o", "t")
        with SqliteBackend(path) as another:
            assert another.get("o", "saved").version == 2


@pytest.mark.usefixtures("_attentive")
def test_a_log_that_is_removed_in_use_is_begun_anew(path: Path) -> None:
    with SqliteBackend(path) as backend:
        backend.create(make_record())
        for ending in ENDINGS[1:]:
            Path(f"{path}{ending}").unlink()
        backend.put(make_record("new"))
        with SqliteBackend(path) as another:
            assert another.get("o", "new").version == 1


def test_a_file_that_is_removed_in_the_middle_of_a_write(path: Path) -> None:
    with SqliteBackend(path) as backend:
        backend.create(make_record())
        with (
            pytest.raises(OutcomeUnknownError, match="removed or replaced while it was in use"),
            backend._transaction(),
        ):
            remove(path)


@pytest.mark.parametrize(
    "timeout",
    [-1, -0.001, float("nan"), float("inf"), 2_147_484, 1e300, 10**400, -(10**5000)],
    ids=["-1", "-0.001", "nan", "inf", "2147484", "1e300", "1 and 400 zeros", "5001 digits"],
)
def test_a_busy_timeout_that_sqlite_cannot_count_is_refused(path: Path, timeout: float) -> None:
    with pytest.raises(ValueError, match="busy_timeout must be from 0 to 2,147,483 seconds"):
        SqliteBackend(path, busy_timeout=timeout)


@pytest.mark.parametrize("timeout", [None, "10", True, [1]])
def test_a_busy_timeout_that_is_no_number_is_refused(path: Path, timeout: Any) -> None:
    with pytest.raises(TypeError, match="busy_timeout must be a number, not"):
        SqliteBackend(path, busy_timeout=timeout)


@pytest.mark.parametrize("timeout", [0, 0.5, 2_147_483])
def test_the_shortest_and_the_longest_busy_timeout_work(path: Path, timeout: float) -> None:
    with SqliteBackend(path, busy_timeout=timeout) as backend:
        assert backend.put(make_record()) == 1
        assert backend.put(make_record()) == 2


def test_paths_of_all_kinds(tmp_path: Path) -> None:
    for name in ("a b?c#d%e&mode=ro.db", "t\u00e2ches.db", os.fsdecode(b"\xff.db")):
        with SqliteBackend(tmp_path / name) as backend:
            backend.create(make_record())
            backend.verify()
        assert (tmp_path / name).exists()
    with SqliteBackend(os.fsencode(tmp_path / "bytes.db")) as backend:  # type: ignore[arg-type]
        backend.create(make_record())
    with pytest.raises(ValueError, match=r"must not contain U\+0000"):
        SqliteBackend("a\0b")
    with pytest.raises(TypeError):
        SqliteBackend(None)  # type: ignore[arg-type]


def test_a_terminal_that_cannot_show_a_path(tmp_path: Path) -> None:
    path = tmp_path / "t\u00e2ches.db"
    for verb, returncode in (("verify", 1), ("init", 0), ("init", 0), ("verify", 0)):
        done = command(verb, "sqlite", str(path), environment={"PYTHONIOENCODING": "ascii"})
        assert done.returncode == returncode
        assert "t\\xe2ches.db" in (done.stdout or done.stderr)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_output_that_goes_nowhere_does_not_make_a_failure(path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = command("init", "sqlite", str(path), stdout=full)
    assert (done.returncode, done.stderr) == (0, "")
    assert command("verify", "sqlite", str(path)).returncode == 0


NO_SQLITE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == "_sqlite3":
            raise ModuleNotFoundError("No module named '_sqlite3'", name=name)
sys.meta_path.insert(0, Absent())
"""


def test_a_python_without_sqlite(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_SQLITE)
    environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = command("init", "sqlite", str(tmp_path / "t.db"), environment=environment)
    assert done.returncode == 1
    assert "this Python was built without SQLite" in done.stderr
    assert "pip install" not in done.stderr
    script = "from pmcp_storage import *; InMemoryBackend(); AsyncTaskStore"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "SqliteBackend needs the module _sqlite3" in done.stderr
    assert "pip install" not in done.stderr
