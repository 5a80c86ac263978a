"""Mutants of FLT-8."""

from __future__ import annotations

from pmcp_storage import OutcomeUnknownError, TaskRecord
from support.tcp_server import Message
from support.tcp_store import RefusedError, Reply, TcpBackend


class RepeatsWithTheNewVersion(TcpBackend):
    """breaks FLT-8: a write of unknown outcome is repeated with the version stored by then."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except OutcomeUnknownError:
            version = self._get(record.owner_id, record.task_id).version
            return super()._put_if_version(record, version)


class UnknownIsFailure(TcpBackend):
    """breaks FLT-8: a write that was applied and lost its answer counts as failed."""

    def exchange(self, request: Message) -> Reply:
        if request["do"] != "write":
            return super().exchange(request)
        try:
            return Reply(self.attempt(request), unsure=False)
        except (OSError, ValueError) as error:
            raise RefusedError("failed") from error
