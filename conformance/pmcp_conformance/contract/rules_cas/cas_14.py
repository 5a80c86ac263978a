"""CAS-14: versions stay exact."""

from __future__ import annotations

from collections.abc import Iterable

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_cas.support import expect_conflict_at
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_entry, expect_returns, expect_stored, listed_entry
from pmcp_conformance.generators import corpus


@rule("CAS-14", back_doors=("plant",))
def versions_stay_exact(trial: Trial) -> None:
    """Versions stay exact up to 2^62.

    Why: Where versions pass through a double or 32 bits, neighbouring versions become equal, and a
    stale write is accepted. Imported or merged tables can start with such numbers.

    Real bug: RapidJSON reads a 64-bit integer that is written in scientific notation as a double,
    so that it loses digits beyond 2^53; ScyllaDB ran into it.
    (https://github.com/Tencent/rapidjson/issues/1997)

    Mend: 64-bit integers or exact decimals at rest, as parameter and in comparisons. In Lua and
    JavaScript compare and increment as strings or by HINCRBY, and keep JSON numbers out of the way.

    Facts: With integers = 2^53, versions up to that.
    """
    owner = trial.owner()
    planted_at = (2**31, 2**32 + 1, 2**53 - 4, 2**53, 2**53 + 1, 2**62 - 1)
    for version in exact_versions(trial, planted_at):
        planted = trial.record(owner, f"at {version}")
        trial.plant(owner, planted.task_id, planted.to_json(), version)
        expect_stored(trial, planted, version)
        expect_entry(listed_entry(trial, owner, planted.task_id), planted, version)
        for stale in (version - 1, version + 1):
            expect_conflict_at(trial, planted, stale, actual=version)
        record = trial.record(owner, planted.task_id)
        expect_returns(version + 1, trial.backend.put_if_version, record, version)
        expect_stored(trial, record, version + 1)
        if version + 1 < 2**62:
            again = trial.record(owner, planted.task_id)
            expect_returns(version + 2, trial.backend.put, again)


def exact_versions(trial: Trial, versions: Iterable[int]) -> list[int]:
    """Those that can grow by two within what the target's fact `integers` promises."""
    integers = trial.target.integers
    return [version for version in versions if corpus.values.is_exact(version + 2, integers)]
