"""How rules are shown: in lines of at most 80 columns, which also read well in a pipe."""

from __future__ import annotations

from textwrap import fill

from pmcp_conformance.catalogue import Rule

_COLUMNS = 80
_ID_COLUMNS = len("STORE-99  ")
_FIRST_VERSION = "1.0"


def heading(rule: Rule) -> str:
    """A rule's id and sentence, and below them what it needs."""
    margin = " " * _ID_COLUMNS
    lines = [paragraph(rule.sentence, f"{rule.id:{_ID_COLUMNS}}", margin)]
    if needs := _needs(rule):
        lines.append(paragraph(f"[{needs}]", margin, margin))
    return "\n".join(lines)


def _needs(rule: Rule) -> str:
    needs = {
        "facts": ", ".join(rule.facts),
        "back doors": ", ".join(rule.back_doors),
        "since": "" if rule.since == _FIRST_VERSION else rule.since,
    }
    return "; ".join(f"{name}: {value}" for name, value in needs.items() if value)


def paragraph(text: str, first: str = "", others: str = "") -> str:
    """Text in lines, of which the first one and the others begin so; addresses stay whole."""
    return fill(
        text,
        _COLUMNS,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
