"""How reports mark outcomes and verdicts: by a symbol each, so that nobody needs the colours."""

from __future__ import annotations

from pmcp_conformance.report.results import Outcome
from pmcp_conformance.report.verdicts import Verdict

OUTCOME_MARKS = {
    Outcome.FAILED: "✗",
    Outcome.BLOCKED: "⊘",
    Outcome.NOT_RUN: "!",
    Outcome.INCONCLUSIVE: "≈",
    Outcome.UNPROVEN: "?",
    Outcome.PASSED: "✓",
    Outcome.NOT_APPLICABLE: "-",
    Outcome.NOT_SELECTED: "·",
}
"""A symbol for each outcome, those that say most of a group of rules coming first."""

OUTCOME_MEANINGS = {
    Outcome.FAILED: "the backend breaks the rule",
    Outcome.BLOCKED: "a rule that this one builds on fails",
    Outcome.NOT_RUN: "the target was unavailable, or the run ended before",
    Outcome.INCONCLUSIVE: "it could not be judged, for a reason that is not the backend's",
    Outcome.UNPROVEN: "the target does not offer the back door that the rule needs",
    Outcome.PASSED: "the backend keeps the rule",
    Outcome.NOT_APPLICABLE: "by its facts, the rule does not concern the target",
    Outcome.NOT_SELECTED: "the command line left it out",
}

VERDICT_MARKS = {
    Verdict.CONFORMANT: "✓",
    Verdict.PARTIAL: "◐",
    Verdict.INCOMPLETE: "!",
    Verdict.NOT_CONFORMANT: "✗",
}
