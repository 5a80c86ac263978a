"""What the README tells people to do does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def blocks(language: str, containing: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language and containing in text]


def test_the_target_works_when_pasted(pytester: pytest.Pytester) -> None:
    [conftest] = blocks("python", "# conftest.py")
    pytester.makeconftest(conftest)
    result = pytester.runpytest_subprocess("-p", "pmcp_conformance", "-k", "CAS or GET")
    result.stdout.fnmatch_lines(["mine PARTIAL * of *"])
    assert result.ret == pytest.ExitCode.OK


def test_the_use_of_a_backend_works_when_pasted() -> None:
    [example] = blocks("python", "backend.put_if_version(done, version)")
    exec(compile(example, "README.md", "exec"), {})


def test_every_option_it_names_exists(pytester: pytest.Pytester) -> None:
    helped = pytester.runpytest_subprocess("-p", "pmcp_conformance", "--help").stdout.str()
    options = set(re.findall(r"--pmcp-[a-z-]+", README.read_text(encoding="utf-8")))
    assert options
    assert all(option in helped for option in options)
