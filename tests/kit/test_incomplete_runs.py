"""Runs that are spread, stopped, crashed or hang: none looks like a whole one."""

from __future__ import annotations

import pytest

from support.kit_projects import BROKEN, CRASHING, FEW, HOOK, ids, last_verdict, project, run_kit


def test_workers_give_the_same_verdict(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    alone, spread = run_kit(pytester, "-k", "CAS"), run_kit(pytester, "-k", "CAS", "-n", "2")
    assert last_verdict(alone) == last_verdict(spread)
    assert alone.ret == spread.ret == pytest.ExitCode.TESTS_FAILED


def test_a_skip_from_outside_is_incomplete(pytester: pytest.Pytester) -> None:
    skip_all = """
def pytest_runtest_setup(item):
    pytest.skip("not today")
"""
    project(pytester, extra=skip_all)
    result = run_kit(pytester, *ids("GET-1"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["mine INCOMPLETE*", "*1 rule could not run: *not today"])


def test_a_crashed_worker_is_incomplete(pytester: pytest.Pytester) -> None:
    project(pytester, "Crashing", CRASHING)
    result = run_kit(pytester, "-n", "1", "--max-worker-restart=0", *ids("GET-1"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "mine INCOMPLETE" in last_verdict(result)
    assert "1 not run: worker 'gw0' crashed" in last_verdict(result)
    result.stdout.fnmatch_lines(["  the worker gw0 was lost: *"])


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


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_rule_that_was_interrupted_was_selected(pytester: pytest.Pytester, workers: str) -> None:
    stopped = (
        "class Stopped(InMemoryBackend):\n    def _create(self, record): raise KeyboardInterrupt\n"
    )
    project(pytester, "Stopped", stopped)
    result = run_kit(pytester, *ids("DEL-1", "DEL-2"), "-n", workers)
    assert last_verdict(result).startswith("mine INCOMPLETE 0 of ")
    assert "(2 not run: " in last_verdict(result)
    assert "the run was interrupted" in last_verdict(result)


@pytest.mark.parametrize("options", [["-x", "-n", "1"], ["--maxfail=1"], ["--sw"]])
def test_a_stop_after_a_failure_is_a_selection(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    project(pytester, "Broken", BROKEN)
    result = run_kit(pytester, *options, "-k", "CAS")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "the run was" not in result.stdout.str()
    pytester.makepyfile("def test_mine(): assert 0")
    both = run_kit(pytester, *options, "--pmcp-contract", "-k", "test_mine or GET", ".")
    assert both.ret != pytest.ExitCode.OK
    assert "mine PARTIAL" in last_verdict(both)


def test_a_stop_by_something_else_is_incomplete(pytester: pytest.Pytester) -> None:
    stop = """
def pytest_runtest_logfinish(nodeid):
    if nodeid == "mine::GET-1":
        pytest.exit("enough for today")
"""
    project(pytester, extra=stop)
    result = run_kit(pytester, "-k", "GET")
    assert "mine INCOMPLETE 1 of" in last_verdict(result)
    result.stdout.fnmatch_lines(["  the run was stopped: enough for today"])


def test_a_rule_that_was_timed_out_has_not_run(pytester: pytest.Pytester) -> None:
    limit = """
import signal

@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("Timeout >0.5s"))
    signal.setitimer(signal.ITIMER_REAL, 0.5 if item.name == "LIST-1" else 0)
    return (yield)
"""
    project(pytester, "Hanging", HANGING + limit)
    result = run_kit(pytester, *ids("GET-1", "LIST-1"))
    assert "mine INCOMPLETE 1 of" in last_verdict(result)
    assert "1 not run: Failed: Timeout >0.5s;" in last_verdict(result)
    result.stdout.fnmatch_lines(["  1 rule could not run: *Timeout >0.5s"])


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
            "  * rules could not run: operations hang in 3 rules of LIST already: fix those first",
            "expected: an answer from list_by_owner within 3 s",
            "observed: none: it hangs",
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
