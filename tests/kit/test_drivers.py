"""Backends behind a driver: what the kit makes of one that keeps the protocol, and of rogues."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pmcp_conformance.driver.process import DriverError
from pmcp_conformance.driver.target import DriverTarget
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.interleaving.waiting import state_of
from pmcp_conformance.interleaving.yield_points import YieldPoint
from pmcp_conformance.processes.child import Child
from pmcp_conformance.processes.fork_server import start_child
from pmcp_conformance.processes.messages import MethodCall
from pmcp_storage import ConcurrentModificationError, NotFoundError
from support.records import make_record

SUPPORT = Path(__file__).parents[1] / "support"
DRIVER = SUPPORT / "map_driver.py"

ROGUES = {
    "dying": "it has ended with exit code 3",
    "silent": "it has not answered get in 1 s",
    "talkative": "no JSON; the line: DEBUG: looking for a task",
    "flooding": "no JSON; the line: xxxxxxxx",
    "undecided": "not one of result and error",
    "unasked": "answered the id 4711, of which no request waits",
    "loose with types": "wrong result.version: Input should be a valid string",
    "inventive": "wrong error.data.kind: Input should be 'NotFoundError'",
}
"""What a driver does wrong, and what is said of it."""


def command(how: str = "") -> list[str]:
    return [sys.executable, str(DRIVER), *([how] if how else [])]


@pytest.fixture
def target(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[DriverTarget]:
    made = DriverTarget("map", command(getattr(request, "param", "")), str(tmp_path))
    made.describe()
    yield made
    made.dispose()


def run_alone(tmp_path: Path, *options: str, how: str = "") -> subprocess.CompletedProcess[str]:
    """`pmcp-conformance run` on the driver, in an empty folder."""
    program = [sys.executable, "-m", "pmcp_conformance", "run", *options, "--", *command(how)]
    return subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=120)


def test_facts_and_back_doors_are_those_that_the_driver_declares(target: DriverTarget) -> None:
    assert (target.durable, target.interprocess, target.shared) == (False, False, True)
    assert target.answer_within == 1.0
    assert target.offers("open_fresh")
    assert target.offers("dispose_fresh")
    assert not target.offers("plant")


def test_a_handle_is_a_backend(target: DriverTarget) -> None:
    with target.handle() as handle:
        assert handle.create(make_record()) == 1
        assert handle.put(make_record()) == 2
        assert handle.count_by_owner(make_record().owner_id) == 1
        with pytest.raises(ConcurrentModificationError) as conflict:
            handle.put_if_version(make_record(), 10**40)
        assert (conflict.value.expected_version, conflict.value.actual_version) == (10**40, 2)
        assert handle.delete(make_record().owner_id, make_record().task_id)
        with pytest.raises(NotFoundError) as absent:
            handle.get("nobody", "nothing")
        assert (absent.value.owner_id, absent.value.task_id) == ("nobody", "nothing")


@pytest.mark.parametrize("target", ROGUES, indirect=True)
def test_a_rogue_is_told_by_its_line_and_its_standard_error(
    target: DriverTarget, request: pytest.FixtureRequest
) -> None:
    rogue = request.node.callspec.params["target"]
    handle = target.handle()
    with pytest.raises(DriverError) as raised:
        handle.get("somebody", "something")
    assert ROGUES[rogue] in str(raised.value)
    assert f"about to be {rogue}" in str(raised.value)


@pytest.mark.parametrize("target", ["dying"], indirect=True)
def test_after_a_rogue_has_ended_another_one_is_started(target: DriverTarget) -> None:
    first = target.handle()
    with pytest.raises(DriverError):
        first.get("somebody", "something")
    assert target.handle().create(make_record()) == 1
    with pytest.raises(DriverError):
        first.create(make_record())


@pytest.mark.parametrize("target", ["without a record"], indirect=True)
def test_what_is_no_record_is_no_corrupt_row(target: DriverTarget) -> None:
    with pytest.raises(DriverError, match=r"a record that is none: task: Field required"):
        target.handle().get("somebody", "something")


@pytest.mark.parametrize("target", ["answering twice"], indirect=True)
def test_a_second_answer_is_told_with_the_next_call(target: DriverTarget) -> None:
    handle = target.handle()
    for _ in range(2):  # whichever it comes before
        with pytest.raises(DriverError) as raised:
            handle.get("somebody", "something")
    assert "of which no request waits for an answer" in str(raised.value)


def test_its_group_ends_with_the_target(target: DriverTarget) -> None:
    [pid] = target.processes()
    target.dispose()
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)


def test_a_process_is_killed_with_what_it_had_started(target: DriverTarget) -> None:
    [pid] = target.processes()
    target.kill_processes_of(os.getpid())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(ProcessLookupError):
            os.killpg(pid, 0)
            continue
        break
    target.kill_processes_of(1)  # of which nothing is known


def test_a_verdict_is_one_command_away(tmp_path: Path) -> None:
    ran = run_alone(tmp_path, "-k", "GET", "--pmcp-report", "report.json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "map PARTIAL 4 of 186" in ran.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_what_piles_up_in_the_driver_is_found(tmp_path: Path) -> None:
    ran = run_alone(tmp_path, "map::RES-1", how="hoarding")
    assert "1 failed: RES-1" in ran.stdout, ran.stdout + ran.stderr
    assert "files and sockets of process" in ran.stdout
    assert "1 of 186" in run_alone(tmp_path, "map::RES-1").stdout


def test_a_run_that_only_collects_starts_no_driver(tmp_path: Path) -> None:
    options = ["run", "--name", "map", "--collect-only", "-q"]
    program = [sys.executable, "-m", "pmcp_conformance", *options, "--", "false"]
    ran = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "map::CAS-2" in ran.stdout


def test_open_at_needs_an_address(tmp_path: Path) -> None:
    ran = run_alone(tmp_path, how="homeless")
    assert ran.returncode == 1
    assert "the back door open_at and no address: add the address" in ran.stderr


@pytest.mark.parametrize(
    ("backend", "rule", "outcome"),
    [
        ("support.tcp_store:TcpBackend", "FLT-3", "tcp PARTIAL 1 of 186"),
        ("mutants.rules_flt.flt_3:ConflictsWithItself", "FLT-3", "1 failed: FLT-3"),
        ("support.tcp_store:TcpBackend", "FLT-14", "tcp PARTIAL 1 of 186"),
        ("mutants.rules_flt.flt_14:RefusedReadsAreAbsence", "FLT-14", "1 failed: FLT-14"),
    ],
)
def test_faults_reach_a_backend_behind_a_driver(
    tmp_path: Path, backend: str, rule: str, outcome: str
) -> None:
    over = ["support.tcp_store:TcpTarget", backend]
    driver = [sys.executable, str(SUPPORT / "target_driver.py"), *over]
    options = ["--name", "tcp", f"tcp::{rule}"]
    program = [sys.executable, "-m", "pmcp_conformance", "run", *options, "--", *driver]
    ran = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert outcome in ran.stdout, ran.stdout + ran.stderr


@pytest.mark.parametrize("rogue", ["dying", "silent", "flooding"])
def test_no_rogue_is_conformant_and_none_hangs_the_kit(tmp_path: Path, rogue: str) -> None:
    ran = run_alone(tmp_path, "-k", "GET-2", how=rogue)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "map NOT CONFORMANT" in ran.stdout
    assert f"about to be {rogue}" in ran.stdout


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("./missing", "the driver cannot be started in "),
        ("true", "it has ended with exit code 0"),
        ("echo hello", "no JSON; the line: hello"),
    ],
)
def test_what_is_no_driver_is_refused(tmp_path: Path, program: str, problem: str) -> None:
    program_line = [sys.executable, "-m", "pmcp_conformance", "run", "--", *program.split()]
    ran = subprocess.run(program_line, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1
    assert problem in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_command_must_be_given(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "pmcp_conformance", "run", "-n", "2"]
    ran = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1
    assert "run [options] -- COMMAND" in ran.stderr


def test_other_subcommands_take_none(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "pmcp_conformance", "rules", "--", "x"]
    ran = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 2
    assert "unrecognized arguments: -- x" in ran.stderr


@pytest.fixture
def trial(target: DriverTarget) -> Iterator[Trial]:
    run = TargetRun(target)
    made = Trial(run)
    yield made
    made.cleanup.finish(passed=True)
    run.close()


def note_of(trial: Trial, child: Child) -> Path:
    """The file that names the driver of a child."""
    root: str = trial.target._root  # type: ignore[attr-defined]
    return Path(root) / "processes" / f"{child.pid}"


def test_a_child_has_a_driver_of_its_own_which_dies_with_it(trial: Trial) -> None:
    child = start_child(trial)
    written = trial.record(trial.owner())
    child.call("create", written)
    assert child.kill_at(YieldPoint(1), "put", written).endswith("ms after its request")
    with note_of(trial, child).open() as held:  # by the driver, for as long as it lived
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with pytest.raises(NotFoundError):  # for it was in the memory of the other one
        trial.backend.get(written.owner_id, written.task_id)


def test_a_driver_stands_still_while_its_child_pauses(trial: Trial) -> None:
    child = start_child(trial)
    written = trial.record(trial.owner())
    child.call("create", written)
    paused_at = child.pause_at(YieldPoint(1), MethodCall("put", (written,)))
    assert paused_at.endswith("ms after its request")
    assert state_of(int(note_of(trial, child).read_text())) == "T"
    child.resume()
    assert child.answer() == 2
    assert child.pause_at(YieldPoint(2_000), MethodCall("put", (written,))) == ""
    assert child.answer() == 3
