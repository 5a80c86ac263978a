"""A child: calls, pauses and deaths at a chosen line."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from mutants.files import FileTarget
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.interleaving.yield_points import YieldPoint
from pmcp_conformance.processes.child import Child
from pmcp_conformance.processes.child_backend import ChildBackend
from pmcp_conformance.processes.fork_server import start_child
from pmcp_conformance.processes.messages import MethodCall, StepBegun, StepDone
from pmcp_storage import InMemoryBackend, NotFoundError
from support.processes import wait_for_end
from support.trials import run_against, trial_of


class Writing(InMemoryBackend):
    """A backend whose own code is this file."""

    def write_twice(self, path: str) -> str:
        with open(path, "w") as file:
            file.write("once")
            file.write(", twice")
        return "end"

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class WritingTarget(FileTarget):
    """Files, under that backend."""

    backend = Writing


@pytest.fixture(scope="module")
def run() -> Iterator[TargetRun]:
    with run_against(WritingTarget()) as run:
        yield run


@pytest.fixture
def trial(run: TargetRun) -> Iterator[Trial]:
    with trial_of(run) as trial:
        yield trial


@pytest.fixture
def child(trial: Trial) -> Child:
    child = start_child(trial)
    child.call("count_by_owner", "owner")  # opens the handle
    return child


def where(line: int) -> str:
    """As reports name this line of `write_twice`."""
    first = Writing.write_twice.__code__.co_firstlineno
    return f"{Path(__file__).name}:{first + line}"


def test_a_child_shares_the_storage_and_raises_here_what_is_raised_there(
    trial: Trial, child: Child
) -> None:
    record = trial.store_record(trial.owner())
    assert child.call("get", record.owner_id, "task").record == record
    with pytest.raises(NotFoundError) as caught:
        child.call("get", record.owner_id, "absent")
    assert caught.value.task_id == "absent"


def test_answers_come_in_the_order_of_the_calls(child: Child) -> None:
    child.send(MethodCall("count_by_owner", ("owner",)))
    child.send(MethodCall("count_by_owner", ("owner",)), MethodCall("delete", ("owner", "task")))
    assert [child.answer(), child.answer()] == [0, False]


def test_a_child_dies_at_the_line_that_was_asked_for(child: Child, tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert child.kill_at(YieldPoint(3), "write_twice", str(file)) == where(3)
    wait_for_end(child.pid)
    assert file.read_text() == ""  # nothing has closed the file, nor written what it buffers


def test_a_child_whose_call_has_fewer_lines_lives_on(child: Child, tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert child.kill_at(YieldPoint(9), "write_twice", str(file)) == ""
    assert file.read_text() == "once, twice"
    assert child.call("count_by_owner", "owner") == 0


def test_a_paused_child_goes_on_when_it_is_resumed(child: Child, tmp_path: Path) -> None:
    file = tmp_path / "file"
    calls = MethodCall("write_twice", (str(file),)), MethodCall("count_by_owner", ("owner",))
    assert child.pause_at(YieldPoint(2), *calls) == where(2)
    assert file.read_text() == ""
    child.resume()
    assert child.answer() == 0
    assert file.read_text() == "once, twice"


def test_a_child_that_is_not_paused_has_its_answer_ready(child: Child, tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert child.pause_at(YieldPoint(9), MethodCall("write_twice", (str(file),))) == ""
    assert child.answer() == "end"


def test_what_a_dead_child_had_sent_arrives(child: Child) -> None:
    child.start_plan([MethodCall("count_by_owner", ("owner",)), MethodCall("die")])
    wait_for_end(child.pid)
    assert child.last_messages() == [StepBegun(0), StepDone(0, "returned 0"), StepBegun(1)]


def test_a_child_can_be_killed_twice(child: Child) -> None:
    child.kill()
    wait_for_end(child.pid)
    child.kill()
    assert child.last_messages() == []


def test_a_child_used_as_a_handle_is_reported_as_one(trial: Trial, child: Child) -> None:
    owner = trial.owner()
    theirs = ChildBackend(trial, child)
    assert theirs.count_by_owner(owner) == 0
    with pytest.raises(NotFoundError):
        theirs.get(owner, "task")
    count, get = trial.recording.shown()
    assert count == "child.count_by_owner(A)  # returned 0"
    assert get.startswith("child.get(A, 'task')  # raised NotFoundError")
    assert theirs.put_if_version.__name__ == "put_if_version"
