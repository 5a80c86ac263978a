"""VAL-6: nesting."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_val.support import expect_round_trip
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.generators import corpus


@rule("VAL-6")
def nesting(trial: Trial) -> None:
    """Nesting 64 levels deep comes back equal.

    Why: Deep results, such as syntax trees or nested configurations, cannot be stored or come back
    flattened to text.

    Mend: Store text, whose nesting the storage does not see. Where a parser or document format
    limits the depth, do not parse the record there.

    Facts: With a smaller max_nesting, that many levels.
    """
    for kinds in ((list,), (dict,), (list, dict)):
        levels = min(64, trial.target.max_nesting)
        members = {"value": corpus.values.nested(levels - 2, by=kinds)}
        deepest = corpus.values.nested(levels, by=kinds)
        expect_round_trip(trial, variables=members, result=deepest, meta=members)
