"""Runs that are spread, stopped, crashed or hang: none looks like a whole one."""

from __future__ import annotations

import pytest

from support.kit_projects import BROKEN, FEW, HOOK, ids, last_verdict, project, run_kit


def test_workers_give_the_same_verdict(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    alone, spread = run_kit(pytester, "-k", "CAS"), run_kit(pytester, "-k", "CAS", "-n", "2")
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
    result = run_kit(pytester, "-p", "rerunfailures", "--reruns", "2", *ids("GET-1"))
    assert result.parseoutcomes()["rerun"] == 1
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "NOT CONFORMANT" in last_verdict(result)


def test_a_skip_from_outside_is_incomplete(pytester: pytest.Pytester) -> None:
    skip_all = """
def pytest_runtest_setup(item):
    pytest.skip("not today")
"""
    project(pytester, extra=skip_all)
    result = run_kit(pytester, *ids("GET-1"))
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
    result = run_kit(pytester, "-n", "1", "--max-worker-restart=0", *ids("GET-1"))
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
        assert run_kit(pytester, *options, *ids(*FEW)).ret == pytest.ExitCode.OK
        assert (pytester.path / "calls").read_text() == "prepare dispose over"
        (pytester.path / "calls").unlink()


def test_what_a_backend_leaves_behind_is_reported(pytester: pytest.Pytester) -> None:
    keeper = """
class Keeper(InMemoryBackend):
    def _delete(self, owner_id, task_id):
        return True
"""
    project(pytester, "Keeper", keeper)
    result = run_kit(pytester, *ids("GET-2"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["mine INCOMPLETE*", "*left behind: mine: owner *'task'*"])


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
    result = run_kit(pytester, "-k", "GET or ISO or LIST")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["  the run was interrupted", "  and * more like these"])


@pytest.mark.parametrize("workers", ["0", "1"])
def test_an_interrupted_run_says_so_though_a_rule_has_failed(
    pytester: pytest.Pytester, workers: str
) -> None:
    project(pytester, "Interrupted", INTERRUPTED)
    result = run_kit(pytester, "-k", "DEL or LIST", "-n", workers)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["mine NOT CONFORMANT *", "  the run was interrupted"])


def test_a_stop_after_a_failure_is_no_interruption(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    result = run_kit(pytester, "-x", "-n", "1", "-k", "CAS")
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
    result = run_kit(pytester, "-k", "LIST or GET-1", "--pmcp-seed", "7")
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


def test_an_interruption_that_python_drops_ends_the_run(pytester: pytest.Pytester) -> None:
    conftest = """
import signal

class Finalized:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

def pytest_runtest_setup(item):
    if item.name == "CAS-2":
        Finalized()
"""
    project(pytester, extra=conftest)
    result = run_kit(pytester, "-p", "no:unraisableexception")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "INCOMPLETE" in last_verdict(result)
