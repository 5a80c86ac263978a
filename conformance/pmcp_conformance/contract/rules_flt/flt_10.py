"""FLT-10: errors while reading."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import check_answer
from pmcp_conformance.network.faults.crash_before_request import CRASH_BEFORE_REQUEST
from pmcp_conformance.network.faults.cut_answer import CUT_ANSWER
from pmcp_conformance.network.faults.cut_request import CUT_REQUEST
from pmcp_conformance.network.faults.garble_answer import GARBLE_ANSWER
from pmcp_conformance.network.faults.lose_answer import LOSE_ANSWER
from pmcp_conformance.network.faults.stall_answer import STALL_ANSWER
from pmcp_conformance.network.faults.swallow_request import SWALLOW_REQUEST
from pmcp_conformance.network.faults.withhold_answer import WITHHOLD_ANSWER
from pmcp_conformance.network.injections import (
    Injection,
    persistent,
    persistent_and_transient,
    plan_injections,
    run_injections,
    transient,
)
from pmcp_conformance.network.tested_reads import overwritten_reads, reads

_QUICK = persistent_and_transient(
    CRASH_BEFORE_REQUEST, CUT_REQUEST, LOSE_ANSWER, CUT_ANSWER, GARBLE_ANSWER
)
_SLOW = (*persistent(SWALLOW_REQUEST), *transient(WITHHOLD_ANSWER, STALL_ANSWER))
"""Faults that a client does not notice before its timeout."""


@rule("FLT-10", back_doors=("address",))
def errors_while_reading(trial: Trial) -> None:
    """An error while reading is an error: never an absent record, an empty or a shortened
    listing.

    Why: During a hiccup a client hears that its task does not exist and submits it again; a quota
    counts 0 and lets everybody in; a cleanup works on half a list.

    Real bug: The scan iterators of Valkey GLIDE's Rust client turned any error after the first page
    into None, the same as a scan that is complete.
    (https://github.com/valkey-io/valkey-glide/issues/6964)

    Mend: Raise NotFoundError only when the storage has answered that there is none. Let errors
    leave a listing, on every page, and do not begin with an empty result and log. After a timeout
    close the connection: its late answer would belong to the next call.
    """
    of_overwritten = [
        Injection(read, fault)
        for fault in persistent(SWALLOW_REQUEST, CRASH_BEFORE_REQUEST, LOSE_ANSWER, GARBLE_ANSWER)
        for read in overwritten_reads(trial)
    ]
    # More records than iter_by_owner asks for at a time, and more bytes than some storages send.
    of_many = plan_injections(trial, reads(trial, 101), *_SLOW, *_QUICK)
    of_large = plan_injections(
        trial,
        reads(trial, 4, trial.target.max_record_bytes),
        *persistent(CRASH_BEFORE_REQUEST, GARBLE_ANSWER),
    )
    for observation in run_injections(trial, of_overwritten + of_many + of_large):
        check_answer(trial, observation)
