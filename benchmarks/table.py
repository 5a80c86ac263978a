"""Results as a table of text."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.results import Limit, Ratio, Result

HEAD = (
    "operation",
    "beside",
    "µs",
    "beside, µs",
    "ratio",
    "middle half",
    "processor",
    "limit",
    "kept",
    "asked for",
)


def rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """`HEAD`, and the cells of each result; columns that are empty are left out."""
    cells = [_row(result) for result in results if not is_first_point(result)]
    used = [number for number, column in enumerate(zip(*cells, strict=True)) if any(column)]
    return [tuple(row[number] for number in used) for row in (HEAD, *cells)]


def text(results: Sequence[Result]) -> str:
    """The table for a terminal."""
    cells = rows(results)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(_line(row, widths) for row in cells)


def is_first_point(result: Result) -> bool:
    """Whether this is the point beside which the others of a curve stand."""
    return bool(result.axis) and result.beside == f"at {result.at:,.0f}"


def limit_text(limit: Limit | None) -> str:
    """A limit in words."""
    match limit:
        case None:
            return ""
        case Limit(most, "ratio"):
            return f"{most:.2f}"
        case Limit(most, "added"):
            return f"{most:,.0f} µs more"
        case Limit(most, _):
            return f"{most:,.0f} µs"


def kept_text(result: Result) -> str:
    """Whether the limit is kept, in a word."""
    return {None: "", True: "yes", False: "no"}[result.kept]


def _row(result: Result) -> tuple[str, ...]:
    return (
        result.operation + (f", {result.at:,.0f} {result.axis}" if result.axis else ""),
        result.beside,
        microseconds(result.cost.wall),
        microseconds(result.beside_cost.wall),
        f"{result.wall.median:.2f}",
        f"{result.wall.low:.2f} to {result.wall.high:.2f}",
        _processor(result.processor),
        limit_text(result.limit),
        kept_text(result),
        counted_text(result),
    )


def counted_text(result: Result) -> str:
    """What was counted on our side, and in brackets beside it."""
    beside = result.beside_counted
    each = (
        f"{name} {_count(value)}" + (f" ({_count(beside[name])})" if name in beside else "")
        for name, value in result.counted.items()
    )
    return ", ".join(each)


def _count(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _processor(ratio: Ratio) -> str:
    return f"{ratio.median:.2f}" if ratio.median < 1e6 else ""


def microseconds(value: float) -> str:
    """A time, with three digits at least; with its unit where it is long."""
    if value >= 1e6:
        return f"{value / 1e6:.1f} s"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        text.rjust(width) if text[:1].isdigit() else text.ljust(width)
        for text, width in zip(row, widths, strict=True)
    ]
    return "  ".join(padded).rstrip()
