"""KEY-6: pattern characters."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_key.support import expect_distinct_keys
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.generators import corpus


@rule("KEY-6")
def pattern_characters(trial: Trial) -> None:
    """Pattern characters (% _ * ? [ ] ^ $ .) in ids are plain text, in keys and in listings.

    Why: An id with an underscore or asterisk matches other people's records: a listing leaks them,
    a delete removes them, and a chosen id of '%' reaches everything.

    Real bug: rotki's SQLite queries used LIKE with underscores that were meant literally but match
    any single character. (https://github.com/rotki/rotki/issues/9505)

    Mend: Compare with = and <, not LIKE, GLOB, KEYS, SCAN MATCH or a regular expression. Where a
    pattern is unavoidable, escape the id for it.
    """
    expect_distinct_keys(trial, corpus.ids.PATTERNS)
