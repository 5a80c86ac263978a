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

    Why: A gateway's error page or half an answer makes a task look absent, counts as success, or
    comes out as a parser's exception that no handler expects.

    Real bug: notion-sdk-py parsed the body of a 502, an HTML page, as JSON and raised
    JSONDecodeError in place of its own HTTP error.
    (https://github.com/ramnes/notion-sdk-py/issues/119)

    Mend: Treat an answer that does not parse as no answer: close the connection, raise BackendError
    for a read, and for a write look at the row or raise OutcomeUnknownError. Catch decoder and
    protocol errors where the answer is read.
    """
    makers = (*WRITES, *STALE_WRITES, *reads(trial, 3))
    faults = persistent_and_transient(CUT_ANSWER, GARBLE_ANSWER, PREPEND_ERROR_PAGE)
    for observation in inject_everywhere(trial, makers, *faults):
        check_answer(trial, observation)
