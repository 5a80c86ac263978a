"""What docs/contract.md says, made from the rules; `tests/generate_docs.py` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pmcp_conformance.catalogue import CONTRACT_VERSION, Rule, catalogue

PAGE = Path(__file__).parents[2] / "docs" / "contract.md"

_INTRODUCTION = f"""\
# The contract of a storage backend, version {CONTRACT_VERSION}

Each point is one rule, checked by one function of the conformance kit; this page is made from those
functions. An id never changes its meaning. In brackets is what a rule needs: a fact that the target
declares, or a back door that it offers. Without the fact the rule is not applicable, without the
back door it is unproven. `since` is the version that brought the rule, if not the first one.

Below a rule stands why it matters, a real bug that it would have caught, where one with a public
source is known, and what usually mends a backend that breaks it. `pmcp-conformance explain CAS-4`
shows this for one rule, together with its mutants, the broken backends that prove that it can fail;
`pmcp-conformance rules` lists the rules alone.

**Versions restart after a delete** (CRE-3, PUT-7), and the ABA problem follows from that. A
compare-and-swap with a version from before a delete succeeds if the key has been created again and
has reached that number, although it is another record. A delete or a create that the transport
repeats after a lost answer may act twice around another's: the second delete removes what somebody
else has created since, the second create brings back what somebody else has deleted since. And an
error that otherwise means that nothing was written can then be wrong, because the version no longer
shows that the write was once there. All of this takes a key that is used twice. The ids that
`GenericTaskStore` mints never repeat; if you choose ids yourself, do not reuse them.
"""


def contract_page() -> str:
    """The page in Markdown."""
    return _INTRODUCTION + "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    group = ""
    for rule in catalogue().values():
        name = rule.id.partition("-")[0]
        if name != group:
            yield f"\n## {name}\n"
            group = name
        yield f"- **{rule.id}** {_plain(rule.sentence)}{_needs(rule)}"
        yield from _explanation(rule)


def _explanation(rule: Rule) -> Iterator[str]:
    told = rule.explanation
    yield f"  - *Why:* {_plain(told.why)}"
    if told.real_bug:
        yield f"  - *Real bug:* {_plain(told.real_bug)} ([source]({told.source}))"
    yield f"  - *Mend:* {_plain(told.mend)}"
    if told.facts:
        yield f"  - *Facts:* {_plain(told.facts)}"


def _needs(rule: Rule) -> str:
    wanted = [fact.replace("_", " ") for fact in rule.facts] + list(rule.back_doors)
    if rule.since != "1.0":
        wanted.append(f"since {rule.since}")
    return f" [{', '.join(wanted)}]" if wanted else ""


def _plain(text: str) -> str:
    """Text in which Markdown does not take `__cause__` for emphasis."""
    return text.replace("__", r"\_\_")
