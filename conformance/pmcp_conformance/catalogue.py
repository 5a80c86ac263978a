"""The catalogue: what a rule is, and how the functions of `contract/` enter it.

One rule is one function, marked `@rule("CAS-2")`, whose docstring's first sentence is the rule.
Ids are for ever: a rule may be worded better, but its id never changes its meaning. How a rule is
run is left to `engine`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pmcp_conformance.engine.trial import Trial
    from pmcp_conformance.target import BackendTarget

CONTRACT_VERSION = "1.0"

GROUPS = (
    "GET",
    "CRE",
    "PUT",
    "CAS",
    "DEL",
    "LIST",
    "KEY",
    "VAL",
    "ISO",
    "EXP",
    "ERR",
    "RES",
    "MOD",
    "CON",
    "DUR",
    "FLT",
    "STORE",
)
"""The prefixes of the rules' ids, in the order in which the groups run."""

Check = Callable[["Trial"], None]


@dataclass(frozen=True)
class Rule:
    """A rule of the contract: its id, its sentence, its check, and what a target needs for it."""

    id: str
    sentence: str
    check: Check
    facts: tuple[str, ...]
    back_doors: tuple[str, ...]
    parts: int
    main_thread: bool

    @property
    def item_names(self) -> list[str]:
        """The names of the rule's items: its id, or one for each part."""
        return [self.id] if self.parts == 1 else [f"{self.id}[{n}]" for n in range(self.parts)]

    def why_not_applicable(self, target: BackendTarget) -> str | None:
        """The fact of this target by which the rule does not concern it; None if it does."""
        for fact in self.facts:
            value = getattr(target, _attribute(fact))
            if bool(value) == _is_negated(fact):
                return _opposite(fact, value)
        return None

    def why_unproven(self, target: BackendTarget) -> str | None:
        """The back doors that the target lacks for the rule to be checked; None if none."""
        missing = [name for name in self.back_doors if not target.offers(name)]
        return f"no {', '.join(missing)}" if missing else None

    def declared_facts(self, target: BackendTarget) -> str:
        """The facts by which the rule concerns the target, as the target declares them."""
        names = (_attribute(fact) for fact in self.facts)
        return ", ".join(f"{name} = {getattr(target, name)}" for name in names)


_NEGATION = "not "


def _is_negated(fact: str) -> bool:
    return fact.startswith(_NEGATION)


def _attribute(fact: str) -> str:
    return fact.removeprefix(_NEGATION)


def _opposite(fact: str, value: object) -> str:
    """What holds where a fact does not: `not durable`, `native expiry`, `no storage limit bytes`"""
    words = _attribute(fact).replace("_", " ")
    if _is_negated(fact):
        return words
    return f"no {words}" if value is None else f"not {words}"


_catalogue: dict[str, Rule] = {}


def rule(
    id: str,
    *,
    facts: tuple[str, ...] = (),
    back_doors: tuple[str, ...] = (),
    parts: int = 1,
    main_thread: bool = False,
) -> Callable[[Check], Check]:
    """Enter a function into the catalogue; its docstring's first sentence is the rule.

    `facts` are attributes of the target that must hold, or must not (`"not native_expiry"`);
    `back_doors` are those that the check uses. A long rule is split into several `parts`, so that
    xdist can spread them; the function sees `trial.part`. A rule that needs the `main_thread` runs
    without the watchdog, which would have to wait in that thread itself.

    Raises ValueError for an id that is taken, and for a docstring that does not begin with a
    sentence.
    """

    def enter(check: Check) -> Check:
        if id in _catalogue:
            raise ValueError(f"rule {id} is defined twice")
        sentence = " ".join((check.__doc__ or "").split("\n\n")[0].split())
        if not sentence.endswith("."):
            raise ValueError(f"rule {id}: the docstring must begin with the rule's sentence")
        _catalogue[id] = Rule(id, sentence, check, facts, back_doors, parts, main_thread)
        return check

    return enter


@cache
def catalogue() -> dict[str, Rule]:
    """All rules by id, in the order in which they run: by group, and by number within it.

    A rule is found wherever it stands below `contract`: CAS-2 in `rules_cas`, CON-8 in
    `rules_con.con_8`.
    """
    contract = import_module("pmcp_conformance.contract")
    for module in walk_packages(contract.__path__, f"{contract.__name__}."):
        import_module(module.name)
    return {rule_id: _catalogue[rule_id] for rule_id in sorted(_catalogue, key=_position)}


def _position(rule_id: str) -> tuple[int, int]:
    group, _, number = rule_id.partition("-")
    return GROUPS.index(group), int(number)
