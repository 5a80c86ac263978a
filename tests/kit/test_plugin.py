"""The kit as its users meet it: through pytest's command line."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from support.kit_projects import BROKEN, FEW, PYTEST, ids, last_verdict, project, run_kit


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_reports_how_many_operations_it_took(pytester: pytest.Pytester, workers: str) -> None:
    project(pytester)
    result = run_kit(pytester, *ids("GET-1", "DEL-4"), "-n", workers)
    result.stdout.fnmatch_lines(["mine was called 17 times, 10 by GET-1, 7 by DEL-4"])


def test_a_broken_backend_is_named_with_its_rule_and_what_led_there(
    pytester: pytest.Pytester,
) -> None:
    project(pytester, "Broken", BROKEN)
    result = run_kit(pytester, *ids(*FEW))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "mine NOT CONFORMANT 3 of * (1 failed, 3 passed, * not selected)",
            "  start with CAS-2",
            "  CAS-2 fails: put_if_version with an older version raises *",
            "expected: ConcurrentModificationError(*expected_version=1, actual_version=4)",
            "observed: no error: it returned 5",
            "*operations, in their order*",
            "*backend.create(record(A, 'task', 'working'*))  # -> 1",
            "*backend.put_if_version(record(A, 'task'*), 1)  # -> 5",
            "what usually mends it: *condition*",
            "*pytest -p pmcp_conformance mine::CAS-2",
            "mine NOT CONFORMANT 3 of * (1 failed: CAS-2; * not selected)",
        ]
    )


def test_the_command_that_a_failure_prints_repeats_it(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    shown = run_kit(pytester, "-k", "CAS-2").outlines
    command = shown[shown.index("repeat it with") + 1].split()
    assert command[0] == "pytest"
    again = pytester.run(PYTEST, *command[1:])
    assert again.ret == pytest.ExitCode.TESTS_FAILED
    again.stdout.fnmatch_lines(["mine NOT CONFORMANT*"])


def test_a_selection_is_partial_and_an_empty_one_is_not_green(pytester: pytest.Pytester) -> None:
    project(pytester)
    result = run_kit(pytester, "-k", "GET-1 or CAS-1")
    assert result.ret == pytest.ExitCode.OK
    assert "mine PARTIAL" in last_verdict(result)
    for selection in (["-k", "nothing_like_it"], ids("CAS-14"), ["-m", "unit"]):
        result = run_kit(pytester, *selection)
        assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED, selection
        assert "mine PARTIAL 0" in last_verdict(result)


def test_the_users_project_does_not_reach_into_the_rules(pytester: pytest.Pytester) -> None:
    hostile = """
@pytest.fixture(autouse=True)
def hostile():
    raise RuntimeError("autouse")

@pytest.fixture
def trial():
    raise RuntimeError("same name")
"""
    project(pytester, extra=hostile)
    pytester.makeini(
        "[pytest]\ntestpaths = tests\npython_files = check_*.py\npython_functions = nothing\n"
        "filterwarnings = error\naddopts = --strict-markers --strict-config -ra\n"
    )
    pytester.mkdir("tests").joinpath("test_fails.py").write_text("raise RuntimeError")
    result = run_kit(pytester, "-k", "GET or CAS")
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=17, skipped=1, deselected=result.parseoutcomes()["deselected"])


def test_a_plain_pytest_does_not_stumble_over_the_hook(pytester: pytest.Pytester) -> None:
    project(pytester)
    pytester.makepyfile("def test_mine(): pass")
    pytester.runpytest_subprocess("--strict-config").assert_outcomes(passed=1)


def test_paths_run_the_users_tests_with_our_fixtures(pytester: pytest.Pytester) -> None:
    project(pytester)
    path = pytester.makepyfile(
        """
        from pmcp_conformance.expectations import expect_stored

        def test_mine(pmcp_target, pmcp_trial):
            owner = pmcp_trial.owner()
            record = pmcp_trial.store_record(owner)
            expect_stored(pmcp_trial, record, 1)
            assert pmcp_target.name == "mine"
        """
    )
    run_kit(pytester, str(path)).assert_outcomes(passed=1)
    both = run_kit(pytester, "--pmcp-contract", "-k", "test_mine or GET-1", str(path))
    both.assert_outcomes(passed=2, deselected=both.parseoutcomes()["deselected"])


def test_unknown_rules_are_refused(pytester: pytest.Pytester) -> None:
    result = run_kit(pytester, "--pmcp-backend", "memory", "memory::CAS-99")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*the contract has no rule CAS-99*"])


@pytest.mark.parametrize("rule", ["CAS-2", "mine::CAS-2"])
def test_a_rule_without_a_target_of_the_run_lists_those(
    pytester: pytest.Pytester, rule: str
) -> None:
    backends = ("--pmcp-backend", "memory", "--pmcp-backend", "sqlite")
    result = run_kit(pytester, *backends, rule)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{rule}: *this run has memory::CAS-2, sqlite::CAS-2"])


def test_rules_are_counted_as_collected(pytester: pytest.Pytester) -> None:
    result = run_kit(pytester, "--pmcp-backend", "memory", "-k", "CRE")
    result.stdout.fnmatch_lines(["collected * items / * deselected / 3 selected"])


def test_collect_only_last_failed_and_exitfirst(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    listed = run_kit(pytester, "--co", "-q")
    listed.stdout.fnmatch_lines(["mine::GET-1", "mine::CAS-2"])
    first = run_kit(pytester, "-x", *ids("GET-1", "CAS-2", "CAS-6", "DEL-1"))
    assert first.ret == pytest.ExitCode.TESTS_FAILED
    first.assert_outcomes(passed=1, failed=1)
    again = run_kit(pytester, "--lf")
    assert again.parseoutcomes()["failed"] == 1
    assert "NOT CONFORMANT 0 of" in last_verdict(again)


def test_junit_names_backend_and_rule(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    run_kit(pytester, "--junitxml=report.xml", *ids(*FEW))
    cases = ElementTree.parse(pytester.path / "report.xml").iter("testcase")
    found = {(case.get("classname"), case.get("name")): case.find("failure") for case in cases}
    assert set(found) == {("mine", rule) for rule in FEW}
    assert found["mine", "CAS-2"] is not None


def test_importing_the_storage_needs_pydantic_only() -> None:
    script = "import sys, pmcp_storage; print(sorted({n.split('.')[0] for n in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    for library in ("boto3", "botocore", "redis", "pytest", "sqlite3"):
        assert f"'{library}'" not in loaded


UNEXPECTED = """
class Broken(InMemoryBackend):
    def _get(self, owner_id, task_id):
        try:
            return {}[task_id]
        except KeyError as error:
            raise RuntimeError("broken") from error
"""


@pytest.mark.parametrize("rule", ["GET-1", "GET-2"])
def test_the_traceback_of_an_unexpected_error_is_the_authors(
    pytester: pytest.Pytester, rule: str
) -> None:
    project(pytester, "Broken", UNEXPECTED)
    shown = run_kit(pytester, *ids(rule)).stdout
    shown.fnmatch_lines(["*conftest.py*in _get", "*direct cause*", "*conftest.py*in _get"])
    shown.no_fnmatch_line("*pmcp_conformance*, line *")
    shown.no_fnmatch_line("*concurrent*, line *")


def test_stripped_docstrings_take_nothing_from_the_rules(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(pytester, "Broken", BROKEN)
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    result = run_kit(pytester, *ids("CAS-2"))
    result.stdout.fnmatch_lines(["  CAS-2 fails: put_if_version with an older version raises *"])


def test_the_kit_runs_where_python_has_no_sqlite(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(pytester)
    pytester.makepyfile(sitecustomize="import sys; sys.modules['_sqlite3'] = None")
    monkeypatch.setenv("PYTHONPATH", str(pytester.path), prepend=":")
    without = ["-p", "no:pytest_cov"]  # which needs SQLite itself
    assert run_kit(pytester, *without, *ids("GET-1")).ret == pytest.ExitCode.OK
    result = run_kit(pytester, *without, "--pmcp-backend", "sqlite", "-k", "GET-1")
    assert "INCOMPLETE" in last_verdict(result, "sqlite")
    result.stdout.fnmatch_lines(["*this Python was built without SQLite*"])


def test_a_free_threaded_python_is_refused(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(pytester)
    patch = "import sysconfig; sysconfig.get_config_vars()['Py_GIL_DISABLED'] = 1"
    pytester.makepyfile(sitecustomize=patch)
    monkeypatch.setenv("PYTHONPATH", str(pytester.path), prepend=":")
    result = run_kit(pytester, *ids("GET-1"))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *free-threaded build*use a build with the GIL"])
