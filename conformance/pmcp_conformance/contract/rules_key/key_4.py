"""KEY-4: accents and normal forms."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_key.support import expect_distinct_keys
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.generators import corpus


@rule("KEY-4")
def accents_and_normal_forms(trial: Trial) -> None:
    """Keys differ by accent and by Unicode normalization form.

    Why: Two accounts whose names look alike to a collation share tasks, or an id that was written
    in one normal form is not found again in the other.

    Real bug: Cloudflare R2 normalizes key names to NFC, so two keys that are different objects in
    other storages are one object there. (https://github.com/cloudflare/cloudflare-docs/pull/4458)

    Mend: Compare bytes of UTF-8: a binary collation, no normalization (NFC, NFKC) on the way in,
    and file names that are a digest or hex.
    """
    expect_distinct_keys(trial, corpus.ids.ACCENTS)
