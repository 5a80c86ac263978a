"""Concurrent histories of a versioned key-value store: recording, checking, explaining.

    verdict = check(operations)     # None: linearizable; else a Violation, or Undecided

`save` and `load` keep a history as JSON lines, `timeline` shows operations to a person, and
`python -m pmcp_conformance.history FILE` checks a saved history again.
"""

from pmcp_conformance.history.linearize import check
from pmcp_conformance.history.operations import Operation, Undecided, Violation, load, save
from pmcp_conformance.history.timeline import timeline

__all__ = ["Operation", "Undecided", "Violation", "check", "load", "save", "timeline"]
