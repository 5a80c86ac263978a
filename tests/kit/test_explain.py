"""`pmcp-conformance rules` and `explain`: what the rules say of themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mutants import mutants
from pmcp_conformance.catalogue import GROUPS, catalogue
from pmcp_conformance.cli import main
from support.mutants_file import PAGE, mutants_file

SCRIPT = str(Path(sys.executable).with_name("pmcp-conformance"))
SHOWN = """\
CAS-4     A refused put_if_version changes nothing: record, version, expiry and
          listing stay.

Why: """


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    return output


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def test_every_rule_says_why_it_matters_and_what_mends_a_backend() -> None:
    told = {rule.id: rule.explanation for rule in catalogue().values()}
    assert [id for id, of in told.items() if not (of.why and of.mend)] == []


def test_every_real_bug_has_a_public_source() -> None:
    told = {rule.id: rule.explanation for rule in catalogue().values()}
    bugs = {id: of.source for id, of in told.items() if of.real_bug}
    assert len(bugs) > len(told) / 2
    assert [id for id, source in bugs.items() if not source.startswith("https://")] == []


def test_rules_lists_all_of_them_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    output = shown(capsys, "rules")
    ids = [line.split()[0] for line in output.splitlines() if not line.startswith(" ")]
    assert ids == list(catalogue())
    for rule in catalogue().values():
        assert f"{rule.id} {rule.sentence}" in in_one_line(output)


@pytest.mark.parametrize(
    ("rule", "needs"),
    [
        ("EXP-3", "[facts: not native_expiry]"),
        ("CAS-14", "[back doors: plant]"),
        ("FLT-14", "[back doors: address, refusals; since: 1.1]"),
        ("DUR-7", "[facts: durable; back doors: crash; since: 1.1]"),
    ],
)
def test_rules_says_what_each_needs(
    rule: str, needs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = catalogue()[rule].sentence
    assert f"{rule} {sentence} {needs}" in in_one_line(shown(capsys, "rules"))


def test_rules_of_one_group(capsys: pytest.CaptureFixture[str]) -> None:
    listed = [shown(capsys, "rules", group) for group in GROUPS]
    assert "".join(listed) == shown(capsys, "rules")
    assert listed[GROUPS.index("CAS")].startswith("CAS-1 ")


def test_explain_begins_with_the_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, "explain", "CAS-4").startswith(SHOWN)


def test_explain_tells_everything_of_a_rule(capsys: pytest.CaptureFixture[str]) -> None:
    for rule in catalogue().values():
        output = in_one_line(shown(capsys, "explain", rule.id))
        told = rule.explanation
        assert f"Why: {told.why} " in output
        assert f"Mend: {told.mend} " in output
        assert (f"Real bug: {told.real_bug} {told.source} " in output) == bool(told.real_bug)


def test_explain_names_the_mutants(capsys: pytest.CaptureFixture[str]) -> None:
    for rule in catalogue():
        output = in_one_line(shown(capsys, "explain", rule))
        expected = [mutant for mutant in mutants() if mutant.rule == rule]
        assert output.endswith(" ".join(f"- {mutant.name}: {mutant.what}" for mutant in expected))


def test_lines_are_short(capsys: pytest.CaptureFixture[str]) -> None:
    output = shown(capsys, "rules") + "".join(shown(capsys, "explain", id) for id in catalogue())
    long = [line for line in output.splitlines() if len(line) > 80]
    assert [line for line in long if not line.startswith("https://")] == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("CAS-99", "there is no rule CAS-99; the nearest are CAS-9,"),
        ("cas4", "there is no rule cas4; the nearest are CAS-4,"),
        ("CAS-04", "there is no rule CAS-04; the nearest are CAS-4,"),
        ("?", "there is no rule ?; `pmcp-conformance rules` lists them"),
    ],
)
def test_an_unknown_rule_is_an_error(
    name: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hint in error_of(["explain", name], capsys)


def test_an_unknown_group_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert "CAS" in error_of(["rules", "cas"], capsys)


def error_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a wrong command line prints."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    output, errors = capsys.readouterr()
    assert (ended.value.code, output) == (2, "")
    return errors


def test_explain_works_without_docstrings(capsys: pytest.CaptureFixture[str]) -> None:
    stripped = subprocess.run(
        [sys.executable, "-OO", SCRIPT, "explain", "ERR-11"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert stripped.stdout == shown(capsys, "explain", "ERR-11")


def test_a_reader_may_stop_early() -> None:
    with subprocess.Popen([SCRIPT, "rules"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.close()
        assert run.stderr is not None
        assert run.stderr.read() == b""
    assert run.returncode == 0


def test_any_terminal_can_show_it() -> None:
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    run = subprocess.run([SCRIPT, "explain", "PUT-1"], env=ascii_only, capture_output=True)
    assert (run.returncode, run.stderr) == (0, b"")
    assert rb"INSERT \u2026 ON CONFLICT" in b" ".join(run.stdout.split())


def test_what_the_kit_knows_of_the_mutants_is_up_to_date() -> None:
    remedy = "run `python tests/generate_docs.py mutants`"
    assert PAGE.read_text(encoding="utf-8") == mutants_file(), remedy
