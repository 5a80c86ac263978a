"""Which instructions of CPython are yield points within a line, and how it is made to report them:
all that depends on its version."""

from __future__ import annotations

import dis
import sys
from functools import lru_cache
from types import CodeType, FrameType

from pmcp_conformance.interleaving.tracing import TraceFunction

_IN_ALL_VERSIONS = {"CALL", "CALL_FUNCTION_EX", "STORE_SUBSCR", "DELETE_SUBSCR", "CONTAINS_OP"}

YIELD_POINTS = {
    (3, 11): _IN_ALL_VERSIONS | {"BINARY_SUBSCR", "BEFORE_WITH"},
    (3, 12): _IN_ALL_VERSIONS | {"BINARY_SUBSCR", "BINARY_SLICE", "STORE_SLICE", "BEFORE_WITH"},
    (3, 13): _IN_ALL_VERSIONS
    | {"BINARY_SUBSCR", "BINARY_SLICE", "STORE_SLICE", "BEFORE_WITH", "CALL_KW"},
    (3, 14): _IN_ALL_VERSIONS | {"BINARY_OP []", "BINARY_SLICE", "STORE_SLICE", "CALL_KW"},
    (3, 15): _IN_ALL_VERSIONS | {"BINARY_OP []", "BINARY_SLICE", "STORE_SLICE", "CALL_KW"},
}
"""By version, the instructions that call something, look something up, change something or enter a
`with`; of those that are several in one, with what `dis` shows behind the name."""

_VERSION = sys.version_info[:2]


def why_unknown() -> str:
    """Why places within a line may be missed with this Python, and what to do; "" if not so."""
    if _VERSION in YIELD_POINTS:
        return ""
    first, last = (f"{major}.{minor}" for major, minor in (min(YIELD_POINTS), max(YIELD_POINTS)))
    this = f"{_VERSION[0]}.{_VERSION[1]}"
    return (
        f"this pmcp_conformance does not know the instructions of Python {this}, so that calls may "
        f"not be interleaved within a line: use Python {first} to {last}, or a newer version of it"
    )


@lru_cache(maxsize=1_000)
def columns_within_lines(code: CodeType) -> dict[int, int]:
    """The yield points within the lines of a function: the offset of each instruction, and the
    column, from 1 on, where it stands.

    The first such instruction of a line is left out: the line itself is a yield point already.
    """
    names = YIELD_POINTS.get(_VERSION, YIELD_POINTS[max(YIELD_POINTS)])
    columns, begun = dict[int, int](), set[int | None]()
    for instruction in dis.get_instructions(code):
        positions = instruction.positions
        if positions is None or names.isdisjoint(_names(instruction)):
            continue
        if positions.lineno in begun:
            columns[instruction.offset] = (positions.col_offset or 0) + 1
        begun.add(positions.lineno)
    return columns


def _names(instruction: dis.Instruction) -> tuple[str, str]:
    return instruction.opname, f"{instruction.opname} {instruction.argrepr}"


def trace_opcodes(frame: FrameType, function: TraceFunction) -> None:
    """Let the trace function of a frame that is entered hear of its instructions."""
    frame.f_trace = function  # since 3.13 they are reported of frames that are traced already
    frame.f_trace_opcodes = True
    sys.settrace(sys.gettrace())  # 3.12 begins to report them where a function is set anew
