"""docs/matrix.md: groups of rules x what people use, and what each failure would do to a user."""

from __future__ import annotations

import re
import sysconfig
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from pmcp_conformance.report.marks import OUTCOME_MARKS
from pmcp_conformance.report.matrix import Tally, matrix, troubles
from pmcp_conformance.report.model import BackendResult, Report, RuleResult
from pmcp_conformance.report.results import Outcome
from support import engines

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "matrix.md"
PICTURE = PAGE.with_suffix(".svg")
SENTENCES = ROOT / "tests" / "matrix.toml"

Sentences = Mapping[str, Mapping[str, str]]
"""By the label of a backend, and then by rules or groups: `CON-2 CON-5` or `FLT`."""

_LIBRARIES = ("boto3", "psycopg", "py-key-value-aio", "pynamodb", "redis", "SQLAlchemy")
_ENGINES = (engines.DYNAMODB_LOCAL, engines.MINISTACK, engines.MOTO, engines.DYNALITE)
_MARK_WORDS = {
    Outcome.FAILED: "rules fail",
    Outcome.BLOCKED: "are not judged, because one that they build on fails",
    Outcome.NOT_RUN: "did not run",
    Outcome.INCONCLUSIVE: "could not be judged",
    Outcome.UNPROVEN: "need a back door that the target does not offer",
    Outcome.PASSED: "all pass",
    Outcome.NOT_APPLICABLE: "none applies",
}

_NAMED_PATHS = {
    sysconfig.get_path("purelib"): "site-packages",
    sysconfig.get_path("stdlib"): "python",
    f"{ROOT}/": "",
}

_HEAD = """\
# What people use today

The contract, version {contract}, on the backends of this project and on adapters over libraries
that people would reach for. The adapters, in `examples/adapters/`, are written as one writes them
in an afternoon: honest, idiomatic, and not with the contract in hand. [matrix.html](matrix.html),
to be opened in a browser, has every rule with what it found. `tests/matrix.py` made both.

- libraries: {libraries}
- engines: {engines}

A cell shows the worst of a group of rules, and how many have it: {legend}."""


def read_sentences() -> Sentences:
    """What `matrix.toml` says."""
    return tomllib.loads(SENTENCES.read_text(encoding="utf-8"))


def published(report: Report) -> Report:
    """The report without the paths of the machine that it was made on."""
    text = report.model_dump_json()
    for path, name in _NAMED_PATHS.items():
        text = text.replace(path, name)
    return Report.model_validate_json(text)


def matrix_page(report: Report, adapters: Collection[str], sentences: Sentences) -> str:
    """The page; `adapters` names the targets that go into a table of their own."""
    ours = [backend for backend in report.backends if backend.name not in adapters]
    theirs = [backend for backend in report.backends if backend.name in adapters]
    parts = [
        _head(report),
        "## The backends of this project",
        _table(ours),
        "## The adapters",
        _table(theirs),
        "## What the failures would do to a user",
        *(_failures(backend, sentences) for backend in report.backends if _failed(backend)),
        *_unjudged(report.backends),
    ]
    return "\n\n".join(parts) + "\n"


def cell_text(tally: Tally) -> str:
    """What says most, and of what is not just passed or left out, how much there is of it."""
    outcome, count = tally.shares[0]
    quiet = outcome in (Outcome.PASSED, Outcome.NOT_APPLICABLE)
    return OUTCOME_MARKS[outcome] + ("" if quiet else f" {count}")


def unexplained(report: Report, sentences: Sentences) -> list[str]:
    """The failing rules that have no sentence."""
    return [
        f"{backend.label} {rule.id}"
        for backend in report.backends
        for rule in _failed(backend)
        if _key(rule, sentences.get(backend.label, {})) is None
    ]


def _head(report: Report) -> str:
    return _HEAD.format(
        contract=report.backends[0].run.contract,
        libraries=", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
        engines=", ".join(
            re.sub(r"\[.*\]|=+|@", " ", pinned).replace("  ", " ") for pinned in _ENGINES
        ),
        legend=", ".join(
            f"{OUTCOME_MARKS[outcome]} {word}" for outcome, word in _MARK_WORDS.items()
        ),
    )


def _table(backends: Sequence[BackendResult]) -> str:
    report = Report(backends=list(backends))
    lines = [
        ["", *(backend.label for backend in backends)],
        ["---", *[":-:"] * len(backends)],
        ["", *(f"**{backend.verdict}**" for backend in backends)],
        *([group.name, *map(cell_text, group.columns)] for group in matrix(report)),
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _failed(backend: BackendResult) -> list[RuleResult]:
    return [rule for rule in backend.rules if rule.outcome is Outcome.FAILED]


def _failures(backend: BackendResult, sentences: Sentences) -> str:
    """A line for each sentence, with the rules that it is about."""
    own = sentences.get(backend.label, {})
    rules = dict[str, list[str]]()
    for rule in _failed(backend):
        rules.setdefault(_key(rule, own) or rule.id, []).append(rule.id)
    lines = [f"- **{', '.join(ids)}**: {own.get(key, '?')}" for key, ids in rules.items()]
    return "\n".join([f"### {backend.label}", "", *lines])


def _key(rule: RuleResult, own: Mapping[str, str]) -> str | None:
    """The key of the sentence on a rule: its own, or else its group's."""
    for name in (rule.id, rule.group):
        for key in own:
            if name in key.split():
                return key
    return None


def _unjudged(backends: Sequence[BackendResult]) -> Iterator[str]:
    lines = [f"- {backend.label}: {line}" for backend in backends for line in troubles(backend)]
    if lines:
        yield "## What was not judged"
        yield "\n".join(lines)
