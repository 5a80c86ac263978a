"""A history as text that a person can read: who did what, when, and at the same time as what."""

from __future__ import annotations

from collections.abc import Iterable

from pmcp_conformance.history.operations import Operation

_COLUMN = 3
_WIDEST = 60


def timeline(operations: Iterable[Operation]) -> str:
    """One line per operation in the order of their calls, with a bar from its call to its end.

    Bars that share a column are of operations that ran at the same time. They keep the order of
    calls and ends, not the distances; the times before them are milliseconds since the first
    call. An unknown operation without an end has an open bar.
    """
    history = sorted(operations, key=lambda operation: operation.call)
    if not history:
        return "(no operations)"
    rows = [_cells(operation, history[0].call) for operation in history]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    bars = _bars(history)
    return "\n".join(
        "  ".join([*map(str.ljust, row, widths), bar]).rstrip()
        for row, bar in zip(rows, bars, strict=True)
    )


def _cells(operation: Operation, start: int) -> tuple[str, str, str, str]:
    return (
        f"{_milliseconds(operation.call, start):>8} to {_milliseconds(operation.ret, start):>8} ms",
        f"client {operation.client}",
        _asked(operation),
        _answered(operation),
    )


def _milliseconds(instant: int | None, start: int) -> str:
    return "?" if instant is None else f"{(instant - start) / 1e6:.3f}"


def _asked(operation: Operation) -> str:
    if operation.kind == "cas":
        return f"cas {operation.expected} -> {operation.wid}"
    return f"{operation.name} {operation.wid or ''}".rstrip()


def _answered(operation: Operation) -> str:
    if operation.kind == "get" and operation.status == "ok":
        return f"version {operation.version}, {operation.rwid}"
    if operation.version is not None and operation.status == "ok":
        return f"ok, version {operation.version}"
    if operation.version is not None:
        return f"{operation.status}, version {operation.version}"
    return operation.status


def _bars(history: list[Operation]) -> list[str]:
    instants = {one.call for one in history} | {one.ret for one in history if one.ret is not None}
    columns = {instant: column for column, instant in enumerate(sorted(instants))}
    scale = min(_COLUMN, _WIDEST / len(columns))
    return [_bar(one, columns, scale) for one in history]


def _bar(operation: Operation, columns: dict[int, int], scale: float) -> str:
    start = int(columns[operation.call] * scale)
    if operation.ret is None:
        return " " * start + "|" + "-" * (int(len(columns) * scale) - start) + "?"
    length = int(columns[operation.ret] * scale) - start
    return " " * start + "|" + "-" * (length - 1) + "|" * (length > 0)
