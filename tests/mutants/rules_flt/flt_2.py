"""Mutants of FLT-2."""

from __future__ import annotations

import json

from pmcp_storage import BackendError, TaskRecord
from support.tcp_store import TcpBackend


class ErrorsAreSuccess(TcpBackend):
    """breaks FLT-2: the error of a write is logged, swallowed and reported as success."""

    def write_if(self, record: TaskRecord, expected: int) -> int:
        try:
            return super().write_if(record, expected)
        except BackendError:
            return expected + 1


class AcknowledgesWhatItSent(TcpBackend):
    """breaks FLT-2: a write is acknowledged once it is sent, as with unacknowledged write concern
    or a pipeline whose answers nobody reads.
    """

    def write_if(self, record: TaskRecord, expected: int) -> int:
        connection = self.connection()
        request = {"do": "write", "expected": expected, **self.row(record)}
        connection.sendall(json.dumps(request).encode() + b"\n")
        self.discard(connection)
        return expected + 1


class DeleteTakesAbsenceForItsWork(TcpBackend):
    """breaks FLT-2: a delete that is repeated and finds nothing reports that there was a record,
    which the first attempt must have removed, though that may never have arrived.
    """

    def _delete(self, owner_id: str, task_id: str) -> bool:
        reply = self.write(do="delete", owner=owner_id, task=task_id)
        return bool(reply.fields["found"] or reply.unsure)
