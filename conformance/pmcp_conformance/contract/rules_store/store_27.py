"""STORE-27: cursors that the store did not give out, or not to this owner."""

from __future__ import annotations

import base64

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import expect_same, seed_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect_raises
from pmcp_storage import InvalidCursorError


@rule("STORE-27")
def wrong_cursors(trial: Trial) -> None:
    """A cursor that is damaged, made up or made for another owner raises InvalidCursorError before
    any request.

    Why: A client with a broken cursor that gets the first page again loops for ever or shows tasks
    twice. One that is believed although it was made up begins at an arbitrary place, or crashes the
    server, and hides the client's bug.

    Real bug: FastMCP accepted a pagination cursor with a negative offset and served a page from the
    end of the list; a text or a float in it became an internal error.
    (https://github.com/PrefectHQ/fastmcp/issues/5070)

    Mend: Give the cursor a version, a checksum and the owner, and decode strictly: whatever is
    wrong raises InvalidCursorError before any request. Never fall back to the first page.
    """
    bench = StoreBench(trial)
    owner, other = trial.owner(), trial.owner()
    store = bench.store()
    for number in range(2):
        seed_task(trial, owner, f"task {number}")
        seed_task(trial, other, f"task {number}")
    cursor, foreign = (store.list(one, limit=1).next_cursor for one in (owner, other))
    if cursor is None or foreign is None:
        raise Violation("a next_cursor while tasks remain", "None")
    damaged = {cursor[:place] + "-" + cursor[place + 1 :] for place in range(len(cursor))}
    bare = base64.urlsafe_b64encode(b"task 1").decode()
    made_up = {"", " ", "é", "\0", cursor + "=", cursor + " ", cursor[:-4], cursor * 2, bare}
    bench.backend.requests.clear()
    # The ids are the same: only the owner tells the two cursors apart.
    for wrong in (damaged | made_up | {"task 1", "A" * 4_000}) - {cursor} | {foreign}:
        expect_raises(InvalidCursorError, store.list, owner, cursor=wrong)
    expect_same("requests", {}, dict(bench.backend.requests))
    listed = [found.record.task_id for found in store.list(owner, cursor=cursor).tasks]
    expect_same("the tasks after the genuine cursor", ["task 0"], listed)
