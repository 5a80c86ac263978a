"""KEY-12: reserved names."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_key.support import expect_distinct_keys
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.generators import corpus


@rule("KEY-12")
def reserved_names(trial: Trial) -> None:
    """Names that a storage might reserve for itself (PK, SK, version, __meta__, _version, schema,
    idx) are ids like any other.

    Why: A task with an unlucky id damages the storage's own bookkeeping, or is missing from
    listings.

    Real bug: stale-while-revalidate-cache stored times under the user's key plus '_time', so a
    user's own key with that ending broke the revalidation of the other.
    (https://github.com/jperasmus/stale-while-revalidate-cache/pull/45)

    Mend: Keep bookkeeping in another table, key space or prefix than records, or give every
    record's key a prefix of its own; never filter listings by the look of an id.
    """
    expect_distinct_keys(trial, corpus.ids.RESERVED)
