"""KEY-11: queries."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_key.support import expect_distinct_keys
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.generators import corpus


@rule("KEY-11")
def queries(trial: Trial) -> None:
    """Ids that look like queries or protocol (' OR 1=1 --, {"$gt":""}, CRLF plus a command,
    #expression names) are plain text.

    Why: Whoever can choose an id can run commands in the storage: read or delete other people's
    tasks. Harmless names such as O'Brien merely fail.

    Real bug: pymemcache did not check keys: one that contained a line break followed by flush_all
    was executed as a command and could wipe the whole cache.
    (https://github.com/pinterest/pymemcache/issues/99)

    Mend: Bind ids as parameters and pass them as values of a string type; length-prefixed
    protocols; no pasting into SQL, JSON operators, expressions or templates.
    """
    expect_distinct_keys(trial, corpus.ids.QUERIES)
