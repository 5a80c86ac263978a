"""The example of docs/writing-a-backend.md is a conformant backend."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "writing-a-backend.md"


@pytest.fixture
def example(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with the files of the guide."""
    text = GUIDE.read_text(encoding="utf-8")
    for name, code in re.findall(r"```python\n# (\S+)\n(.*?)```", text, re.DOTALL):
        (pytester.path / name).write_text(code, encoding="utf-8")
    return pytester


def test_the_example_is_conformant(example: pytest.Pytester) -> None:
    result = example.runpytest_subprocess(
        "-p", "pmcp_conformance", "-n", "2", "--dist", "worksteal"
    )
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["folder CONFORMANT *"])


def test_the_tests_of_its_own_pass(example: pytest.Pytester) -> None:
    result = example.runpytest_subprocess("-p", "pmcp_conformance", "test_folder.py")
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("correct", "broken"),
    [
        ('glob("*.json")', 'glob("*")'),
        ("{hashlib.sha256(task_id.encode()).hexdigest()}", "{task_id.replace(chr(47), chr(45))}"),
    ],
)
def test_the_tests_of_its_own_can_fail(example: pytest.Pytester, correct: str, broken: str) -> None:
    backend = example.path / "folder_backend.py"
    backend.write_text(backend.read_text().replace(correct, broken))
    result = example.runpytest_subprocess("-p", "pmcp_conformance", "test_folder.py")
    result.assert_outcomes(passed=1, failed=1)
