"""Other plugins of pytest neither mend a failure nor weaken a rule."""

from __future__ import annotations

import sys

import pytest

from support.kit_projects import BROKEN, ids, last_verdict, project, run_kit

FLAKY = """
class Flaky(InMemoryBackend):
    calls = 0
    def _get(self, owner_id, task_id):
        Flaky.calls += 1
        if Flaky.calls == 2:
            raise KeyError(task_id)
        return super()._get(owner_id, task_id)
"""
"""The first call is the kit's look at what works."""


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize(
    "options", [["-p", "no:flaky", "--reruns", "2"], ["--force-flaky"]], ids=["reruns", "flaky"]
)
def test_a_failure_that_a_plugin_runs_again_stays_one(
    pytester: pytest.Pytester, options: list[str], workers: str
) -> None:
    project(pytester, "Flaky", FLAKY)
    result = run_kit(pytester, *options, "-n", workers, *ids("GET-1"))
    assert result.parseoutcomes()["passed"] == 1
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "NOT CONFORMANT" in last_verdict(result)


RUN_AGAIN = """
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "call" and report.failed:
        item._initrequest()
        item.runtest()
        report.outcome, report.longrepr = "passed", None
    return report
"""
"""As pytest-retry does it: the report of the failure is made one of success."""


KEPT_BACK = """
def pytest_runtest_protocol(item):
    item.config.hook.pytest_runtest_setup(item=item)
    try:
        item.runtest()
    except Exception:
        pass
    return True
"""


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize("plugin", [RUN_AGAIN, KEPT_BACK])
def test_a_failure_of_which_a_plugin_reports_nothing_stays_one(
    pytester: pytest.Pytester, plugin: str, workers: str
) -> None:
    project(pytester, "Flaky", FLAKY + plugin)
    result = run_kit(pytester, "-n", workers, *ids("GET-1"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "NOT CONFORMANT" in last_verdict(result)
    result.stdout.fnmatch_lines(["  GET-1 fails: *"])


GROUPED = """
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.xdist_group("all"))
"""

RENAMED = """
def pytest_collection_modifyitems(items):
    for item in items:
        item._nodeid = f"chrome/{item.nodeid}[7]"
        if hasattr(item, "id"):  # of pytest 9.2 and newer
            item._id = type(item.id).parse(item._nodeid)
"""


@pytest.mark.parametrize(
    ("plugin", "options"),
    [(GROUPED, ["-n", "1", "--dist", "loadgroup"]), (RENAMED, ["-n", "1"]), (RENAMED, [])],
)
def test_a_plugin_that_changes_node_ids_changes_nothing_else(
    pytester: pytest.Pytester, plugin: str, options: list[str]
) -> None:
    project(pytester, "Broken", BROKEN + plugin)
    result = run_kit(pytester, *options, *ids("CAS-1", "CAS-2"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "NOT CONFORMANT 1 of" in last_verdict(result)
    result.stdout.fnmatch_lines(["*pytest -p pmcp_conformance mine::CAS-2"])


RACY = """
from racy import Racy
"""

RACY_MODULE = """
from pmcp_storage import ConcurrentModificationError, InMemoryBackend
from pmcp_storage.backends.memory import Row

class Racy(InMemoryBackend):
    def _put_if_version(self, record, expected_version):
        key, data = (record.owner_id, record.task_id), record.to_json()
        row = self._storage.rows[key]
        if row.version != expected_version:
            raise ConcurrentModificationError(*key, expected_version, row.version)
        self._storage.write(key, Row(data, expected_version + 1, record.expires_at))
        return expected_version + 1
"""

CORES = ["ctrace", "pytrace", *(["sysmon"] if sys.version_info >= (3, 12) else [])]


@pytest.mark.parametrize("core", CORES)
def test_a_race_is_found_under_a_coverage_tool_which_misses_nothing(
    pytester: pytest.Pytester, core: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_CORE", core)
    pytester.makepyfile(racy=RACY_MODULE)
    project(pytester, "Racy", RACY)
    result = run_kit(pytester, "--cov", "racy", *ids("CON-1"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "NOT CONFORMANT" in last_verdict(result)
    result.stdout.fnmatch_lines(["  CON-1 fails: *", "racy.py * 100%"])


def test_a_debugger_that_stops_a_rule_leaves_it_unjudged(pytester: pytest.Pytester) -> None:
    stopped = """
class Stopped(InMemoryBackend):
    def _put(self, record):
        import sys
        sys.settrace(None)  # as a debugger does that goes on to the end
        return super()._put(record)
"""
    project(pytester, "Stopped", stopped)
    result = run_kit(pytester, *ids("CON-3", "GET-1"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "INCOMPLETE 1 of" in last_verdict(result)
    result.stdout.fnmatch_lines(["  1 rule could not be judged: something, such as a debugger, *"])
