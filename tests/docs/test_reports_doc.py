"""docs/reports.md: what it says to type works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pmcp_conformance.cli import main
from pmcp_conformance.report.formats import ENDINGS, write
from support.kit_projects import run_kit
from support.sample_reports import broken, conformant, report

PAGE = Path(__file__).parents[2] / "docs" / "reports.md"
BLOCKS: list[tuple[str, str]] = re.findall(
    r"```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
)


def block(language: str, containing: str) -> str:
    [text] = [text for kind, text in BLOCKS if kind == language and containing in text]
    return text


def test_every_format_is_described() -> None:
    assert re.findall(r"^\| `(\.\w+)` \|", PAGE.read_text(encoding="utf-8"), re.M) == list(ENDINGS)


def test_the_first_command_writes_its_reports(pytester: pytest.Pytester) -> None:
    [_, *command] = shlex.split(block("sh", "pytest"))
    run_kit(pytester, *command, "--pmcp-backend", "memory", "-k", "GET-1")
    assert (pytester.path / "report.json").is_file()
    assert (pytester.path / "report.html").is_file()


def test_merge_and_what_reads_the_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder, backend in (("linux", conformant("sqlite")), ("mac", broken("sqlite"))):
        Path(folder).mkdir()
        write(report(backend), Path(folder, "report.json"))
    [_, *command] = shlex.split(block("sh", "pmcp-conformance merge"))
    assert main([*command, "-o", "report.json"]) == 0
    assert Path("matrix.html").is_file()
    exec(compile(block("python", "read(Path"), "reports.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "sqlite (linux) CONFORMANT"
    assert lines[1].startswith("sqlite (mac) NOT CONFORMANT ")
    assert "CAS-2" in lines[1].split()
