"""`pmcp-conformance merge`: one report from those of several runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pmcp_conformance.cli import main
from pmcp_conformance.report.formats import read, write
from support.sample_reports import broken, conformant, report


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def labels(file: str) -> list[str]:
    return [backend.label for backend in read(Path(file)).backends]


def saved(file: str, *names: str) -> str:
    Path(file).parent.mkdir(exist_ok=True)
    write(report(*map(conformant, names)), Path(file))
    return file


def test_backends_of_all_files_in_their_order() -> None:
    files = [saved("a.json", "memory", "sqlite"), saved("b.json", "redis")]
    assert main(["merge", *files, "-o", "all.json", "-o", "all.html", "-o", "out/all.svg"]) == 0
    assert labels("all.json") == ["memory", "sqlite", "redis"]
    assert "redis" in Path("all.html").read_text(encoding="utf-8")
    assert "redis" in Path("out/all.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("files", "merged"),
    [
        (["a.json", "b.json"], ["sqlite (a)", "sqlite (b)"]),
        (["linux/report.json", "mac/report.json"], ["sqlite (linux)", "sqlite (mac)"]),
        (["a.json", "a.json"], ["sqlite (a)", "sqlite (a) #2"]),
    ],
)
def test_equal_names_are_followed_by_what_tells_their_files_apart(
    files: list[str], merged: list[str]
) -> None:
    for file in files:
        saved(file, "sqlite")
    assert main(["merge", *files, "-o", "all.json"]) == 0
    assert labels("all.json") == merged
    assert {backend.name for backend in read(Path("all.json")).backends} == {"sqlite"}


def test_what_was_merged_can_be_merged_again() -> None:
    main(["merge", saved("a.json", "sqlite"), saved("b.json", "sqlite"), "-o", "ab.json"])
    assert main(["merge", "ab.json", saved("c.json", "sqlite"), "-o", "all.json"]) == 0
    assert labels("all.json") == ["sqlite (a)", "sqlite (b)", "sqlite"]


def test_a_report_comes_back_as_it_was_written() -> None:
    written = report(broken("mine"))
    write(written, Path("report.json"))
    assert read(Path("report.json")) == written


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "bad.json cannot be read as JSON: "),
        ("[1, 2]", "bad.json is no report: it has no schema_version"),
        ("{}", "bad.json is no report: it has no schema_version"),
        ('{"schema_version": "0.9"}', "bad.json has schema version 0.9, and this version of "),
        ('{"schema_version": "2.0"}', "bad.json has schema version 2.0, and this version of "),
        ('{"schema_version": "1.0"}', "bad.json is no report: backends: Field required"),
    ],
)
def test_a_file_that_is_no_report_is_named(
    text: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.json").write_text(text)
    assert main(["merge", saved("good.json", "sqlite"), "bad.json", "-o", "all.json"]) == 1
    assert capsys.readouterr().err.startswith(f"pmcp-conformance: {complaint}")
    assert not Path("all.json").exists()


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["merge", "missing.json", "-o", "all.json"]) == 1
    assert "missing.json cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["a.json"], ["-o", "b.html"], ["a.json", "-o", "b.pdf"]])
def test_a_wrong_command_line_ends_with_2(arguments: list[str]) -> None:
    saved("a.json", "sqlite")
    with pytest.raises(SystemExit) as ended:
        main(["merge", *arguments])
    assert ended.value.code == 2


def test_the_script_and_the_module_are_one_command() -> None:
    script = [str(Path(sys.executable).with_name("pmcp-conformance"))]
    for command in (script, [sys.executable, "-m", "pmcp_conformance"]):
        shown = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
        assert shown.stdout.startswith("pmcp-conformance ")
