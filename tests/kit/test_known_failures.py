"""Known failures: what they change, and entries that mean nothing."""

from __future__ import annotations

import pytest

from support.kit_projects import BROKEN, FEW, ids, project, run_kit

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
    result = run_kit(pytester, "--pmcp-known-failures", "known.txt", *ids(*FEW))
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
    result = run_kit(pytester, "--pmcp-backend", "memory", "--pmcp-known-failures", "known.txt")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([complaint])
