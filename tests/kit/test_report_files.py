"""`--pmcp-report`: what a run leaves for programs and people to read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pmcp_conformance.report.formats import read
from pmcp_conformance.report.model import BackendResult
from support.kit_projects import BROKEN, CRASHING, ids, project, run_kit
from support.report_schema import PAGE as SCHEMA

PASSING = "GET-1", "CRE-1"


def only_backend(pytester: pytest.Pytester, file: str = "report.json") -> BackendResult:
    [backend] = read(pytester.path / file).backends
    return backend


def outcomes(backend: BackendResult) -> dict[str, str]:
    return {rule.id: rule.outcome for rule in backend.rules if rule.outcome != "not selected"}


def test_a_report_says_what_became_of_each_rule(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    result = run_kit(pytester, *ids(*PASSING, "CAS-2", "DUR-1"), "--pmcp-report", "report.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    backend = only_backend(pytester)
    assert backend.name == backend.label == "mine"
    assert backend.verdict == "NOT CONFORMANT"
    assert outcomes(backend) == {
        "GET-1": "passed",
        "CRE-1": "passed",
        "CAS-2": "failed",
        "DUR-1": "not applicable",
    }
    assert backend.facts["durable"] is False
    assert backend.facts["storage_limit_bytes"] is None
    assert backend.back_doors["plant"] is False
    assert backend.run.contract == backend.run.newest_contract


def test_a_finding_has_all_that_is_known(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    run_kit(pytester, *ids("CAS-2"), "--pmcp-report", "report.json")
    [failed] = [rule for rule in only_backend(pytester).rules if rule.outcome == "failed"]
    assert failed.finding is not None
    assert failed.finding.expected.startswith("ConcurrentModificationError(")
    assert failed.finding.observed == "no error: it returned 5"
    assert len(failed.finding.operations) == failed.calls == 5
    assert 0 < failed.seconds < 60


def test_a_finding_names_the_place_of_an_error_in_the_backends_own_code(
    pytester: pytest.Pytester,
) -> None:
    raising = """
import json

class Raising(InMemoryBackend):
    def _get(self, owner_id, task_id):
        return json.loads("no JSON")
"""
    project(pytester, "Raising", raising)
    run_kit(pytester, *ids("GET-2"), "--pmcp-report", "report.json")
    [failed] = [rule for rule in only_backend(pytester).rules if rule.outcome == "failed"]
    assert failed.finding is not None
    assert re.fullmatch(r"conftest\.py:\d+ in _get", failed.finding.place)


def test_a_race_names_the_place_where_the_other_call_came_in_and_its_history(
    pytester: pytest.Pytester,
) -> None:
    racing = """
from pmcp_storage import ConcurrentModificationError

class Racing(InMemoryBackend):
    def _put_if_version(self, record, expected_version):
        found = self._get(record.owner_id, record.task_id)
        if found.version != expected_version:
            raise ConcurrentModificationError(
                record.owner_id, record.task_id, expected_version, found.version
            )
        return self._put(record)
"""
    project(pytester, "Racing", racing)
    run_kit(pytester, *ids("CON-1", "CON-8"), "--pmcp-report", "report.json")
    findings = {rule.id: rule.finding for rule in only_backend(pytester).rules if rule.finding}
    assert re.match(r"(conftest|memory)\.py:\d+", findings["CON-1"].place)
    assert Path(findings["CON-8"].history).is_file()


def test_a_report_fits_its_schema(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    run_kit(pytester, "-k", "CAS or DUR or ERR-2", "--pmcp-report", "report.json")
    found = json.loads((pytester.path / "report.json").read_text())
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.validate(found, schema, jsonschema.Draft202012Validator, format_checker=checker)
    found["backends"][0]["verdict"] = "FINE"
    with pytest.raises(jsonschema.ValidationError, match="FINE"):
        jsonschema.validate(found, schema)


def test_workers_give_the_same_report(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    rules = ["-k", "CAS or DUR or GET or ERR or MOD", "--pmcp-known-failures", "known.txt"]
    (pytester.path / "known.txt").write_text("CAS-2: ticket 1\nGET-1: ticket 2\n")
    run_kit(pytester, *rules, "--pmcp-report", "serial.json")
    run_kit(pytester, *rules, "-n", "2", "--pmcp-report", "spread.json")
    serial, spread = (comparable(pytester.path / name) for name in ("serial.json", "spread.json"))
    assert spread == serial


def comparable(file: Path) -> Any:
    """A report without durations, numbers of calls, owners and instants."""
    text = re.sub(r"pmcp-[0-9a-f]{32}", "OWNER", file.read_text())
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(\+00:00|Z)", "INSTANT", text)
    text = re.sub(r"\bat=[\d.e-]+", "at=INSTANT", text)
    report = json.loads(text)
    for backend in report["backends"]:
        backend["run"]["seconds"] = 0
        for rule in backend["rules"]:
            rule["seconds"] = rule["calls"] = 0
    return report


def test_known_failures_and_their_stale_entries_are_marked(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    (pytester.path / "known.txt").write_text("CAS-2: ticket 1\nGET-1: ticket 2\n")
    options = ["--pmcp-known-failures", "known.txt", "--pmcp-report", "report.json"]
    run_kit(pytester, *ids("CAS-2", "GET-1"), *options)
    known = {rule.id: (rule.outcome, rule.known) for rule in only_backend(pytester).rules}
    assert known["CAS-2"] == ("failed", "ticket 1")
    assert known["GET-1"] == ("passed", "ticket 2")


def test_an_interrupted_run_leaves_a_report(pytester: pytest.Pytester) -> None:
    interrupting = """
def pytest_runtest_setup(item):
    if item.name == "DEL-1":
        raise KeyboardInterrupt
"""
    project(pytester, extra=interrupting)
    result = run_kit(pytester, *ids("GET-1", "DEL-1"), "--pmcp-report", "report.json")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    backend = only_backend(pytester)
    assert backend.verdict == "INCOMPLETE"
    assert backend.problems[0] == "the run was interrupted"


def test_every_format_in_one_run(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    files = [f"out/report.{ending}" for ending in ("json", "html", "md", "svg")]
    options = [option for file in files for option in ("--pmcp-report", file)]
    run_kit(pytester, *ids(*PASSING, "CAS-2"), *options)
    for file in files:
        text = (pytester.path / file).read_text(encoding="utf-8")
        assert "mine" in text
        assert "NOT CONFORMANT" in text


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        ("report.txt", "report.txt: the ending must be one of .json, .html, .md, .svg"),
        ("conftest.py/report.json", "conftest.py/report.json cannot be written: *"),
        ("folder.json", "folder.json is a folder: name a file"),
    ],
)
def test_a_report_that_cannot_be_written_ends_the_run_at_its_start(
    pytester: pytest.Pytester, file: str, complaint: str
) -> None:
    project(pytester)
    pytester.mkdir("folder.json")
    result = run_kit(pytester, *ids("GET-1"), "--pmcp-report", file)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --pmcp-report: *{complaint}"])
    assert "GET-1" not in result.stdout.str()


def test_a_run_that_ends_before_its_report_leaves_no_older_one(pytester: pytest.Pytester) -> None:
    project(pytester, "Crashing", CRASHING)
    (pytester.path / "report.json").write_text("of an earlier run")
    run_kit(pytester, *ids("GET-1"), "--pmcp-report", "report.json")
    assert not (pytester.path / "report.json").exists()


def test_a_report_that_can_no_longer_be_written_fails_the_run(pytester: pytest.Pytester) -> None:
    project(
        pytester,
        extra="""
def pytest_sessionfinish():
    import pathlib
    pathlib.Path("report.json").mkdir()
""",
    )
    result = run_kit(pytester, *ids("GET-1"), "--pmcp-report", "report.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*report.json cannot be written: *"])
