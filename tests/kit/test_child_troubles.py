"""Trouble with child processes is the kit's own: rules are judged nevertheless, or inconclusive."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from mutants.files import FileTarget
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Inconclusive
from pmcp_conformance.engine.watchdog import Hang
from pmcp_conformance.processes.fork_server import start_child
from pmcp_storage import InMemoryBackend
from support.kit_projects import ids, last_verdict, run_kit
from support.trials import run_against, trial_of

BACKEND = """
from pmcp_storage import SqliteBackend

class Mine(SqliteBackend):
    pass

class Settings:
    folder = ""
"""

CONFTEST = """
import tempfile
import threading

import pytest
from pmcp_conformance import BackendTarget
from .backend import Mine, Settings

class MineTarget(BackendTarget):
    name = "mine"
    durable = False

    def prepare(self):
        self.settings = Settings()
        self.settings.folder = tempfile.mkdtemp()
        {prepare}

    def open(self):
        return Mine(self.settings.folder + "/tasks.db")

@pytest.hookimpl(optionalhook=True)
def pytest_pmcp_backends():
    return [MineTarget()]
"""


def project(pytester: pytest.Pytester, prepare: str = "") -> None:
    """A project whose conftest imports its neighbours relatively."""
    package = pytester.mkpydir("checks")
    package.joinpath("backend.py").write_text(BACKEND)
    package.joinpath("conftest.py").write_text(CONFTEST.format(prepare=prepare))


RULE = ["checks", "--pmcp-contract", "-k", "CON-10"]


@pytest.mark.parametrize("options", [[], ["--import-mode=importlib"]])
def test_a_conftest_within_a_package_is_loaded_by_children(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    project(pytester)
    result = run_kit(pytester, *options, *RULE)
    assert "mine PARTIAL 1 of" in last_verdict(result)


def test_neither_a_long_folder_nor_warnings_disturb_children(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(pytester)
    folder = pytester.mkdir("d" * 120)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    result = run_kit(pytester, *RULE)
    assert "mine PARTIAL 1 of" in last_verdict(result)
    assert not list(folder.glob("pmcp*"))


def test_what_no_child_can_load_leaves_the_rule_inconclusive(pytester: pytest.Pytester) -> None:
    project(pytester, "self.lock = threading.Lock()")
    result = run_kit(pytester, *RULE)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "INCOMPLETE 0 of" in last_verdict(result)
    assert "1 inconclusive: CON-10" in last_verdict(result)
    result.stdout.fnmatch_lines(["  1 rule could not be judged: *must survive pickle*"])


class Fragile(InMemoryBackend):
    """Ends its process, hangs, or raises what does not survive pickle."""

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def hang(self) -> None:
        signal.pause()

    def complain(self) -> None:
        raise Complaint("first", "second")


class Complaint(Exception):  # noqa: N818
    """An exception that cannot be made from its arguments."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one + other)


class FragileTarget(FileTarget):
    backend = Fragile


@pytest.fixture(scope="module")
def run() -> Iterator[TargetRun]:
    with run_against(FragileTarget()) as run:
        yield run


@pytest.fixture
def trial(run: TargetRun) -> Iterator[Trial]:
    with trial_of(run) as trial:
        yield trial


def test_a_child_that_dies_by_itself_is_no_finding(trial: Trial) -> None:
    child = start_child(trial)
    with pytest.raises(Inconclusive, match="a child process died during die"):
        child.call("die")
    with pytest.raises(Inconclusive):
        child.call("die")


def test_what_a_child_raises_comes_over_in_words_if_not_itself(trial: Trial) -> None:
    with pytest.raises(RuntimeError, match="Complaint: firstsecond"):
        start_child(trial).call("complain")


def test_a_child_that_hangs_is_shown_with_its_own_stack(run: TargetRun) -> None:
    trial = Trial(run)
    child = start_child(trial)
    trial.watchdog._patience = 0.5  # no need to wait for a minute
    with pytest.raises(Hang) as caught:
        trial.watchdog.run(lambda: child.call("hang"))
    trial.cleanup.abandon()
    assert "hang in a child process is at " in caught.value.places[0]
    line = Fragile.hang.__code__.co_firstlineno + 1
    assert f"test_child_troubles.py:{line}" in caught.value.places[0]


def test_a_machine_that_starts_no_process_is_no_finding(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse = """
import subprocess

def refuse(*arguments, **options):
    raise BlockingIOError(11, "Resource temporarily unavailable")

subprocess.Popen = refuse
"""
    project(pytester)
    conftest = pytester.path / "checks" / "conftest.py"
    conftest.write_text(conftest.read_text() + refuse)
    result = run_kit(pytester, *RULE)
    assert "1 inconclusive: CON-10" in last_verdict(result)
    result.stdout.fnmatch_lines(["*no child process can be started: *temporarily unavailable*"])


def test_too_few_open_files_are_noticed_before_the_run(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))")
    result = run_kit(pytester, "--pmcp-backend", "memory", *ids("GET-1", target="memory"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "memory INCOMPLETE 0 of" in last_verdict(result, "memory")
    result.stdout.fnmatch_lines(["*could not run: *99 files*ulimit -Hn*"])
