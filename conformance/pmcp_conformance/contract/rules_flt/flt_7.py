"""FLT-7: damaged answers."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import check_answer
from pmcp_conformance.network.faults.cut_answer import CUT_ANSWER
from pmcp_conformance.network.faults.garble_answer import GARBLE_ANSWER
from pmcp_conformance.network.faults.prepend_error_page import PREPEND_ERROR_PAGE
from pmcp_conformance.network.injections import inject_everywhere, persistent_and_transient
from pmcp_conformance.network.tested_reads import reads
from pmcp_conformance.network.tested_writes import STALE_WRITES, WRITES


@rule("FLT-7", back_doors=("address",))
def damaged_answers(trial: Trial) -> None:
    """An answer that is cut, or replaced by bytes that are not the protocol, raises BackendError,
    or the call succeeds by a retry that is safe.
    """
    makers = (*WRITES, *STALE_WRITES, *reads(trial, 3))
    faults = persistent_and_transient(CUT_ANSWER, GARBLE_ANSWER, PREPEND_ERROR_PAGE)
    for observation in inject_everywhere(trial, makers, *faults):
        check_answer(trial, observation)
