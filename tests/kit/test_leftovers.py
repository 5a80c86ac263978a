"""Nothing stays behind: the last look at a run's owners, and interrupted runs with workers."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from pmcp_conformance import BackendTarget
from pmcp_conformance.engine import sweep as sweeping
from pmcp_conformance.engine.ledger import Entry, Ledger
from pmcp_conformance.engine.sweep import sweep
from pmcp_storage import BackendError, InMemoryBackend, MemoryStorage, StorageBackend
from support.kit_projects import PYTEST, last_verdict
from support.processes import wait_for_end
from support.records import make_record


class Throttled(InMemoryBackend):
    """Refuses some listings."""

    refusals = 0

    def _list_by_owner(self, owner_id, *, limit, after):  # type: ignore[no-untyped-def]
        if Throttled.refusals:
            Throttled.refusals -= 1
            raise BackendError("slow down")
        return super()._list_by_owner(owner_id, limit=limit, after=after)


class ThrottledTarget(BackendTarget):
    name = "throttled"

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.disposed: list[str] = []

    def open(self) -> StorageBackend:
        return Throttled(self.storage)

    def dispose_fresh(self, token: str) -> None:
        self.disposed.append(token)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "_PAUSES", (0.001,) * 4)


def test_the_last_look_tries_again_where_the_storage_throttles() -> None:
    Throttled.refusals = 3
    assert sweep(ThrottledTarget(), ["one", "two"], ["token"]) == []


def test_a_storage_that_stays_away_is_not_waited_for_again_and_again() -> None:
    Throttled.refusals = 7
    left = sweep(ThrottledTarget(), ["one", "two", "three"])
    assert [leftover.removed for leftover in left] == [False, False, False]
    assert Throttled.refusals == 0
    assert "slow down" in str(left[0])


def test_what_is_found_is_removed_and_fresh_storage_taken_down() -> None:
    target = ThrottledTarget()
    Throttled.refusals = 0
    target.open().create(make_record(owner_id="one"))
    (left,) = sweep(target, ["one", "two"], ["token"])
    assert left.removed
    assert target.disposed == ["token"]
    assert sweep(target, ["one"]) == []


def test_a_ledger_is_held_by_every_process_that_may_still_write(tmp_path: Path) -> None:
    (tmp_path / "ledger").touch()
    ledger, theirs = Ledger(tmp_path / "ledger"), Ledger(tmp_path / "ledger")
    theirs.hold()
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[theirs.descriptor])
    os.close(theirs.descriptor)  # as if the worker had been killed
    assert not ledger.wait_for_workers(0.1)
    child.kill()
    child.communicate()
    assert ledger.wait_for_workers(10)


def test_a_ledger_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    file = tmp_path / "ledger"
    file.touch()
    ledger = Ledger(file)
    for token in ("kept", "gone"):
        ledger.note(Entry.FRESH, "mine", token)
    ledger.note(Entry.OWNER, "mine", "owner")
    ledger.note(Entry.OWNER, "other", "another")
    ledger.note(Entry.DISPOSED, "mine", "gone")
    file.write_text(file.read_text() + '["own')
    assert (ledger.owners("mine"), ledger.tokens("mine")) == (["owner"], ["kept"])


CONFTEST = """
import os
import pytest
from pmcp_conformance.targets.sqlite import SqliteTarget

class Mine(SqliteTarget):
    name = "mine"

    def prepare(self):
        self._folder = os.environ["FOLDER"]

    def dispose(self):
        pass

@pytest.hookimpl(optionalhook=True)
def pytest_pmcp_backends():
    return [Mine()]

def pytest_runtest_logreport(report):
    if report.when == "call":
        print("one has run", flush=True)
"""


def rows(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "tasks.db")) as db:
        return int(db.execute("SELECT count(*) FROM tasks").fetchone()[0])


def workers_of(process: int) -> list[int]:
    listed = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True)
    return [int(line) for line in listed.stdout.split()]


@pytest.mark.parametrize("how", ["stopped workers", "terminated group", "twice"])
def test_an_interrupted_run_with_workers_leaves_nothing(
    pytester: pytest.Pytester, tmp_path: Path, how: str
) -> None:
    pytester.makeconftest(CONFTEST)
    command = [PYTEST, "-s", "-p", "pmcp_conformance", "-n", "2", "-k", "KEY or LIST or DUR"]
    environment = {**os.environ, "FOLDER": str(tmp_path), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        assert run.stdout
        while "one has run" not in run.stdout.readline():
            assert run.poll() is None
        workers = workers_of(run.pid)
        interrupt(run, workers, how)
        output = run.stdout.read()
    assert run.returncode == pytest.ExitCode.INTERRUPTED
    result = pytest.RunResult(run.returncode, output.splitlines(), [], 0)
    assert "INCOMPLETE" in last_verdict(result)
    result.stdout.fnmatch_lines(["  the run was interrupted"])
    for worker in workers:
        wait_for_end(worker)
    assert rows(tmp_path) == 0
    assert not list(tmp_path.glob("pmcp-owners*"))


def interrupt(run: subprocess.Popen[str], workers: list[int], how: str) -> None:
    if how == "terminated group":
        os.killpg(run.pid, signal.SIGTERM)
        return
    if how == "stopped workers":
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
    run.send_signal(signal.SIGINT)
    if how == "twice":
        run.send_signal(signal.SIGINT)
        os.killpg(run.pid, signal.SIGINT)
