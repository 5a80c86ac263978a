"""Mutants of CON-5."""

from __future__ import annotations

from mutants.postgres import PgBackend
from mutants.rules_con.support import HalfLocked


class DeleteLooksThenRemoves(HalfLocked):
    """breaks CON-5: delete returns what a look-up found before it removed the record."""

    def _delete(self, owner_id: str, task_id: str) -> bool:
        found = self.version((owner_id, task_id)) > 0
        self.drop((owner_id, task_id))
        return found


class DeleteAsksTheConnection(HalfLocked):
    """breaks CON-5: the number of deleted rows is read from the connection afterwards, which has
    that of the last statement of any thread.
    """

    def _delete(self, owner_id: str, task_id: str) -> bool:
        shared = vars(self._storage)
        shared["changes"] = self.drop((owner_id, task_id))
        return bool(shared["changes"])


class SelectsThenDeletes(PgBackend):
    """breaks CON-5: delete answers by a SELECT before the DELETE, not by the rows that were
    deleted.
    """

    def _delete(self, owner_id: str, task_id: str) -> bool:
        there = self.read(self.select, owner=owner_id, task=task_id).rows
        self.write(self.remove, owner=owner_id, task=task_id)
        return bool(there)
