"""Which failures `pmcp-conformance reproduce` makes a script of, and why not of the others."""

from __future__ import annotations

from pmcp_conformance.report import model, results

_NOT_PLAIN = {
    "CON": "calls at the same time",
    "DUR": "processes that are killed",
    "FLT": "faults in the connection",
    "RES": "what a handle holds of the system",
    "STORE": "the task store over the backend",
    "ERR-11": "operations that are cut short at each await, which only the kit can do",
}
"""What rules, or those of a group, are about that no script of plain calls shows."""


def why_no_script(rule: str, made: results.CallsMade | model.CallsMade | None) -> str:
    """Why no script can make these calls of a failed rule again; empty where one may."""
    group = rule.partition("-")[0]
    if about := _NOT_PLAIN.get(rule, _NOT_PLAIN.get(group, "")):
        return f"{rule} is about {about}"
    if made is None or not (made.calls or made.missing):
        return "other calls than the rule's plain ones led there"
    return made.missing
