"""What the write ids and versions of one key's history claim, whatever the order in time.

A write id says which write a read saw, and so pins an unknown write to a version. Claims that
cannot go together in any order are found here: phantoms, dirty reads, torn records, double
increments. Everything that needs the order of operations is left to `fast` and `search`.
"""

from __future__ import annotations

from collections.abc import Sequence

from pmcp_conformance.history.operations import Anomaly, Operation


class Claims:
    """The writes of one key's operations (in the order of their calls) and what is known of them.

    Raises ValueError if two operations write one id: such a history cannot be checked.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = operations
        self.reads: dict[str, Operation] = {}
        """The first read of each write id that was read."""
        self._writers: dict[str, Operation] = {}
        self._acknowledged: dict[int, Operation] = {}
        for operation in operations:
            self._note(operation)

    def _note(self, operation: Operation) -> None:
        if operation.rwid is not None and operation.status == "ok":
            self.reads.setdefault(operation.rwid, operation)
        if operation.wid is None:
            return
        if self._writers.setdefault(operation.wid, operation) is not operation:
            raise ValueError(
                f"key {operation.key!r}: two operations write the id {operation.wid!r}; "
                "give every write an id of its own"
            )
        if operation.status == "ok" and operation.version is not None:
            self._acknowledged.setdefault(operation.version, operation)

    def version_of(self, write: Operation) -> int | None:
        """The version that a write has if it is applied; None if that may be any."""
        if write.status == "ok":
            return write.version
        if write.kind == "create":
            return 1
        if write.expected is not None:
            return write.expected + 1
        read = self.reads.get(write.wid or "")
        return None if read is None else read.version

    def evidence(self, write: Operation) -> list[Operation]:
        """The operations that show that a write was applied: itself, and else the read of it."""
        return [write] if write.status == "ok" else [self.reads[write.wid or ""]]

    def contradiction(self) -> Anomaly | None:
        """The first operation whose claim cannot be true in any order, and what it contradicts."""
        return next(filter(None, map(self._anomaly_of, self.operations)), None)

    def _anomaly_of(self, operation: Operation) -> Anomaly | None:
        if operation.status == "ok" and operation.kind == "get":
            return self._read_anomaly(operation)
        if operation.status in ("ok", "conflict") and operation.version is not None:
            return _version_anomaly(operation)
        return None

    def _read_anomaly(self, read: Operation) -> Anomaly | None:
        writer = self._writers.get(read.rwid or "")
        seen = f"{full_name(read)} read {read.rwid!r}"
        if writer is None:
            return anomaly(f"phantom: {seen}, which no operation of the history wrote", read)
        if not writer.writes:
            refusal = f"although {full_name(writer)} that wrote it was refused ({writer.status})"
            return anomaly(f"dirty read: {seen} {refusal}", read, writer)
        if writer.call > read.end:
            early = f"before {full_name(writer)} that wrote it had begun"
            return anomaly(f"read from the future: {seen} {early}", read, writer)
        return _version_anomaly(read) or self._mismatch(read, writer)

    def _mismatch(self, read: Operation, writer: Operation) -> Anomaly | None:
        version = self.version_of(writer)
        if version is None or version == read.version:
            return None
        # An unknown put is held by nothing but the first read of it.
        loose = writer.status == "unknown" and writer.kind == "put"
        witness = self.reads[writer.wid or ""] if loose else writer
        other = self._acknowledged.get(read.version or 0)
        seen = f"{full_name(read)} read {read.rwid!r} at version {read.version}"
        if other is None:
            twice = f"but its version is {version}: one write was applied twice"
            return anomaly(f"double increment: {seen}, {twice}", witness, read)
        torn = f"the version of {other.wid!r}, while {read.rwid!r} has version {version}"
        return anomaly(f"torn read: {seen}, {torn}", witness, read)


def _version_anomaly(operation: Operation) -> Anomaly | None:
    version, expected = operation.version or 0, operation.expected
    wrong = f"wrong version: {full_name(operation)} reported version {version}"
    if version < 1:
        return anomaly(f"{wrong}, but versions start at 1", operation)
    if operation.kind == "create" and version != 1:
        return anomaly(f"{wrong}, but a created record has version 1", operation)
    if operation.status == "conflict" and version == expected:
        reason = f"false conflict: {full_name(operation)} was refused over the version it expected"
        return anomaly(f"{reason}, {version}", operation)
    if operation.kind == "cas" and operation.status == "ok" and version != (expected or 0) + 1:
        return anomaly(f"{wrong}, but it replaced version {expected}", operation)
    return None


def full_name(operation: Operation) -> str:
    """The operation as it is named within a sentence."""
    return f"the {operation.name} of client {operation.client}"


def described(operation: Operation) -> str:
    """What a known outcome says of the record, as a sentence."""
    return f"{full_name(operation)} {_did(operation)}"


def _did(operation: Operation) -> str:
    if operation.status == "conflict":
        at = "" if operation.version is None else f" at version {operation.version}"
        return f"was refused{at}"
    if operation.status != "ok":
        return "met a record" if operation.status == "exists" else "found no record"
    if operation.kind == "delete":
        return "removed a record"
    verb = "read" if operation.kind == "get" else "wrote"
    return f"{verb} version {operation.version}"


def anomaly(reason: str, *operations: Operation) -> Anomaly:
    """An anomaly shown by the given operations, each counted once."""
    few = sorted(dict.fromkeys(operations), key=lambda operation: operation.call)
    return Anomaly(few[0].key, tuple(few), reason)
