"""Known failures: a file of rules that a backend is known to break, each with a reason.

    # backend::RULE: reason, or RULE: reason for every backend
    mine::LIST-8: pages end at 1 MB, ticket 123

With `--pmcp-known-failures FILE` these failures no longer fail the run, though the verdict stays
NOT CONFORMANT. A listed rule that passes fails the run, so that no entry outlives its reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.report.results import FAILURES, Result

_ENTRY = re.compile(r"(?:(?P<backend>[\w.-]+)::)?(?P<rule>[A-Z]+-\d+)\s*:(?P<reason>.*)")


class KnownFailuresError(ValueError):
    """The file cannot be read or has an entry that means nothing; the message names the line."""


@dataclass(frozen=True)
class KnownFailures:
    """The entries of a file; without a file there are none."""

    path: Path | None = None
    reasons: dict[tuple[str | None, str], str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> KnownFailures:
        """The entries of this file. Raises KnownFailuresError."""
        reasons: dict[tuple[str | None, str], str] = {}
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise KnownFailuresError(f"cannot read known failures from {path}: {error}") from error
        for number, line in enumerate(lines, start=1):
            text = line.strip()
            if text and not text.startswith("#"):
                key, reason = _entry(text, f"{path}:{number}")
                if key in reasons:
                    raise KnownFailuresError(f"{path}:{number}: {text!r} is listed twice")
                reasons[key] = reason
        return cls(path, reasons)

    def reason(self, backend: str, rule_id: str) -> str:
        """Why this backend is known to break this rule; empty if it is not."""
        for key in ((backend, rule_id), (None, rule_id)):
            if key in self.reasons:
                return self.reasons[key]
        return ""

    def marked(self, result: Result) -> Result:
        """The result, with the reason why it was expected if it is a known failure.

        What a known failure blocks is known as well.
        """
        if result.outcome not in FAILURES:
            return result
        known = self.reason(result.target, result.rule)
        return replace(result, known=known or self.reason(result.target, result.blocked_by))


def _entry(text: str, place: str) -> tuple[tuple[str | None, str], str]:
    match = _ENTRY.fullmatch(text)
    if match is None:
        raise KnownFailuresError(
            f"{place}: {text!r} is not of the form 'RULE: reason' or 'backend::RULE: reason'"
        )
    if match["rule"] not in catalogue():
        raise KnownFailuresError(f"{place}: the contract has no rule {match['rule']}")
    reason = match["reason"].strip()
    if not reason:
        raise KnownFailuresError(f"{place}: {match['rule']} needs a reason behind the colon")
    return (match["backend"], match["rule"]), reason
