"""The text of a script that makes calls again and says whether the violation shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from textwrap import fill, indent

from pmcp_conformance.engine.call_log import is_named
from pmcp_conformance.report.model import BackendResult, CallsMade, Finding, RuleResult
from pmcp_conformance.reproduction.plain import HELPERS
from pmcp_conformance.reproduction.shrinking import Step

_SCRIPT = '''\
"""{title}

{about}

It exits with 1 if the violation shows again, with 0 if it does not, and with 2 if the target is
not available. Owners are fresh ones, and what the calls write is deleted at the end.
"""

from pmcp_conformance.reproduction import BackendTarget, Replay, load_target, run_script


def open_target() -> BackendTarget:
    return load_target({target})


def make_calls(target: BackendTarget) -> int:
    with Replay(target, began={began!r}{paced}) as replay:
{setting}

{calls}
        return replay.conclude(
            reported={reported!r},
            correct={correct!r},
            expected={expected!r},
            observed={observed!r},
        )


raise SystemExit(run_script(open_target, make_calls))
'''


def script(
    backend: BackendResult, rule: RuleResult, finding: Finding, made: CallsMade, steps: list[Step]
) -> str:
    """The script of these steps, the last of which shows the violation."""
    last = steps[-1]
    target = [repr(backend.name), *([repr(backend.file)] if backend.file else [])]
    return _SCRIPT.format(
        title=_docstring(f"{rule.id} fails on {backend.name}: {rule.sentence}"),
        about=_docstring(
            f"`pmcp-conformance reproduce` made this from the report of a run that began "
            f"{backend.run.started:%Y-%m-%d %H:%M} UTC; of the rule's {len(made.calls)} calls "
            f"{len(steps)} are here."
        ),
        target=", ".join(target),
        began=made.began.isoformat(),
        paced=", paced=True" if any(step.code.startswith("pause(") for step in steps) else "",
        setting=indent("\n".join(_setting(made, steps)), " " * 8),
        calls=indent("\n".join(_lines(steps)), " " * 8),
        reported=last.outcome,
        correct=last.correct,
        expected=finding.expected,
        observed=finding.observed,
    )


def _docstring(text: str) -> str:
    shown = text.replace("\\", "\\\\").replace('"""', "'''")
    return fill(shown, 98, break_long_words=False, break_on_hyphens=False)


def _setting(made: CallsMade, steps: Sequence[Step]) -> Iterator[str]:
    """What the calls need: helpers, owners and handles, as far as they name them."""
    code = "\n".join(step.code for step in steps)
    named = set(re.findall(r"\b[A-Z]\d*\b", code))
    called = set(re.findall(r"(?<!\.)\b[a-z_]+(?=\()", code))
    for helper in sorted(HELPERS & called):
        yield f"{helper} = replay.{helper}"
    for name, owner in made.owners.items():
        if name in named:
            yield f"{name} = replay.owner({name!r}, {owner!r})"
    for name, method in made.handles.items():
        if method == "itself" and is_named(name, code):
            yield f"{name} = replay.target"
        elif is_named(name, code):
            yield f"{name} = replay.handle({name!r}, {method!r})"


def _lines(steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        yield step.code
        if step.outcome:
            yield f"# {step.outcome}"
