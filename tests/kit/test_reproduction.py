"""`pmcp-conformance reproduce`: scripts that show a violation again, run as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pmcp_conformance.cli import main
from pmcp_conformance.report.formats import read
from pmcp_conformance.report.model import Call, CallsMade
from pmcp_conformance.report.scripts import why_no_script
from pmcp_conformance.reproduction.plain import check_plain
from support.broken_backends import STORAGES, TESTS
from support.kit_projects import BROKEN, HOOK, PYTEST

COMMAND = str(Path(sys.executable).with_name("pmcp-conformance"))

CONFTEST = f"""
import sys
import pytest
sys.path.insert(0, {str(TESTS)!r})
from support.broken_backends import on_{{storage}}

@pytest.hookimpl(optionalhook=True)
def pytest_pmcp_backends():
    return on_{{storage}}()
"""

BEGAN = datetime(2026, 11, 27, tzinfo=UTC)

ITEMS = [
    (storage, rule, kind.__name__) for storage, broken in STORAGES.items() for rule, kind in broken
]


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, **environment}
    )


def project(folder: Path, conftest: str, *ids: str) -> Path:
    """A project, and in it the report of a run of these items."""
    (folder / "conftest.py").write_text(conftest)
    done = run(folder, PYTEST, "-p", "pmcp_conformance", "--pmcp-report", "run.json", *ids)
    assert (folder / "run.json").exists(), done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def project_on(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes the project of a storage once, and in it the report of its broken backends."""

    @cache
    def made(storage: str) -> Path:
        ids = [f"{kind.__name__}::{rule}" for rule, kind in STORAGES[storage]]
        return project(tmp_path_factory.mktemp(storage), CONFTEST.format(storage=storage), *ids)

    return made


@pytest.mark.parametrize(("storage", "rule", "backend"), ITEMS)
def test_a_script_shows_the_violation_and_on_a_correct_backend_none(
    project_on: Callable[[str], Path], storage: str, rule: str, backend: str
) -> None:
    folder = project_on(storage)
    script = f"{backend}.py"
    options = ("run.json", rule, "--backend", backend, "-o", script)
    made = run(folder, COMMAND, "reproduce", *options)
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    again = run(folder, sys.executable, script)
    assert again.stdout.endswith("The violation shows again.\n"), again.stdout + again.stderr
    assert finding(folder, backend, rule)["expected"] in again.stdout
    assert again.returncode == 1
    fixed = run(folder, sys.executable, script, FIXED="yes")
    assert fixed.stdout.endswith("The violation does not show.\n"), fixed.stdout + fixed.stderr
    assert fixed.returncode == 0


def finding(folder: Path, backend: str, rule: str) -> Any:
    """What the report says of a failed rule."""
    [found] = [
        result["finding"]
        for target in json.loads((folder / "run.json").read_text())["backends"]
        for result in target["rules"]
        if target["name"] == backend and result["id"] == rule
    ]
    return found


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A project with a backend that compares no versions."""
    conftest = "from pmcp_storage import InMemoryBackend\n" + BROKEN + HOOK.format(backend="Broken")
    return project(tmp_path, conftest, "mine::CAS-2", "mine::CAS-4", "mine::CON-1", "mine::CON-8")


def reproduce(folder: Path, rule: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["reproduce", str(folder / "run.json"), rule]) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    return output


def test_without_a_file_the_script_is_printed(mine: Path) -> None:
    shown = run(mine, COMMAND, "reproduce", "run.json", "CAS-2").stdout
    assert "backend.put_if_version(record(A, 'task'" in shown
    assert run(mine, sys.executable, "-c", shown).returncode == 1


def test_a_script_deletes_what_it_has_written(mine: Path) -> None:
    run(mine, COMMAND, "reproduce", "run.json", "CAS-2", "-o", "cas.py")
    with (mine / "conftest.py").open("a") as conftest:
        conftest.write("import atexit\natexit.register(lambda: print(len(Mine.storage.rows)))\n")
    assert run(mine, sys.executable, "cas.py").stdout.endswith("shows again.\n0\n")


def test_a_target_that_is_not_available_cannot_be_tried(mine: Path) -> None:
    run(mine, COMMAND, "reproduce", "run.json", "CAS-2", "-o", "cas.py")
    with (mine / "conftest.py").open("a") as conftest:
        conftest.write("Mine.unavailable = lambda self: 'the server is away'\n")
    done = run(mine, sys.executable, "cas.py")
    assert done.returncode == 2
    assert "the server is away" in done.stdout
    made = run(mine, COMMAND, "reproduce", "run.json", "CAS-2")
    assert "the server is away" in made.stderr
    assert "put_if_version" in made.stdout


def test_what_does_not_show_again_has_no_script(mine: Path) -> None:
    with (mine / "conftest.py").open("a") as conftest:
        conftest.write("Broken._put_if_version = InMemoryBackend._put_if_version\n")
    made = run(mine, COMMAND, "reproduce", "run.json", "CAS-2")
    assert "or it is mended" in made.stdout
    assert "pytest -p pmcp_conformance mine::CAS-2" in made.stdout


def test_a_race_has_the_command_that_checks_its_history(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = reproduce(mine, "CON-8", capsys)
    [command] = [line.split() for line in shown.splitlines() if line.startswith("  python -m ")]
    checked = run(mine, sys.executable, *command[1:])
    assert checked.returncode == 1
    assert "NOT LINEARIZABLE" in checked.stdout


def test_a_race_without_a_history_has_the_command_that_runs_the_rule(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = reproduce(mine, "CON-1", capsys)
    assert shown.startswith("No script: CON-1 is about calls at the same time. It observed ")
    assert shown.endswith(" Run the rule again with\n  pytest -p pmcp_conformance mine::CON-1\n")


@pytest.mark.parametrize(
    ("rule", "made", "why"),
    [
        ("ERR-11", None, "operations that are cut short at each await"),
        ("STORE-1", None, "the task store"),
        ("GET-1", None, "other calls than the rule's plain ones"),
        ("GET-1", CallsMade(began=BEGAN, owners={}, handles={}, calls=[], missing="why"), "why"),
    ],
)
def test_what_has_no_script_says_why(rule: str, made: CallsMade | None, why: str) -> None:
    assert why in why_no_script(rule, made)


def test_a_blocked_rule_names_the_one_to_reproduce(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "CAS-4 is blocked by CAS-2" in reproduce(mine, "CAS-4", capsys)


def test_a_rule_that_has_not_failed(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", str(mine / "run.json"), "GET-1"]) == 1
    told = capsys.readouterr().err
    assert "GET-1 has not failed there; those that have are mine: CAS-2" in told


def test_calls_in_a_report_are_of_bounded_size(mine: Path) -> None:
    [backend] = read(mine / "run.json").backends
    made = [rule.finding.calls for rule in backend.rules if rule.finding and rule.finding.calls]
    assert made
    assert all(len(calls.model_dump_json()) < 200_000 for calls in made)


@pytest.mark.parametrize(
    "code",
    [
        "__import__('os').system('true')",
        "backend.get.__globals__",
        "backend.unrecorded(A)",
        "record(A, 'task').model_copy()",
        "[x for x in backend.get(A)]",
        "(lambda: A)()",
        "exec('1')",
        "backend.get(A, 'task'); 1",
    ],
)
def test_only_plain_calls_come_out_of_a_report(code: str) -> None:
    made = CallsMade(
        began=BEGAN,
        owners={"A": "pmcp-1"},
        handles={"backend": "open"},
        calls=[Call(code=code, outcome="returned 1")],
    )
    with pytest.raises((ValueError, SyntaxError)):
        check_plain(made)
