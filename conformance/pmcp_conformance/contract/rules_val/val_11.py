"""VAL-11: data that looks encoded."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_val.support import expect_round_trip, payload
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.generators import corpus


@rule("VAL-11")
def data_that_looks_encoded(trial: Trial) -> None:
    """Data that looks like an encoding ({"S": "x"}, {"__type__": …}, base64, gzip, a pickle) is
    not interpreted.

    Why: A tool's output that happens to look like an encoding comes back as something else, and a
    user who can choose it may have objects constructed in the server.

    Real bug: JugglingDB's Redis adapter decoded string properties that happened to contain JSON
    into objects. (https://github.com/1602/jugglingdb/issues/183)

    Mend: Encode once and decode once, by the storage format, never by what the data looks like: no
    object hook, no magic numbers, no second json.loads, no pickle, no extended JSON.
    """
    for sample in corpus.values.ENCODINGS:
        fields = payload(sample.value)
        if isinstance(sample.value, dict):
            fields["variables"] |= sample.value
        expect_round_trip(trial, **fields)
