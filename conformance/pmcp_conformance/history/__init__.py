"""Concurrent histories of a versioned key-value store: recording, checking, explaining.

    verdict = check(operations)     # None: linearizable; else an Anomaly, or Undecided

Begin with `linearize`, which picks the check for each key. `operations` says what a history is, and
saves and loads it as JSON lines; `timeline` shows operations to a person; `recorder` has the
clients that record a history of a backend, and is the only module here that knows of one.
`python -m pmcp_conformance.history FILE` checks a saved history again.
"""

from pmcp_conformance.history.linearize import check
from pmcp_conformance.history.operations import Anomaly, Operation, Undecided, load, save
from pmcp_conformance.history.timeline import timeline

__all__ = ["Anomaly", "Operation", "Undecided", "check", "load", "save", "timeline"]
