"""The fork server: what it can load, what it says where it cannot, and that it outlives nobody."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mutants.files import FileTarget
from pmcp_conformance import BackendTarget
from pmcp_conformance.engine.violation import Inconclusive
from pmcp_conformance.engine.watchdog import Watchdog
from pmcp_conformance.processes.fork_server import ForkServer
from pmcp_storage import InMemoryBackend, NotFoundError, StorageBackend
from support.processes import wait_for_end

WATCHDOG = Watchdog(answer_within=30)


class LocalTarget(BackendTarget):
    """A target whose `word` is set in this process."""

    name = "local"
    word = ""

    def open(self) -> StorageBackend:
        return Wordy(self.word)


class Wordy(InMemoryBackend):
    """Says what its target knows, and which process it is in."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self._word = word

    def say(self) -> tuple[str, int]:
        return self._word, os.getpid()


@pytest.fixture
def target() -> Iterator[FileTarget]:
    target = FileTarget()
    target.prepare()
    yield target
    target.dispose()


@pytest.fixture
def server(target: FileTarget) -> Iterator[ForkServer]:
    server = ForkServer(target, target.handle())
    yield server
    server.close()


def test_children_are_processes_of_their_own_with_the_state_of_the_target() -> None:
    target = LocalTarget()
    target.word = "prepared"
    server = ForkServer(target, target.handle())
    try:
        children = [server.fork(WATCHDOG) for _ in range(2)]
        said = [child.call("say") for child in children]
        assert said == [("prepared", child.pid) for child in children]
        assert len({os.getpid(), *(child.pid for child in children)}) == 3
        for child in children:
            child.close()
    finally:
        server.close()


def test_a_child_ends_with_its_connection(server: ForkServer) -> None:
    child = server.fork(WATCHDOG)
    child.close()
    wait_for_end(child.pid)


def test_closing_ends_all_children(server: ForkServer) -> None:
    child = server.fork(WATCHDOG)
    with pytest.raises(NotFoundError):
        child.call("get", "owner", "task")
    server.close()
    wait_for_end(child.pid)
    child.close()


PARENT = """
import sys
from mutants.files import FileTarget
from pmcp_conformance.engine.watchdog import Watchdog
from pmcp_conformance.processes.fork_server import ForkServer

target = FileTarget()
target.prepare()
child = ForkServer(target, target.handle()).fork(Watchdog(answer_within=30))
print(child.pid, target.folder, flush=True)
sys.stdin.read()
"""


def test_children_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "TMPDIR": str(tmp_path),
    }
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline().split()[0])
        parent.send_signal(signal.SIGKILL)
        wait_for_end(pid)


def test_a_target_that_cannot_be_loaded_is_reported_with_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "picky_target.py").write_text(
        "import os\n"
        f"if os.getpid() != {os.getpid()}:\n"
        "    raise RuntimeError('the driver is not installed')\n"
        "from mutants.files import FileTarget\n"
        "class PickyTarget(FileTarget):\n"
        "    pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    target = importlib.import_module("picky_target").PickyTarget()
    server = ForkServer(target, InMemoryBackend())
    with pytest.raises(Inconclusive) as caught:
        server.fork(WATCHDOG)
    server.close()
    assert caught.value.reason.startswith("a child process could not load the target: RuntimeError")
    assert "RuntimeError: the driver is not installed" in caught.value.details


def test_a_target_within_a_function_is_refused_with_what_to_do() -> None:
    class Hidden(FileTarget):
        pass

    with pytest.raises(Inconclusive, match="must stand at the top level of a file"):
        ForkServer(Hidden(), InMemoryBackend())
