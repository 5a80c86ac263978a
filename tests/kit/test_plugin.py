"""The kit as its users meet it: through pytest's command line."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from pmcp_conformance.catalogue import catalogue

HOOK = """
import pytest
from pmcp_conformance import BackendTarget
from pmcp_storage import InMemoryBackend, MemoryStorage

class Mine(BackendTarget):
    name = "mine"
    interprocess = durable = False
    storage = MemoryStorage()
    def open(self):
        return {backend}(self.storage)
    def __getstate__(self):
        return {{}}

@pytest.hookimpl(optionalhook=True)
def pytest_pmcp_backends():
    return [Mine()]
"""

BROKEN = """
class Broken(InMemoryBackend):
    def _put_if_version(self, record, expected_version):
        return self._put(record)
"""

PYTEST = str(Path(sys.executable).with_name("pytest"))
"""The command of this environment, which need not be the one on the path."""

FEW = ("GET-1", "CAS-1", "CAS-2", "DEL-1")


def project(pytester: pytest.Pytester, backend: str = "InMemoryBackend", extra: str = "") -> None:
    pytester.makeconftest(HOOK.format(backend=backend) + extra)


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess("-p", "pmcp_conformance", *arguments)


def ids(*rules: str, target: str = "mine") -> list[str]:
    return [f"{target}::{rule}" for rule in rules]


def last_verdict(result: pytest.RunResult, target: str = "mine") -> str:
    return [line for line in result.outlines if line.startswith(f"{target} ")][-1]


def test_a_target_from_a_conftest_is_validated(pytester: pytest.Pytester) -> None:
    project(pytester)
    result = run(pytester)
    assert result.ret == pytest.ExitCode.OK
    verdict = last_verdict(result)
    assert verdict.startswith("mine CONFORMANT ")
    assert f" of {len(catalogue())} (" in verdict
    assert "unproven: no plant" in verdict


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_reports_how_many_operations_it_took(pytester: pytest.Pytester, workers: str) -> None:
    project(pytester)
    result = run(pytester, *ids("GET-1", "DEL-4"), "-n", workers)
    result.stdout.fnmatch_lines(["mine was called 9 times, 7 by DEL-4, 2 by GET-1"])


def test_a_broken_backend_is_named_with_its_rule_and_what_led_there(
    pytester: pytest.Pytester,
) -> None:
    project(pytester, "Broken", BROKEN)
    result = run(pytester, *ids(*FEW))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "mine NOT CONFORMANT 3 of * (1 failed: CAS-2; * not selected)",
            "  CAS-2 fails: put_if_version with an older version raises *",
            "    expected ConcurrentModificationError(*expected_version=1, actual_version=4)",
            "    observed no error: it returned 5",
            "*operations, in their order*",
            "*backend.create(record(A, 'task', 'working'*))  # -> 1",
            "*backend.put_if_version(record(A, 'task'*), 1)  # -> 5",
            "5 operations led there",
            "*pytest -p pmcp_conformance mine::CAS-2",
        ]
    )


def test_the_command_that_a_failure_prints_repeats_it(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    shown = run(pytester, "-k", "CAS-2").outlines
    command = shown[shown.index("repeat it with") + 1].split()
    assert command[0] == "pytest"
    again = pytester.run(PYTEST, *command[1:])
    assert again.ret == pytest.ExitCode.TESTS_FAILED
    again.stdout.fnmatch_lines(["mine NOT CONFORMANT*"])


def test_a_selection_is_partial_and_an_empty_one_is_not_green(pytester: pytest.Pytester) -> None:
    project(pytester)
    result = run(pytester, "-k", "GET-1 or CAS-1")
    assert result.ret == pytest.ExitCode.OK
    assert "mine PARTIAL" in last_verdict(result)
    for selection in (["-k", "nothing_like_it"], ids("CAS-14"), ["-m", "unit"]):
        result = run(pytester, *selection)
        assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED, selection
        assert "mine PARTIAL 0" in last_verdict(result)


def test_without_a_target_it_says_where_it_looked(pytester: pytest.Pytester) -> None:
    result = run(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*no backend*{pytester.path}*--pmcp-backend memory*"])


def test_an_unavailable_target_is_incomplete(pytester: pytest.Pytester) -> None:
    project(pytester)
    conftest = pytester.path / "conftest.py"
    method = "    def unavailable(self):\n        return 'no server at hand'\n"
    conftest.write_text(conftest.read_text().replace("    def open", f"{method}    def open"))
    result = run(pytester, *ids(*FEW))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["mine INCOMPLETE 0 of *", "*could not run: no server at hand"])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("native_expiry = True", "*native_expiry = True needs the back door stored_expiry*"),
        ("name = 'a b'", "*name must be text of letters*"),
        ("durable = 'no'", "*durable must be True or False*"),
        ("max_record_bytes = 0", "*max_record_bytes must be a number of at least*"),
        ("storage_limit_bytes = 5", "*storage_limit_bytes must be None or at least*"),
        ("shared, interprocess = False, True", "*interprocess = True needs shared = True*"),
    ],
)
def test_facts_that_cannot_be_true_are_refused(
    pytester: pytest.Pytester, change: str, complaint: str
) -> None:
    project(pytester)
    conftest = pytester.path / "conftest.py"
    conftest.write_text(conftest.read_text().replace("    def open", f"    {change}\n    def open"))
    result = run(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([complaint])


def test_a_false_fact_is_named(pytester: pytest.Pytester) -> None:
    never_removes = "class Keeper(InMemoryBackend):\n    def _cleanup_expired(self): return 0\n"
    project(pytester, "Keeper", never_removes)
    result = run(pytester, *ids("EXP-3"))
    result.stdout.fnmatch_lines(
        ["  EXP-3 fails: *", "*though the target declares native_expiry = False"]
    )


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
    result = run(pytester, "-k", "GET or CAS")
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
    run(pytester, str(path)).assert_outcomes(passed=1)
    both = run(pytester, "--pmcp-contract", "-k", "test_mine or GET-1", str(path))
    both.assert_outcomes(passed=2, deselected=both.parseoutcomes()["deselected"])


@pytest.mark.parametrize("start", [[sys.executable, "-m", "pytest"], [PYTEST]])
def test_a_target_is_named_on_the_command_line(pytester: pytest.Pytester, start: list[str]) -> None:
    project(pytester)
    module = (pytester.path / "conftest.py").rename(pytester.path / "backends.py")
    options = ["-p", "pmcp_conformance", "--pmcp-backend", f"{module.stem}:Mine", "-k", "GET-1"]
    assert pytester.run(*start, *options).ret == pytest.ExitCode.OK


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("nonsense", "*neither a shipped target (dynamodb, memory, redis, sqlite)*"),
        ("json:dumps", "*is not a BackendTarget*"),
        ("no.such:Thing", "*ModuleNotFoundError*looked for it from*"),
        ("pmcp_conformance:BackendTarget", "*cannot be instantiated*abstract*"),
    ],
)
def test_wrong_names_are_explained(pytester: pytest.Pytester, name: str, complaint: str) -> None:
    result = run(pytester, "--pmcp-backend", name)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([complaint])


def test_unknown_rules_are_refused(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--pmcp-backend", "memory", "memory::CAS-99")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*the contract has no rule CAS-99*"])


def test_collect_only_last_failed_and_exitfirst(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    listed = run(pytester, "--co", "-q")
    listed.stdout.fnmatch_lines(["mine::GET-1", "mine::CAS-2"])
    first = run(pytester, "-x", *ids("GET-1", "CAS-2", "CAS-6", "DEL-1"))
    assert first.ret == pytest.ExitCode.TESTS_FAILED
    first.assert_outcomes(passed=1, failed=1)
    again = run(pytester, "--lf")
    assert again.parseoutcomes()["failed"] == 1
    assert "NOT CONFORMANT 0 of" in last_verdict(again)


def test_junit_names_backend_and_rule(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    run(pytester, "--junitxml=report.xml", *ids(*FEW))
    cases = ElementTree.parse(pytester.path / "report.xml").iter("testcase")
    found = {(case.get("classname"), case.get("name")): case.find("failure") for case in cases}
    assert set(found) == {("mine", rule) for rule in FEW}
    assert found["mine", "CAS-2"] is not None


def test_workers_give_the_same_verdict(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    alone, spread = run(pytester, "-k", "CAS"), run(pytester, "-k", "CAS", "-n", "2")
    assert last_verdict(alone) == last_verdict(spread)
    assert alone.ret == spread.ret == pytest.ExitCode.TESTS_FAILED


def test_a_rerun_does_not_undo_a_failure(pytester: pytest.Pytester) -> None:
    flaky = """
class Flaky(InMemoryBackend):
    calls = 0
    def _get(self, owner_id, task_id):
        Flaky.calls += 1
        if Flaky.calls == 1:
            raise KeyError(task_id)
        return super()._get(owner_id, task_id)
"""
    project(pytester, "Flaky", flaky)
    result = run(pytester, "-p", "rerunfailures", "--reruns", "2", *ids("GET-1"))
    assert result.parseoutcomes()["rerun"] == 1
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "NOT CONFORMANT" in last_verdict(result)


def test_a_skip_from_outside_is_incomplete(pytester: pytest.Pytester) -> None:
    skip_all = """
def pytest_runtest_setup(item):
    pytest.skip("not today")
"""
    project(pytester, extra=skip_all)
    result = run(pytester, *ids("GET-1"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["mine INCOMPLETE*", "*GET-1 could not run: *not today"])


def test_a_crashed_worker_is_incomplete(pytester: pytest.Pytester) -> None:
    crash = """
class Crashing(InMemoryBackend):
    def _get(self, owner_id, task_id):
        import os
        os._exit(9)
"""
    project(pytester, "Crashing", crash)
    result = run(pytester, "-n", "1", "--max-worker-restart=0", *ids("GET-1"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "mine INCOMPLETE" in last_verdict(result)


def test_prepare_and_dispose_once_per_run(pytester: pytest.Pytester) -> None:
    (pytester.path / "conftest.py").write_text(
        HOOK.format(backend="InMemoryBackend")
        .replace(
            "    def __getstate__(self):\n        return {}\n",
            "    def prepare(self):\n"
            "        self.handed = 'over'\n"
            "        open('calls', 'a').write('prepare ')\n"
            "    def dispose(self):\n"
            "        open('calls', 'a').write('dispose ' + self.handed)\n",
        )
        .replace("        return I", "        assert self.handed == 'over'\n        return I")
    )
    for options in ([], ["-n", "2"]):
        assert run(pytester, *options, *ids(*FEW)).ret == pytest.ExitCode.OK
        assert (pytester.path / "calls").read_text() == "prepare dispose over"
        (pytester.path / "calls").unlink()


def test_what_a_backend_leaves_behind_is_reported(pytester: pytest.Pytester) -> None:
    keeper = """
class Keeper(InMemoryBackend):
    def _delete(self, owner_id, task_id):
        return True
"""
    project(pytester, "Keeper", keeper)
    result = run(pytester, *ids("GET-2"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["mine INCOMPLETE*", "*left behind: mine: owner *'task'*"])


KNOWN_CASES = [
    ("# why\nmine::CAS-2: ticket 7\n", pytest.ExitCode.OK, "*NOT CONFORMANT (1 known)*"),
    ("CAS-2: ticket 7\n", pytest.ExitCode.OK, "*NOT CONFORMANT (1 known)*"),
    ("other::CAS-2: ticket 7\n", pytest.ExitCode.TESTS_FAILED, "*NOT CONFORMANT 3*"),
    ("CAS-2: x\nGET-1: x\n", pytest.ExitCode.TESTS_FAILED, "*GET-1 passes, though*remove*"),
]


@pytest.mark.parametrize(("text", "code", "line"), KNOWN_CASES)
def test_known_failures(pytester: pytest.Pytester, text: str, code: int, line: str) -> None:
    project(pytester, "Broken", BROKEN)
    (pytester.path / "known.txt").write_text(text)
    result = run(pytester, "--pmcp-known-failures", "known.txt", *ids(*FEW))
    assert result.ret == code
    result.stdout.fnmatch_lines([line])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("CAS-2:  \n", "*known.txt:1: CAS-2 needs a reason*"),
        ("\nCAS-99: x\n", "*known.txt:2: the contract has no rule CAS-99*"),
        ("CAS-2\n", "*known.txt:1: *is not of the form*"),
        ("CAS-2: x\nCAS-2: y\n", "*known.txt:2: *listed twice*"),
    ],
)
def test_wrong_known_failures(pytester: pytest.Pytester, text: str, complaint: str) -> None:
    (pytester.path / "known.txt").write_text(text)
    result = run(pytester, "--pmcp-backend", "memory", "--pmcp-known-failures", "known.txt")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([complaint])


def test_importing_the_storage_needs_pydantic_only() -> None:
    script = "import sys, pmcp_storage; print(sorted({n.split('.')[0] for n in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    for library in ("boto3", "botocore", "redis", "pytest", "sqlite3"):
        assert f"'{library}'" not in loaded


def test_the_list_of_shipped_targets_needs_no_library_of_theirs() -> None:
    script = (
        "import sys; from pmcp_conformance.targets import shipped_targets; "
        "print(*shipped_targets()); print(*sys.modules)"
    )
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    names, loaded = (line.split() for line in output.splitlines())
    assert {"dynamodb", "memory", "redis", "sqlite"} <= set(names)
    assert not {"boto3", "botocore", "redis", "psycopg"} & set(loaded)


def test_an_async_backend_is_taken_as_it_is(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import asyncio, pytest
        from pmcp_conformance import BackendTarget
        from pmcp_storage import AsyncStorageBackend, InMemoryBackend, MemoryStorage

        STORAGE = MemoryStorage()

        class Mine(AsyncStorageBackend):
            def __init__(self):
                self.inner = InMemoryBackend(STORAGE)
            async def _get(self, owner_id, task_id):
                await asyncio.sleep(0)
                return self.inner.get(owner_id, task_id)
            async def _create(self, record):
                return self.inner.create(record)
            async def _put_if_version(self, record, expected_version):
                return self.inner.put_if_version(record, expected_version)
            async def _delete(self, owner_id, task_id):
                return self.inner.delete(owner_id, task_id)
            async def _list_by_owner(self, owner_id, *, limit, after):
                return self.inner.list_by_owner(owner_id, limit=limit, after=after)
            async def _cleanup_expired(self):
                return self.inner.cleanup_expired()

        class Target(BackendTarget):
            name = "mine"
            interprocess = durable = False
            def open(self):
                return Mine()

        @pytest.hookimpl(optionalhook=True)
        def pytest_pmcp_backends():
            return [Target()]
        """
    )
    result = run(pytester)
    assert result.ret == pytest.ExitCode.OK
    assert last_verdict(result).startswith("mine CONFORMANT ")


def test_what_is_no_backend_is_refused_by_name(pytester: pytest.Pytester) -> None:
    project(pytester)
    conftest = pytester.path / "conftest.py"
    conftest.write_text(conftest.read_text().replace("return InMemoryBackend(", "return str("))
    result = run(pytester, *ids("GET-1"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*could not run: *Mine.open() must return a backend, not str"])


def test_handles_that_share_nothing_can_be_conformant(pytester: pytest.Pytester) -> None:
    project(pytester)
    conftest = pytester.path / "conftest.py"
    facts = "shared = interprocess = durable = False"
    text = conftest.read_text().replace("interprocess = durable = False", facts)
    conftest.write_text(text.replace("(self.storage)", "()"))
    result = run(pytester)
    assert result.ret == pytest.ExitCode.OK
    assert "not shared" in last_verdict(result)


INTERRUPTED = """
class Interrupted(InMemoryBackend):
    created = 0

    def _create(self, record):
        Interrupted.created += 1
        if Interrupted.created > 40:
            raise KeyboardInterrupt
        return super()._create(record)

    def _delete(self, owner_id, task_id):
        return True
"""


def test_what_an_interrupted_run_leaves_does_not_hide_that_it_was_interrupted(
    pytester: pytest.Pytester,
) -> None:
    project(pytester, "Interrupted", INTERRUPTED)
    result = run(pytester, "-k", "GET or ISO or LIST")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["  the run was interrupted", "  and * more like these"])


@pytest.mark.parametrize("workers", ["0", "1"])
def test_an_interrupted_run_says_so_though_a_rule_has_failed(
    pytester: pytest.Pytester, workers: str
) -> None:
    project(pytester, "Interrupted", INTERRUPTED)
    result = run(pytester, "-k", "DEL or LIST", "-n", workers)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["mine NOT CONFORMANT *", "  the run was interrupted"])


def test_a_stop_after_a_failure_is_no_interruption(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    result = run(pytester, "-x", "-n", "1", "-k", "CAS")
    assert result.ret == pytest.ExitCode.TESTS_FAILED


HANGING = """
import threading

class Hanging(InMemoryBackend):
    def _list_by_owner(self, owner_id, *, limit, after):
        threading.Event().wait()

Mine.answer_within = 1
"""


def test_what_hangs_again_and_again_is_not_waited_for(pytester: pytest.Pytester) -> None:
    project(pytester, "Hanging", HANGING)
    result = run(pytester, "-k", "LIST or GET-1", "--pmcp-seed", "7")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "  LIST-1 fails: *",
            "    expected an answer from list_by_owner within 3 s",
            "    observed none: it hangs",
            "  * rules could not run: operations hang in 3 rules already: fix those first",
            "*pytest -p pmcp_conformance --pmcp-seed 7 mine::LIST-1",
        ]
    )
