"""KEY-7: unicode."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_key.support import expect_distinct_keys
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.generators import corpus


@rule("KEY-7")
def unicode(trial: Trial) -> None:
    """Any Unicode id comes back verbatim: astral, right-to-left, combining, zero-width, control
    characters, newline.

    Why: A user with an emoji or a right-to-left name gets errors, or shares a record with others
    whose characters became the same question marks.

    Real bug: Mushroom Observer crashed on searches with an emoji, because the column by which it
    looks up a saved query was utf8mb3.
    (https://github.com/MushroomObserver/mushroom-observer/issues/5188)

    Mend: UTF-8 of up to four bytes end to end (utf8mb4 for column and connection), length-prefixed
    instead of line-based protocols, and no sanitizing, unescaping or decoding of ids.
    """
    expect_distinct_keys(trial, corpus.ids.UNICODE)
