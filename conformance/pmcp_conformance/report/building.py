"""The document of a run, from what is known of it, of its targets, and of where it took place."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import metadata

from pmcp_conformance.catalogue import Rule, catalogue, contract_at
from pmcp_conformance.report.diagnosis import causes
from pmcp_conformance.report.model import (
    BackendResult,
    Finding,
    Platform,
    Report,
    RuleResult,
    Run,
    Start,
)
from pmcp_conformance.report.results import Outcome, Result
from pmcp_conformance.report.verdicts import RunReport, TargetReport
from pmcp_conformance.target import BackendTarget
from pmcp_storage import __version__

Fact = bool | int | float | str | None

_LIBRARIES = (
    "pytest",
    "pytest-xdist",
    "boto3",
    "pynamodb",
    "redis",
    "psycopg",
    "asyncpg",
    "sqlalchemy",
    "pymongo",
    "py-key-value-aio",
)
"""Packages whose versions a report names, where they are installed."""


@dataclass(frozen=True)
class TargetDescription:
    """What a target says of itself."""

    facts: Mapping[str, Fact]
    back_doors: Mapping[str, bool]
    file: str = ""
    """Where it was loaded from; empty for a shipped one."""

    @classmethod
    def of(cls, target: BackendTarget, file: str = "") -> TargetDescription:
        """Ask a target; what it fails to answer counts as not offered, or is named as an error."""
        needed = {name for rule in catalogue().values() for name in rule.back_doors}
        return cls(
            {name: _fact(target, name) for name in _FACTS},
            {name: _offers(target, name) for name in sorted(needed)},
            file,
        )


_FACTS = [
    name
    for name in BackendTarget.__annotations__
    if name not in ("name", "named")  # which say nothing of the storage
]


def report_of(
    run: RunReport, targets: Mapping[str, TargetDescription], started: datetime, seed: int
) -> Report:
    """The document of a run that began at `started` and ends now."""
    about = Run(
        kit=__version__,
        contract=run.contract.version,
        newest_contract=contract_at().version,
        started=started,
        seconds=(datetime.now(started.tzinfo) - started).total_seconds(),
        seed=seed,
        platform=this_platform(),
    )
    return Report(
        backends=[_backend(run, run.targets[name], targets[name], about) for name in run.targets]
    )


def this_platform() -> Platform:
    """Where this process runs."""
    return Platform(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        system=f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        packages=dict(_installed(_LIBRARIES)),
    )


def _backend(
    run: RunReport, target: TargetReport, described: TargetDescription, about: Run
) -> BackendResult:
    rules = list(_rule_results(run, target))
    cause = next(causes(rules), None)
    return BackendResult(
        name=target.name,
        label=target.name,
        run=about,
        verdict=target.verdict,
        file=described.file,
        facts=dict(described.facts),
        back_doors=dict(described.back_doors),
        problems=list(target.problems),
        start=Start(rule=cause.start, explains=len(cause.explains)) if cause else None,
        diagnoses=cause.diagnoses if cause else [],
        rules=rules,
    )


def _rule_results(run: RunReport, target: TargetReport) -> Iterator[RuleResult]:
    results, calls = target.results, target.calls
    for rule in run.contract.rules.values():
        nothing = Result(target.name, rule.id, Outcome.NOT_SELECTED)
        result = results.get(rule.id, nothing)
        known = result.known or run.known.reason(target.name, rule.id)
        yield _rule_result(rule, result, known, calls[rule.id])


def _rule_result(rule: Rule, result: Result, known: str, calls: int) -> RuleResult:
    return RuleResult(
        id=rule.id,
        group=rule.group,
        since=rule.since,
        sentence=rule.sentence,
        outcome=result.outcome,
        reason=result.reason,
        details=result.details,
        blocked_by=result.blocked_by,
        known=known,
        seconds=round(result.seconds, 6),
        calls=calls,
        finding=_finding(result),
    )


def _finding(result: Result) -> Finding | None:
    if result.finding is None:
        return None
    finding = Finding(**asdict(result.finding))
    if result.outcome is Outcome.FAILED:
        return finding
    return finding.model_copy(update={"calls": None})  # those of the rule that fails will do


def _fact(target: BackendTarget, name: str) -> Fact:
    try:
        value = getattr(target, name)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.__name__ if isinstance(value, type) else repr(value)


def _offers(target: BackendTarget, back_door: str) -> bool:
    try:
        return target.offers(back_door)
    except Exception:
        return False


def _installed(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in names:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
