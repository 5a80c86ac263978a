"""A report as one HTML page that needs nothing else: no network, no other file.

What is on it stands in `page.html`, how it looks in `page.css`. Without scripts it is a page of
tables and links, each of which opens the details of one rule; `page.js` adds filters and keys.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from pmcp_conformance.report.marks import OUTCOME_MARKS, OUTCOME_MEANINGS, VERDICT_MARKS
from pmcp_conformance.report.matrix import Tally, failures, matrix, troubles
from pmcp_conformance.report.model import BackendResult, Report
from pmcp_conformance.report.results import FAILURES, Outcome
from pmcp_conformance.report.verdicts import Verdict

_FOLDER = Path(__file__).parent

_FEW = 3
"""Backends, of which even a narrow screen has room for the rules' sentences."""


def page(report: Report) -> str:
    """The page as HTML."""
    style, script = _part("page.css"), _part("page.js")
    conformant = [b for b in report.backends if b.verdict is Verdict.CONFORMANT]
    return _template().render(
        backends=[_View(backend, slug) for backend, slug in _with_slugs(report)],
        groups=matrix(report),
        tally=Tally.of(rule for backend in report.backends for rule in backend.rules),
        conformant=len(conformant),
        contracts=sorted({backend.run.contract for backend in report.backends}),
        few=len(report.backends) <= _FEW,
        failures=FAILURES,
        marks=OUTCOME_MARKS,
        meanings=OUTCOME_MEANINGS,
        verdict_marks=VERDICT_MARKS,
        style=style,
        script=script,
        policy=f"default-src 'none'; img-src data:; style-src {_hash(style)}; "
        f"script-src {_hash(script)}",
    )


class _View:
    """A backend as the page shows it."""

    def __init__(self, backend: BackendResult, slug: str) -> None:
        self.result = backend
        self.slug = slug
        """What the links to its rules begin with."""
        self.tally = Tally.of(backend.rules)
        self.known = len([rule for rule in failures(backend) if rule.known])
        self.troubles = troubles(backend)
        self._failures = [rule.id for rule in failures(backend)]

    def neighbours(self, rule_id: str) -> tuple[str, str]:
        """The failing rules before and after this failing one; empty where there is none."""
        around = ["", *self._failures, ""]
        at = around.index(rule_id)
        return around[at - 1], around[at + 1]

    @property
    def bar(self) -> list[tuple[Outcome, int, int]]:
        """The outcomes as parts of a bar: where each begins, and how long it is."""
        parts, begin = [], 0
        for outcome, count in self.tally.shares:
            parts.append((outcome, begin, count))
            begin += count
        return parts


def _with_slugs(report: Report) -> list[tuple[BackendResult, str]]:
    """Each backend with a word for its links that no other has."""
    slugs = list[str]()
    seen = Counter[str]()
    for backend in report.backends:
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", backend.label).strip("-")
        seen[slug] += 1
        slugs.append(slug if seen[slug] == 1 else f"{slug}--{seen[slug]}")
    return list(zip(report.backends, slugs, strict=True))


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["name"] = lambda outcome: outcome.replace(" ", "-").lower()
    environment.filters["seconds"] = _seconds
    return environment.get_template("page.html")


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


@cache
def _part(name: str) -> Markup:
    return Markup(_FOLDER.joinpath(name).read_text(encoding="utf-8"))


def _hash(text: str) -> str:
    """By which the browser knows this text from any other, which it does not run."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
