"""KEY-9: numbers as text."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_key.support import expect_distinct_keys
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.generators import corpus


@rule("KEY-9")
def numbers_as_text(trial: Trial) -> None:
    """Ids that look like numbers, booleans or nulls stay text.

    Why: '01' and '1', or '1e3' and '1000', become one task, and an owner called 'null' or 'true'
    cannot be found.

    Real bug: Symfony's Psr16Cache::getMultiple() returned the key '123' as an integer, since PHP
    casts such array keys, and the other methods then refused it.
    (https://github.com/symfony/symfony/pull/65429)

    Mend: Declare the columns as text and bind strings. Avoid numeric affinity, YAML and containers
    that turn numeric keys into integers.
    """
    expect_distinct_keys(trial, corpus.ids.NUMBERS)
