"""VAL-8: the largest record."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_val.support import FILLERS, expect_round_trip
from pmcp_conformance.contract.support import successive_writes
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_listed, expect_returns, expect_stored

_ROOM = 1_500
"""Bytes of a record that is nearly as large as can be, for all but the one large field."""


@rule("VAL-8")
def the_largest_record(trial: Trial) -> None:
    """A record of max_record_bytes comes back equal, through get and through a listing.

    Why: A task with a large but permitted result cannot be completed, or is listed without it,
    after the work has been done and paid for.

    Real bug: Memcached-Java-Client 2.5.1 refused objects over 1 MB even where the server took them:
    the limit was a buffer of the client, and set merely returned false.
    (https://github.com/gwhalin/Memcached-Java-Client/issues/11)

    Mend: Find the smallest limit on the way (driver buffer, proxy, request that holds the record
    twice, page of a listing) and raise it, split the record, or declare a smaller max_record_bytes.
    """
    owner = trial.owner()
    for version, (write, filler) in enumerate(
        zip(successive_writes(trial.backend), FILLERS, strict=True), start=1
    ):
        # A limit on characters, or on JSON in ASCII, is none on bytes.
        record = trial.sized(owner, "task", trial.target.max_record_bytes, filler)
        expect_returns(version, write, record)
        expect_stored(trial, record, version)
        expect_listed(trial, owner, record)
    fill = "x" * (trial.target.max_record_bytes - _ROOM)
    expect_round_trip(trial, result=fill)
    expect_round_trip(trial, meta={"fill": fill})
