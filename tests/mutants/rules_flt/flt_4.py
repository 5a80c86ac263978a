"""Mutants of FLT-4."""

from __future__ import annotations

from mutants.postgres import PgBackend
from mutants.rules_flt.flt_3 import ConflictsWithItself
from pmcp_storage import (
    BackendError,
    OutcomeUnknownError,
    TaskRecord,
)
from support.tcp_store import (
    TcpBackend,
)


class PutsUnconditionally(TcpBackend):
    """breaks FLT-4: put is one unconditional write, which the transport applies twice."""

    def _put(self, record: TaskRecord) -> int:
        return int(self.write(do="increment", **self.row(record)).fields["version"])


class PutFightsItself(ConflictsWithItself):
    """breaks FLT-4: put compares and swaps in a loop, takes its own first attempt for another's
    write, and writes again.
    """


class PutsAgainWhenUnknown(TcpBackend):
    """breaks FLT-4: a put whose outcome is unknown is simply repeated, over what another has
    written meanwhile.
    """

    def _put(self, record: TaskRecord) -> int:
        try:
            return super()._put(record)
        except OutcomeUnknownError as unknown:
            try:
                return super()._put(record)
            except BackendError:
                raise unknown from None


class RepeatsTheUpsert(PgBackend):
    """breaks FLT-4: a put whose connection was lost is sent again, and its version counts twice."""

    def _put(self, record: TaskRecord) -> int:
        try:
            return super()._put(record)
        except OutcomeUnknownError as unknown:
            try:
                return super()._put(record)
            except BackendError:
                raise unknown from None
