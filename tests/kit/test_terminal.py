"""What a run prints at its end: a screen for one bug, and the verdicts last."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import pytest

from pmcp_conformance.report.formats import read
from support.kit_projects import BROKEN, PYTEST, ids, last_verdict, project, run_kit

ANY_OLDER = """
class AnyOlder(InMemoryBackend):
    def _put_if_version(self, record, expected_version):
        stored = self._get(record.owner_id, record.task_id).version
        return super()._put_if_version(record, max(stored, expected_version))
"""

OWN_TEST = "def test_mine():\n    assert 'mine' == 'yours'\n"


def section(result: pytest.RunResult) -> list[str]:
    """From the first line that the kit prints to the end."""
    [begin, *_] = [n for n, line in enumerate(result.outlines) if "= pmcp conformance =" in line]
    return result.outlines[begin:]


def command(line: str) -> list[str]:
    """A command that the output names, as one of this environment."""
    program, *arguments = line.split()
    return [str(Path(sys.executable).with_name(program)), *arguments]


def shown_in_full(result: pytest.RunResult) -> int:
    return result.outlines.count("repeat it with")


def test_one_bug_is_diagnosed_on_one_screen(pytester: pytest.Pytester) -> None:
    project(pytester, "AnyOlder", ANY_OLDER)
    result = run_kit(pytester, "-n", "2", "--pmcp-report", "report.json")
    assert result.parseoutcomes()["failed"] > 20
    lines = section(result)
    assert len(lines) <= 50
    result.stdout.fnmatch_lines(
        [
            "  start with CAS-2, which probably explains * other failures",
            "  this looks like: any version up to the stored one is accepted: >= in place of =*",
            "  CAS-2 fails: put_if_version with an older version raises *",
            "  CAS-6 fails: *",
            "  CAS-2 blocks GET-4, *",
            "_* mine::CAS-2 *_",
            "  pmcp-conformance reproduce report.json CAS-2",
        ]
    )
    assert shown_in_full(result) == 1
    assert lines[-2] == last_verdict(result)
    [backend] = read(pytester.path / "report.json").backends
    assert backend.start
    assert backend.start.rule == "CAS-2"
    assert backend.diagnoses[0].mutant == "AcceptsOlderVersions"


def test_a_failure_names_the_commands_that_make_a_script_of_it(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    lines = run_kit(pytester, *ids("CAS-2")).outlines
    begin = lines.index("make a script of the few calls that show it, without pytest, with")
    run, reproduce = [command(line) for line in lines[begin + 1 : begin + 3]]
    assert pytester.run(*run).ret == pytest.ExitCode.TESTS_FAILED
    assert "put_if_version" in pytester.run(*reproduce).stdout.str()


def test_a_failed_race_names_the_command_that_checks_its_history(
    pytester: pytest.Pytester,
) -> None:
    project(pytester, "Broken", BROKEN)
    lines = run_kit(pytester, *ids("CON-8")).outlines
    begin = lines.index("check the recorded history again, without pytest, with")
    assert "NOT LINEARIZABLE" in pytester.run(*command(lines[begin + 1])).stdout.str()


def test_all_failures_are_shown_in_full_on_demand(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    rules = ids("CAS-2", "CAS-6", "CAS-11")
    assert shown_in_full(run_kit(pytester, *rules)) == 1
    in_full = run_kit(pytester, "-v", *rules)
    assert shown_in_full(in_full) == 3
    assert "-v shows" not in in_full.stdout.str()


def test_a_log_on_ci_has_a_failure_once(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    project(pytester, "Broken", BROKEN)
    result = run_kit(pytester, "-n", "1", "--junit-xml", "junit.xml", *ids("CAS-2", "CAS-6"))
    assert shown_in_full(result) == 1
    sentence = "put_if_version with an older version raises * and the stored version."
    result.stdout.fnmatch_lines([f"FAILED mine::CAS-2 - {sentence}"])
    [failure, _] = ElementTree.parse(pytester.path / "junit.xml").iter("failure")
    assert "\n" not in failure.attrib["message"]
    assert failure.text is not None
    assert "repeat it with" in failure.text


@pytest.mark.parametrize(
    ("option", "full"), [("-q", 1), ("-qq", 1), ("--tb=short", 1), ("--tb=no", 0)]
)
def test_options_of_pytest_that_say_less(pytester: pytest.Pytester, option: str, full: int) -> None:
    project(pytester, "Broken", BROKEN)
    result = run_kit(pytester, option, *ids("CAS-2", "CAS-6", "GET-1"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert shown_in_full(result) == full
    result.stdout.fnmatch_lines(["  start with CAS-2*", "  CAS-2 fails: *", "  CAS-6 fails: *"])
    assert last_verdict(result).startswith("mine NOT CONFORMANT 1 of")


def test_a_run_without_a_terminal_gives_its_exit_code(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    result = run_kit(pytester, "-p", "no:terminal", *ids("CAS-2", "CAS-6"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_the_failures_of_other_tests_are_shown_as_ever(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    path = pytester.makepyfile(OWN_TEST)
    result = run_kit(pytester, "--pmcp-contract", "-k", "test_mine or CAS-2 or CAS-6", str(path))
    result.stdout.fnmatch_lines(
        ["_* test_mine _*", "E *'mine' == 'yours'*", "FAILED *test_mine*", "mine NOT CONFORMANT*"]
    )


def test_every_failure_counts_and_reaches_other_reports(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    result = run_kit(pytester, "--junitxml=report.xml", *ids("CAS-2", "CAS-6", "CAS-11"))
    result.assert_outcomes(failed=3)
    texts = [f.text or "" for f in ElementTree.parse(pytester.path / "report.xml").iter("failure")]
    assert len(texts) == 3
    assert all("operations, in their order" in text for text in texts)


def test_other_plugins_see_every_failure(pytester: pytest.Pytester) -> None:
    counting = """
def pytest_terminal_summary(terminalreporter):
    terminalreporter.line(f"{len(terminalreporter.stats['failed'])} counted elsewhere")
"""
    project(pytester, "Broken", BROKEN + counting)
    result = run_kit(pytester, *ids("CAS-2", "CAS-6", "CAS-11"))
    result.stdout.fnmatch_lines(["3 counted elsewhere", "FAILED mine::CAS-2 *"])
    result.stdout.no_fnmatch_line("FAILED mine::CAS-6 *")


def test_what_a_failing_rule_has_printed_is_shown(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN.replace("return self", "print('here'); return self"))
    result = run_kit(pytester, *ids("CAS-2"))
    result.stdout.fnmatch_lines(["*Captured stdout*", "here", "mine NOT CONFORMANT*"])


def test_several_backends_are_compared(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    module = (pytester.path / "conftest.py").rename(pytester.path / "backends.py")
    backends = ["--pmcp-backend", f"{module.stem}:Mine", "--pmcp-backend", "memory"]
    result = run_kit(pytester, *backends, "-k", "GET or CRE or CAS-2")
    rows = [line.split() for line in result.outlines]
    at = rows.index(["mine", "memory"])
    assert rows[at + 1 : at + 3] == [["GET", "⊘1", "✓3", "✓4"], ["CRE", "✓3", "✓3"]]
    assert rows[at + 3][:2] == ["CAS", "✗1"]
    verdicts = result.outlines[-3:-1]
    assert [line.split()[0] for line in verdicts] == ["mine", "memory"]


@pytest.mark.parametrize(("colour", "coloured"), [("yes", True), ("no", False)])
def test_colours_are_for_terminals(pytester: pytest.Pytester, colour: str, coloured: bool) -> None:
    project(pytester, "Broken", BROKEN)
    result = run_kit(pytester, f"--color={colour}", *ids("CAS-2"))
    assert ("\x1b[31mmine NOT CONFORMANT" in result.stdout.str()) is coloured


def on_a_terminal(pytester: pytest.Pytester, columns: int, *arguments: str) -> list[str]:
    """The lines that a run of the kit prints on a terminal of this width."""
    ours, its = os.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    environment.pop("CI", None)
    command = [PYTEST, "-p", "pmcp_conformance", "--color=no", *arguments]
    run = subprocess.Popen(command, stdout=its, env=environment, cwd=pytester.path)
    os.close(its)
    with run, os.fdopen(ours, "rb", buffering=0) as terminal:
        return b"".join(_until_closed(terminal)).decode().splitlines()


def _until_closed(terminal: FileIO) -> Iterator[bytes]:
    try:
        while read := terminal.read(4096):
            yield read
    except OSError:
        return  # how Linux says that nobody has the other end any more


def test_on_a_terminal_a_failure_takes_one_line(pytester: pytest.Pytester) -> None:
    project(pytester, "Broken", BROKEN)
    lines = on_a_terminal(pytester, 70, *ids("CAS-2", "CAS-6"))
    [cut] = [line for line in lines if line.startswith("  CAS-2 fails: ")]
    assert len(cut) < 70
    assert cut.endswith("...")


SLOW_CLOCK = """
from itertools import count
from pmcp_conformance.plugin import progress

progress.monotonic = count(0, 25).__next__
"""
"""A rule seems to take 25 seconds."""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_long_run_says_how_far_it_has_come(pytester: pytest.Pytester, workers: str) -> None:
    project(pytester, extra=SLOW_CLOCK)
    rules = ids("GET-1", "CRE-1", "PUT-1", "DEL-1", "DEL-2")
    result = run_kit(pytester, "-n", workers, *rules)
    assert [line for line in result.outlines if line.startswith("pmcp conformance: ")] == [
        "pmcp conformance: 2 of 5 left, about 1 minute more at this pace"
    ]
    assert "at this pace" not in run_kit(pytester, "-q", "-n", workers, *rules).stdout.str()
