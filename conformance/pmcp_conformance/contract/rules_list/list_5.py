"""LIST-5: limits."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_list.support import HUGE
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect


@rule("LIST-5")
def a_limit(trial: Trial) -> None:
    """A listing with a limit returns the first `limit` entries of that order.

    Why: The client asks for its ten newest tasks and gets ten others, or eleven, which breaks
    layouts and limits on messages.

    Real bug: PynamoDB passed the caller's limit to DynamoDB, which counts items before a filter; it
    could go on past the limit until it became negative and the request was refused.
    (https://github.com/pynamodb/PynamoDB/issues/137)

    Mend: Order first, then limit, in the query (ORDER BY … LIMIT n). If you fetch one more to see
    whether there is another page, cut it off again.
    """
    owner = trial.owner()
    ids = sorted(
        (trial.store_record(owner, f"t{n}").task_id for n in (3, 1, 5, 2, 4)), reverse=True
    )
    for limit in (1, 2, 4, 5, 6, 1000, *HUGE):
        page = trial.backend.list_by_owner(owner, limit=limit)
        found = [entry.record.task_id for entry in page]
        expect(found == ids[:limit], f"with limit={limit}: {ids[:limit]}", short(found))
