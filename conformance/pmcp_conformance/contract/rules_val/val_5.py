"""VAL-5: object keys."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_val.support import expect_round_trip
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.generators import corpus


@rule("VAL-5")
def object_keys(trial: Trial) -> None:
    """Object keys come back verbatim: "", "a.b", "$ref", "__proto__", "_id", keys that differ by
    case.

    Why: Variables change their structure: {"a.b": 1} is suddenly nested, $ref has another name, and
    code that reads by key finds nothing.

    Real bug: Tyk Pump recorded analytics under the path of an endpoint: a dot in the path made
    MongoDB nest the data in an embedded document of another name.
    (https://github.com/TykTechnologies/tyk-pump/issues/113)

    Mend: Keep variables inside the JSON text, not as columns, hash fields or document paths. If the
    storage must see them, escape names both ways.
    """
    keys = {sample.value: number for number, sample in enumerate(corpus.values.OBJECT_KEYS)}
    expect_round_trip(trial, variables=keys, result=keys)
    expect_round_trip(trial, variables={"deep": [keys, {"er": keys}]})
    for sample in corpus.values.INDEXES:
        expect_round_trip(trial, variables=sample.value, result=sample.value)
        expect_round_trip(trial, variables={"deep": [sample.value]})
    # More keys than a table has columns.
    many = {f"key {number}": number for number in range(1_700)}
    expect_round_trip(trial, variables=many, result=many)
