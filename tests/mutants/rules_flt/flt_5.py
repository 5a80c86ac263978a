"""Mutants of FLT-5."""

from __future__ import annotations

from pmcp_storage import BackendError, NotFoundError, OutcomeUnknownError
from support.tcp_store import TcpBackend


class DeleteMissesItself(TcpBackend):
    """breaks FLT-5: a delete whose answer was lost is repeated, and raises NotFoundError."""

    def _delete(self, owner_id: str, task_id: str) -> bool:
        reply = self.write(do="delete", owner=owner_id, task=task_id)
        if reply.unsure and not reply.fields["found"]:
            raise NotFoundError(owner_id, task_id)
        return bool(reply.fields["found"])


class DeleteFailsForCertain(TcpBackend):
    """breaks FLT-5: a delete whose answer was lost reports that it failed and deleted nothing."""

    def _delete(self, owner_id: str, task_id: str) -> bool:
        try:
            return super()._delete(owner_id, task_id)
        except OutcomeUnknownError as error:
            raise BackendError("the delete failed") from error
