"""`pmcp-conformance reproduce run.json CAS-2`: a script that shows the violation without pytest."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pmcp_conformance.report.formats import ReportFileError, read
from pmcp_conformance.report.matrix import failures
from pmcp_conformance.report.model import BackendResult, CallsMade, RuleResult
from pmcp_conformance.report.results import FAILURES
from pmcp_conformance.report.scripts import why_no_script
from pmcp_conformance.reproduction.loading import load_target
from pmcp_conformance.reproduction.plain import check_plain
from pmcp_conformance.reproduction.replay import opened
from pmcp_conformance.reproduction.script import script
from pmcp_conformance.reproduction.shrinking import Shrinking, Step

HELP = "write a script of plain calls that shows the violation of a failed rule, without pytest"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this subcommand takes."""
    parser.add_argument("report", type=Path, metavar="REPORT.json", help="of the run that failed")
    parser.add_argument("rule", metavar="RULE", help="that failed, such as CAS-4")
    parser.add_argument("--backend", metavar="NAME", help="where the rule failed on several")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="to write the script to")


def run(options: argparse.Namespace) -> None:
    """Write the script, or print how else the rule is repeated. Raises ReportFileError."""
    backend, rule = _failed(options)
    if other := _other_way(backend, rule):
        print(other)
        return
    assert rule.finding
    assert rule.finding.calls
    steps, why = _steps(backend, rule, rule.finding.calls)
    if not steps:
        print(_again(why, backend, rule))
        return
    text = script(backend, rule, rule.finding, rule.finding.calls, steps)
    if options.output:
        _write(options.output, text)
    else:
        print(text, end="")


def _failed(options: argparse.Namespace) -> tuple[BackendResult, RuleResult]:
    """The backend and the result that the command line means. Raises ReportFileError."""
    found = [
        (backend, rule)
        for backend in read(options.report).backends
        for rule in backend.rules
        if rule.id == options.rule
        and options.backend in (None, backend.label)
        and rule.outcome in FAILURES
    ]
    if not found:
        raise ReportFileError(_not_failed(options))
    if len(found) > 1:
        names = ", ".join(backend.label for backend, _ in found)
        raise ReportFileError(f"{options.rule} failed on {names}: name one with --backend")
    return found[0]


def _not_failed(options: argparse.Namespace) -> str:
    """That the rule has not failed, and which ones have."""
    failed = [
        f"{backend.label}: {', '.join(rule.id for rule in rules)}"
        for backend in read(options.report).backends
        if (rules := failures(backend))
    ]
    others = f"those that have are {'; '.join(failed)}" if failed else "neither has any other"
    return f"{options.report}: {options.rule} has not failed there; {others}"


def _other_way(backend: BackendResult, rule: RuleResult) -> str:
    """How the rule is repeated where no script can; empty where one may."""
    finding = rule.finding
    if rule.blocked_by:
        return f"{rule.id} is blocked by {rule.blocked_by}: reproduce that one first."
    if finding and finding.history:
        return (
            f"No script: {rule.id} is about calls at the same time. What the clients saw is in a "
            f"file, and checked again with\n  python -m pmcp_conformance.history {finding.history}"
        )
    why = why_no_script(rule.id, finding.calls if finding else None)
    return _again(why, backend, rule) if why else ""


def _again(why: str, backend: BackendResult, rule: RuleResult) -> str:
    observed = f" It observed {rule.finding.observed}." if rule.finding else ""
    named = "" if backend.file else f"--pmcp-backend {backend.name} "
    seed = f" --pmcp-seed {backend.run.seed}" if backend.run.seed else ""
    return (
        f"No script: {why}.{observed} Run the rule again with\n"
        f"  pytest -p pmcp_conformance {named}{backend.name}::{rule.id}{seed}"
    )


def _steps(backend: BackendResult, rule: RuleResult, made: CallsMade) -> tuple[list[Step], str]:
    """The steps of a script, or why there can be none. Raises ReportFileError."""
    try:
        check_plain(made)
    except (ValueError, SyntaxError) as error:
        raise ReportFileError(f"the calls of {rule.id} are not the kit's: {error}") from error
    limit = backend.facts.get("storage_limit_bytes")
    shrinking = Shrinking(made, limit if isinstance(limit, int) else None)
    if not shrinking.steps:
        return [], "no plain call shows what the rule found"
    try:
        with opened(load_target(backend.name, backend.file)) as target:
            again = shrinking.shrink(target)
    except Exception as error:
        note = f"the script has all calls, for they could not be made again here: {error}"
        print(f"pmcp-conformance: {note}", file=sys.stderr)
        return shrinking.steps, ""
    if not again:
        return [], "its calls, made again now, do not show it: more has led there, or it is mended"
    return shrinking.steps, ""


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ReportFileError(f"{file} cannot be written: {error}") from error
