"""Making the calls of a failed rule again: by a script of plain calls, without the rule.

A report has the calls. `shrinking` finds the few of them that show the violation, `script` writes
these down, and `Replay` is what such a script works with.
"""

from pmcp_conformance.reproduction.loading import load_target
from pmcp_conformance.reproduction.replay import Replay, run_script
from pmcp_conformance.target import BackendTarget

__all__ = ["BackendTarget", "Replay", "load_target", "run_script"]
