"""Reports with something of everything, for the tests of how reports look."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import cycle

from pmcp_conformance.catalogue import CONTRACT_VERSION, Rule, catalogue
from pmcp_conformance.report.model import (
    BackendResult,
    Diagnosis,
    Finding,
    Platform,
    Report,
    RuleResult,
    Run,
    Start,
)
from pmcp_conformance.report.results import FAILURES, Outcome
from pmcp_conformance.report.verdicts import Verdict

HOSTILE = "</script><img src=x onerror=alert(1)> `code` | ``` <b>*bold*</b> & \"'"
"""Markup of every kind that a report is made of."""

LONG = "0123456789abcdef" * 12

RUN = Run(
    kit="0.1.0",
    contract=CONTRACT_VERSION,
    newest_contract=CONTRACT_VERSION,
    started=datetime(2026, 11, 27, 12, 0, tzinfo=UTC),
    seconds=12.5,
    seed=0,
    platform=Platform(
        python="3.12.1",
        implementation="CPython",
        system="Linux 6.1",
        machine="x86_64",
        packages={"pytest": "9.0"},
    ),
)

FINDING = Finding(
    expected=HOSTILE,
    observed=f"no error: it returned {LONG}",
    operations=[
        "backend.create(record(A, 'task', 'working'))  # -> 1",
        f"backend.put(record(A, {LONG!r}, 'working'))  # -> 2",
        HOSTILE,
    ],
    declared="durable = True",
    place="store.py:41 in _put",
    traceback=f"Traceback (most recent call last):\n  File '{LONG}', line 1\nKeyError: 'task'\n",
)

TIMELINE = Finding(
    expected="a linearizable history",
    observed="lost record",
    operations=[f"0.00{n} to 0.01{n} ms  client {n}  get  {' ' * 20 * n}|---|" for n in range(6)],
    history="/tmp/pmcp-histories/CON-8.jsonl",
)


def conformant(name: str, label: str = "") -> BackendResult:
    """A backend that passes every rule but some that do not concern it, or are unproven."""
    few = {"DUR": Outcome.NOT_APPLICABLE, "FLT": Outcome.UNPROVEN}
    rules = [_result(rule, few.get(rule.group, Outcome.PASSED)) for rule in catalogue().values()]
    return _backend(name, label, Verdict.CONFORMANT, rules)


def broken(name: str, label: str = "") -> BackendResult:
    """A backend whose rules have every outcome there is, and about which there is much to say."""
    others = cycle([*Outcome, *[Outcome.PASSED] * 9])
    outcomes = {rule_id: next(others) for rule_id in catalogue()}
    outcomes |= dict.fromkeys(("GET-2", "CAS-2", "CON-8"), Outcome.FAILED)
    rules = [_result(rule, outcomes[rule.id]) for rule in catalogue().values()]
    return _backend(name, label, Verdict.NOT_CONFORMANT, rules).model_copy(
        update={
            "problems": [
                f"left behind: {name}: {HOSTILE}",
                *[f"CAS-{n}: {LONG}" for n in range(7)],
            ],
            "start": Start(rule="CAS-2", explains=6),
            "diagnoses": [Diagnosis(mutant="Ge", rule="CAS-2", what=HOSTILE, fit=0.93)],
        }
    )


def report(*backends: BackendResult) -> Report:
    return Report(backends=list(backends))


def fourteen() -> Report:
    """A report with as many backends as anybody will compare."""
    makers = cycle([conformant, broken, conformant])
    return report(*(next(makers)(f"backend-{n}", f"backend-{n} (linux/3.12)") for n in range(14)))


def _backend(name: str, label: str, verdict: Verdict, rules: list[RuleResult]) -> BackendResult:
    return BackendResult(
        name=name,
        label=label or name,
        run=RUN,
        verdict=verdict,
        facts={"durable": True, "storage_limit_bytes": None, "store_class": "GenericTaskStore"},
        back_doors={"plant": True, "address": False},
        rules=rules,
    )


def _result(rule: Rule, outcome: Outcome) -> RuleResult:
    finding = TIMELINE if rule.group == "CON" else FINDING
    return RuleResult(
        id=rule.id,
        group=rule.group,
        since=rule.since,
        sentence=rule.sentence,
        outcome=outcome,
        reason="" if outcome is Outcome.PASSED else "no plant",
        blocked_by="CAS-1" if outcome is Outcome.BLOCKED else "",
        known="ticket 123" if rule.id.endswith("-3") and outcome in FAILURES else "",
        seconds=0.012,
        calls=7,
        finding=finding if outcome in FAILURES else None,
    )
