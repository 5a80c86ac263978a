"""VAL-2: numbers of any size."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_val.support import exact, expect_round_trip, payload
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.generators import corpus


@rule("VAL-2")
def numbers_of_any_size(trial: Trial) -> None:
    """Integers of up to hundreds of digits and the whole range of floats come back equal and of
    the same kind; True is not 1, 1 is not 1.0.

    Why: Ids and amounts in variables and results change: a 64-bit id is rounded to its neighbour,
    true becomes 1, 1.0 becomes 1, and a client with a schema rejects the result.

    Real bug: A round-trip benchmark showed that nlohmann/json turned -0.0 into the integer 0 and
    cut the last digits of numbers such as 1.7976931348623157e308.
    (https://github.com/nlohmann/json/issues/187)

    Mend: Keep the JSON text that to_json gives in a text or bytes column and parse it with
    read_row. No json or jsonb column, no document types, no Lua or JavaScript in between.

    Facts: With integers = 64 bits, those from -2^63 to 2^63-1; with integers = 2^53, those up to
    2^53 either way, and no float that looks like an integer, such as 1.0 and -0.0.
    """
    integers, floats = exact(trial, corpus.values.BIG_INTEGERS), exact(trial, corpus.values.FLOATS)
    expect_round_trip(trial, **payload(integers))
    expect_round_trip(trial, **payload(floats))
    alike = exact(trial, [True, 1, 1.0, False, 0, 0.0, -0.0])
    expect_round_trip(trial, **payload([*alike, "1", None]))
    for value in (*alike[:3], 0, *integers[-3:]):
        expect_round_trip(trial, result=value)
