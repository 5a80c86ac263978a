"""LIST-4: the order of a listing."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_listed
from pmcp_conformance.generators import corpus


@rule("LIST-4")
def order_of_a_listing(trial: Trial) -> None:
    """A listing is in descending task_id order by code point.

    Why: Cursors are task ids, and the store pages by this order. If the storage sorts otherwise,
    pages skip and repeat tasks, and 'newest first' is no longer true.

    Real bug: Firestore's web SDK ordered strings by its language's comparison instead of by UTF-8
    bytes, so its order differed from the server's for special characters.
    (https://github.com/firebase/firebase-js-sdk/pull/8787)

    Mend: Sort by bytes of UTF-8: COLLATE "C" or another binary collation in the table, so that the
    index has it too. Do not sort by insertion, by language, or by UTF-16 units as Java and
    JavaScript do.
    """
    owner = trial.owner()
    ids = [sample.value for sample in corpus.ids.ORDER]
    records = [trial.store_record(owner, task_id) for task_id in ids]
    expect_listed(trial, owner, *records)
