"""KEY-8: greatest lengths."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_key.support import expect_distinct_keys, expect_distinct_tasks
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_listed, expect_returns, expect_stored
from pmcp_conformance.generators import corpus
from pmcp_conformance.generators.corpus import Sample
from pmcp_storage.records import MAX_OWNER_ID_BYTES, MAX_TASK_ID_BYTES


@rule("KEY-8")
def greatest_lengths(trial: Trial) -> None:
    """Keys of the maximum length work, and two that differ only in their last character are two
    keys, as are two that differ only in their first or within.

    Why: Long ids, such as URLs or certificate names of owners, fail, or are cut, and then two users
    or tasks are one.

    Real bug: webisters/cache kept keys in a varchar(255): longer ones were cut outside of MariaDB's
    strict mode, never found again, and shared between keys that begin alike.
    (https://github.com/webisters/cache/issues/43)

    Mend: Give columns room for 1,024 and 256 bytes of UTF-8, or key by a full digest (SHA-256) and
    keep the id beside it. Refuse what does not fit; no cast, prefix index or lenient mode that
    cuts.
    """
    expect_distinct_keys(trial, corpus.ids.LONG)
    for filler in ("x", "\u00e9", "\U0001f600"):
        size = len(filler.encode())
        stem = filler * ((MAX_TASK_ID_BYTES - 1) // size)
        stem += "y" * (MAX_TASK_ID_BYTES - 1 - len(stem.encode()))
        expect_distinct_tasks(
            trial, [Sample(stem + last, "truncation of long ids") for last in "abc"]
        )
        unique = trial.owner()
        room = MAX_OWNER_ID_BYTES - 1 - len(unique)
        stem = filler * (room // size)
        stem += "y" * (room - len(stem.encode()))
        longest = [Sample(stem + last, "truncation of long ids") for last in "ab"]
        owners = [trial.claim_owner(unique + sample.value) for sample in longest]
        # Both ids of a key may be of that length.
        task_id = filler * (MAX_TASK_ID_BYTES // size)
        records = [trial.record(owner, task_id) for owner in owners]
        for record in records:
            expect_returns(1, trial.backend.create, record)
        for record in records:
            expect_stored(trial, record, 1)
            expect_listed(trial, record.owner_id, record)
