"""CAS-10: expected versions below 1."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_listed, expect_raises, expect_stored


@rule("CAS-10", facts=("in_process",))
def expected_versions_below_1(trial: Trial) -> None:
    """An expected version below 1 raises ValueError and changes nothing.

    Why: No record has such a version, so it is always a caller's mistake, such as a default of 0.
    Taken for 'no condition', it overwrites a task blindly; taken for a conflict, it is retried for
    ever.

    Real bug: Spring Data JPA 1.6.1 regarded an entity whose primitive version was 0 as new and
    tried to insert it, though the stored record was at version 0.
    (https://github.com/spring-projects/spring-data-jpa/issues/957)

    Mend: Leave the check to the public method of the base class. In your code compare with is None
    instead of truth, and give 0 and -1 no special meaning.
    """
    owner = trial.owner()
    record = trial.store_record(owner)
    for expected in (0, -1, -(2**63)):
        for task_id in ("task", "absent"):
            expect_raises(
                ValueError, trial.backend.put_if_version, trial.record(owner, task_id), expected
            )
    expect_stored(trial, record, 1)
    expect_listed(trial, owner, record)
