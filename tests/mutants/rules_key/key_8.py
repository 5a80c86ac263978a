"""Mutants of KEY-8."""

from __future__ import annotations

from mutants.base import (
    CollatedStorage,
    Seamed,
    key_of,
)
from mutants.postgres import PgBackend
from pmcp_storage import (
    BackendError,
    TaskRecord,
)
from pmcp_storage.backends.memory import Key


class KeysOf255Bytes(CollatedStorage):
    """breaks KEY-8: ids are cut at 255 bytes, the length of a file name and of many columns."""

    def fold(self, text: str) -> str:
        return text.encode()[:255].decode(errors="ignore")

    def folded(self, key: Key) -> Key:
        return key[0], self.fold(key[1])


class OwnersOf767Bytes(CollatedStorage):
    """breaks KEY-8: an index covers only the first 767 bytes of an owner, as InnoDB's did."""

    def folded(self, key: Key) -> Key:
        return key[0].encode()[:767].decode(errors="ignore"), key[1]


class NamesTooLong(Seamed):
    """breaks KEY-8: an id of more than 255 bytes is refused by the file system below."""

    def _create(self, record: TaskRecord) -> int:
        if len(record.task_id.encode()) > 255:
            raise BackendError("the storage takes no name of this length")
        return super()._create(record)


class CastsCutIdsShort(PgBackend):
    """breaks KEY-8: ids are cast to varchar(200), which cuts what is longer without an error."""

    key = "owner_id = %(owner)s AND task_id = %(task)s::varchar(200)"
    row = PgBackend.row.replace("%(task)s", "%(task)s::varchar(200)")


class LongKeysAbbreviated(CollatedStorage):
    """breaks KEY-8: of long ids the middle is left out, as in what is shown to people."""

    def fold(self, text: str) -> str:
        return text if len(text) <= 120 else text[:60] + "…" + text[-60:]


class KeysByTheirEnd(CollatedStorage):
    """breaks KEY-8: of long ids only the last 100 characters count."""

    def fold(self, text: str) -> str:
        return text[-100:]


class JointLengthIsLimited(Seamed):
    """breaks KEY-8: owner and task together may have 1,024 bytes, as the name of an object may."""

    def _create(self, record: TaskRecord) -> int:
        if len("/".join(key_of(record)).encode()) > 1050:
            raise BackendError("KeyTooLongError")
        return super()._create(record)
