"""CON-3: puts share out versions."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_con.support import (
    CONTENDERS,
    ROUNDS,
    contend,
    racing_record,
    succeeded,
)
from pmcp_conformance.contract.support import overlap_in_server, race_numbers
from pmcp_conformance.engine.attempt import Attempt, Call, explained
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.exploration import explore_overlaps
from pmcp_storage import NotFoundError, StorageBackend


@rule("CON-3")
def puts_share_out_versions(trial: Trial) -> None:
    """Concurrent puts of one key return versions none of which is returned twice and none of which
    is skipped.

    Why: Two writers get the same version: each takes the stored record for its own, and a later
    compare-and-swap destroys the other's work unnoticed.

    Real bug: In Google's ADK for Go the GCS artifact service chose max(version)+1 and then wrote:
    two saves at once got the same number, and the second overwrote the first.
    (https://github.com/google/adk-go/pull/1172)

    Mend: Increment in the write itself (SET version = version + 1 … RETURNING version) and return
    what it says. Or keep the base class's _put, which reads and swaps. Draw no number that the
    write may not use.
    """
    owner = trial.owner()
    spread = contenders(trial, CONTENDERS)

    def puts(key: str, race: int = 1) -> list[Call]:
        return [partial(handle.put, racing_record(trial, owner, key, race)) for handle in spread]

    def overwrites(key: str) -> list[Call]:
        trial.store_record(owner, f"present, {key}")
        return puts(f"present, {key}")[:2]

    def two_puts(by: StorageBackend, key: str) -> list[Call]:
        return [partial(by.put, trial.record(owner, key)) for _ in range(2)]

    def check(key: str, attempts: list[Attempt]) -> None:
        check_versions(attempts, 0, stored_version(trial, owner, key))

    def check_present(key: str, attempts: list[Attempt]) -> None:
        check_versions(attempts, 1, stored_version(trial, owner, f"present, {key}"))

    explore_overlaps(trial, lambda key: puts(key)[:2], check)
    explore_overlaps(trial, overwrites, check_present)
    overlap_in_server(trial, two_puts, check)
    for number in race_numbers(trial, ROUNDS // 2):
        key = f"round {number}"
        check(key, contend(trial, number, puts(key, number)))


def stored_version(trial: Trial, owner: str, key: str) -> int:
    """The version of the record; 0 if there is none."""
    try:
        return trial.backend.get(owner, key).version
    except NotFoundError:
        return 0


def check_versions(attempts: list[Attempt], before: int, stored: int) -> None:
    """Puts of a key at version `before`, or 0 if absent, returned the next ones in any order."""
    versions = sorted(attempt.result for attempt in succeeded(attempts))
    unknown = sum(attempt.unknown for attempt in attempts)
    lines, written = explained(attempts), stored - before
    if len(set(versions)) < len(versions):
        raise Violation("each version returned once", f"versions {versions}", lines)
    if not len(versions) <= written <= len(versions) + unknown or stored < max(versions, default=0):
        observed = f"versions {versions} after {before}, stored {stored}, {unknown} unknown"
        raise Violation("no version skipped", observed, lines)
