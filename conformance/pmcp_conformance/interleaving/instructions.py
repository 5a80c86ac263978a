"""Which instructions of CPython are yield points within a line: all that depends on its version."""

from __future__ import annotations

import dis
from functools import lru_cache
from types import CodeType

# The instructions, by how their names begin, that call something, look something up, change
# something or enter a `with`. The names change between versions of Python, and none that a version
# lacks does harm here, so one table serves all versions: a new one is added to it.
_OPNAMES = (
    "CALL",  # also CALL_FUNCTION_EX, and from 3.13 on CALL_KW
    "BINARY_SUBSCR",
    "STORE_SUBSCR",
    "DELETE_SUBSCR",
    "CONTAINS_OP",
    "BEFORE_WITH",
)


@lru_cache(maxsize=1_000)
def columns_within_lines(code: CodeType) -> dict[int, int]:
    """The yield points within the lines of a function: the offset of each instruction, and the
    column, from 1 on, where it stands.

    The first such instruction of a line is left out: the line itself is a yield point already.
    """
    columns, begun = dict[int, int](), set[int | None]()
    for instruction in dis.get_instructions(code):
        positions = instruction.positions
        if positions is None or not instruction.opname.startswith(_OPNAMES):
            continue
        if positions.lineno in begun:
            columns[instruction.offset] = (positions.col_offset or 0) + 1
        begun.add(positions.lineno)
    return columns
