"""The catalogue: what a rule is, and how the functions of `contract/` enter it.

One rule is one function, marked `@rule("CAS-2")`, whose docstring's first sentence is the rule. The
paragraphs that follow explain it: `Why:` it matters, a `Real bug:` that it would have caught, with
the address of a public source in parentheses, what usually helps to `Mend:` a backend, and which
part of the rule `Facts:` of a target take away.
Ids are for ever: a rule may be worded better, but its id never changes its meaning. How a rule is
run is left to `engine`.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pmcp_conformance.engine.trial import Trial
    from pmcp_conformance.target import BackendTarget

CONTRACT_VERSION = "1.2"

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
class Explanation:
    """Why a rule matters, a real bug that it would have caught, and what usually mends a backend.

    Where no bug with a public source is known, `real_bug` and `source` are empty.
    """

    why: str
    real_bug: str
    source: str
    mend: str
    facts: str
    """What of the rule a fact of the target takes away, where it does not take the whole."""


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
    alone: bool
    since: str
    """The contract version that brought it."""
    explanation: Explanation

    @property
    def group(self) -> str:
        """The prefix of its id."""
        return self.id.partition("-")[0]

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
    alone: bool = False,
    since: str = "1.0",
) -> Callable[[Check], Check]:
    """Enter a function into the catalogue; its docstring has the rule and what explains it.

    `facts` are attributes of the target that must hold, or must not (`"not native_expiry"`);
    `back_doors` are those that the check uses. A long rule is split into several `parts`, so that
    xdist can spread them; the function sees `trial.part`. A rule that needs the `main_thread` runs
    there, and the others in threads of their own. `since` is the contract version that brings the
    rule.

    Raises ValueError for an id that is taken, for a docstring that does not begin with a sentence,
    and for a version that is still to come.
    """

    def enter(check: Check) -> Check:
        if id in _catalogue:
            raise ValueError(f"rule {id} is defined twice")
        sentence, *paragraphs = _paragraphs(_docstring(check))
        if not sentence.endswith("."):
            raise ValueError(f"rule {id}: the docstring must begin with the rule's sentence")
        if _number(since) > _number(CONTRACT_VERSION):
            raise ValueError(f"rule {id}: contract version {since} is still to come")
        needs = (facts, back_doors, parts, main_thread, alone)
        _catalogue[id] = Rule(id, sentence, check, *needs, since, _explanation(paragraphs))
        return check

    return enter


def _docstring(check: Check) -> str:
    """The function's docstring, from its source where Python was told to do without (`-OO`)."""
    if check.__doc__ is not None:
        return check.__doc__
    [function] = ast.parse(inspect.getsource(check)).body
    assert isinstance(function, ast.FunctionDef)
    return ast.get_docstring(function) or ""


def _paragraphs(text: str) -> list[str]:
    """Its paragraphs, each in one line."""
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]


_LABELLED = re.compile(r"(Why|Real bug|Mend|Facts): (.+)")
_SOURCED = re.compile(r"(.+) \((https?://\S+)\)")


def _explanation(paragraphs: Iterable[str]) -> Explanation:
    """What the paragraphs that begin with a label say; the others are for who reads the code."""
    labelled = filter(None, map(_LABELLED.fullmatch, paragraphs))
    told = {match[1]: match[2] for match in labelled}
    bug = told.get("Real bug", "")
    sourced = _SOURCED.fullmatch(bug)
    text, source = sourced.groups() if sourced else (bug, "")
    return Explanation(
        told.get("Why", ""), text, source, told.get("Mend", ""), told.get("Facts", "")
    )


@cache
def catalogue() -> dict[str, Rule]:
    """All rules by id, in the order in which they run: by group, and by number within it.

    A rule is found wherever it stands below `contract`: PUT-2 in `rules_put`, CON-8 in
    `rules_con.con_8`.
    """
    contract = import_module("pmcp_conformance.contract")
    for module in walk_packages(contract.__path__, f"{contract.__name__}."):
        import_module(module.name)
    return {rule_id: _catalogue[rule_id] for rule_id in sorted(_catalogue, key=_position)}


@dataclass(frozen=True)
class Contract:
    """The rules of one version of the contract, by id, in the order in which they run."""

    version: str
    rules: dict[str, Rule]


def contract_at(version: str | None = None) -> Contract:
    """A version of the contract, the newest by default.

    Raises ValueError for a version that there is not.
    """
    rules = catalogue()
    known = sorted({CONTRACT_VERSION, *(rule.since for rule in rules.values())}, key=_number)
    if version is None:
        version = CONTRACT_VERSION
    elif version not in known:
        raise ValueError(f"there is no contract version {version}: this kit has {', '.join(known)}")
    held = {rule.id: rule for rule in rules.values() if _number(rule.since) <= _number(version)}
    return Contract(version, held)


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _position(rule_id: str) -> tuple[int, int]:
    group, _, number = rule_id.partition("-")
    return GROUPS.index(group), int(number)
