"""The example of docs/writing-a-backend.md is a conformant backend."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "writing-a-backend.md"


def test_the_example_is_conformant(pytester: pytest.Pytester) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    for name, code in re.findall(r"```python\n# (\S+)\n(.*?)```", text, re.DOTALL):
        (pytester.path / name).write_text(code, encoding="utf-8")
    result = pytester.runpytest_subprocess("-p", "pmcp_conformance", "-n", "2")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["folder CONFORMANT *"])
