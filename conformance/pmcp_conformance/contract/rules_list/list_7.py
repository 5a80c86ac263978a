"""LIST-7: paging from where there is nothing."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect


@rule("LIST-7")
def after_an_absent_id(trial: Trial) -> None:
    """With `after` an id that does not exist, a listing continues where that id would be.

    Why: The last task of a page is deleted or expires before the next page is fetched, which is
    normal. If the listing then starts over or ends, the client loops or misses the rest.

    Real bug: Prisma's cursor pagination looks the cursor's record up, and returns nothing if that
    record no longer exists, although there are more. (https://github.com/prisma/orm/issues/8560)

    Mend: Compare with the id's value (task_id < after); never look the cursor's row up, by equality
    or by prefix. In DynamoDB a made-up ExclusiveStartKey does it.
    """
    owner = trial.owner()
    ids = ["b", "bb", "d", "f"]
    for task_id in ids:
        trial.store_record(owner, task_id)
    trial.store_record(owner, "e")
    with premise("DEL-1"):
        trial.backend.delete(owner, "e")
    absent = ["a", "ba", "bbb", "c", "e", "g", "B", "\U0010ffff", "\x01", "b\x01", "d\U0010ffff"]
    for after in absent:
        expected = sorted((task_id for task_id in ids if task_id < after), reverse=True)
        for limit in (2, 100):
            page = trial.backend.list_by_owner(owner, limit=limit, after=after)
            found = [entry.record.task_id for entry in page]
            wanted = f"after {after!r}, limit={limit}: {expected[:limit]}"
            expect(found == expected[:limit], wanted, short(found))
