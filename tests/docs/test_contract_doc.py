"""docs/contract.md is written from the rules; `python tests/test_contract_doc.py` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pmcp_conformance.catalogue import CONTRACT_VERSION, Rule, catalogue

DOC = Path(__file__).parents[2] / "docs" / "contract.md"

INTRODUCTION = f"""# The contract of a storage backend, version {CONTRACT_VERSION}

Each line is one rule, checked by one function of the conformance kit; this page is made from those
functions. An id never changes its meaning. In brackets stands what a rule needs: a fact that the
target declares, or a back door that it offers. Without the fact the rule is not applicable, without
the back door it is unproven.
"""


def lines() -> Iterator[str]:
    group = ""
    for rule in catalogue().values():
        name = rule.id.partition("-")[0]
        if name != group:
            yield f"\n## {name}\n"
            group = name
        yield f"- **{rule.id}** {rule.sentence}{needs(rule)}"


def needs(rule: Rule) -> str:
    wanted = [fact.replace("_", " ") for fact in rule.facts] + list(rule.back_doors)
    return f" [{', '.join(wanted)}]" if wanted else ""


def document() -> str:
    return INTRODUCTION + "\n".join(lines()) + "\n"


def test_the_page_says_what_the_rules_say() -> None:
    assert DOC.read_text(encoding="utf-8") == document(), f"write it anew: python {__file__}"


if __name__ == "__main__":
    DOC.write_text(document(), encoding="utf-8")
