"""The limits of a task store, checked against each other when they are set."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pmcp_storage.errors import readable
from pmcp_storage.plain_json import MAX_NESTING

LONGEST_TTL_MS = 100 * 365 * 86_400_000
"""A hundred years: beyond, now plus ttl might be no date any more."""

_FOR_TOOL_CALLS = {
    "max_variable_depth": 64,
    "max_string_bytes": 358_400,
    "max_tasks_per_owner": 1_000,
    "max_unfinished_per_owner": 100,
}

_Count = Annotated[int, Field(ge=1)]
_Ttl = Annotated[int, Field(ge=1, le=LONGEST_TTL_MS)]


class StoreConfig(BaseModel):
    """How much a task store lets its callers do.

    `max_record_bytes`: the whole record as JSON, in bytes of UTF-8. The default, 350 KB, leaves
    room below the 400 KB (409,600 bytes) of a DynamoDB item for keys and attribute names.

    `default_ttl_ms`, `max_ttl_ms`: milliseconds. A longer ttl is refused, not shortened.

    `max_variable_depth`: levels of objects and lists in the variables, which are level 1
    themselves.

    `max_string_bytes`: each string and each key in the variables, in bytes of UTF-8.

    `max_tasks_per_owner`: unexpired tasks; None sets no limit. Counting them comes before each
    creation and reads the owner's tasks until the limit is reached: on DynamoDB one request for
    each MB that the owner stores. Counting and creating are two steps, so that n creators at
    the same time can exceed the limit by n - 1.

    `max_unfinished_per_owner`: unexpired tasks that are working or input_required; None sets no
    limit. It holds beside `max_tasks_per_owner`. The status is in the records alone, so that
    counting then reads the owner's tasks themselves, 256 in a request, until a limit is reached.
    It is no more exact; a record that cannot be read stops it, until it is deleted.

    `random_ids`: whether minted ids are 128 random bits, as 32 hex digits, instead of UUIDv7:
    for servers where whoever knows an id may use its task. A listing is then not newest first.

    `allow_anonymous`: whether the owners "" and "local" are served. They are one owner, stored
    as "local", whose tasks all anonymous callers share.

    `poll_interval_ms`: milliseconds, how often a client is asked to poll a new task.

    `page_size`: tasks in a page of a listing, unless the caller says otherwise.

    Raises ValueError (pydantic's ValidationError), naming the setting, for a value of the wrong
    type, for a number below 1, and for limits that contradict each other.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    max_record_bytes: _Count = 358_400
    default_ttl_ms: _Ttl = 3_600_000
    max_ttl_ms: _Ttl = 86_400_000
    max_variable_depth: Annotated[int, Field(ge=1, le=MAX_NESTING)] = 10
    max_string_bytes: _Count = 65_536
    max_tasks_per_owner: _Count | None = 100
    max_unfinished_per_owner: _Count | None = None
    random_ids: bool = False
    allow_anonymous: bool = False
    poll_interval_ms: Annotated[int, Field(ge=1, lt=2**64)] = 500
    page_size: _Count = 50

    @classmethod
    def for_tool_calls(cls, **settings: Any) -> Self:
        """The settings for a server whose tools run as tasks; `settings` come before them.

        A call's arguments, kept in the variables, may be nested 32 levels deep and more, and only
        the record limits their size. An owner may have 100 unfinished tasks and 1,000 unexpired
        ones, so that short calls are not refused for those that have ended.
        """
        return cls(**{**_FOR_TOOL_CALLS, **settings})

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.default_ttl_ms > self.max_ttl_ms:
            raise ValueError(
                f"default_ttl_ms ({self.default_ttl_ms}) must not exceed "
                f"max_ttl_ms ({self.max_ttl_ms}): set both"
            )
        most, unfinished = self.max_tasks_per_owner, self.max_unfinished_per_owner
        if most is not None and unfinished is not None and unfinished > most:
            raise ValueError(
                f"max_unfinished_per_owner ({readable(unfinished)}) must not exceed "
                f"max_tasks_per_owner ({readable(most)}): set both"
            )
        if self.max_string_bytes > self.max_record_bytes:
            raise ValueError(
                f"max_string_bytes ({readable(self.max_string_bytes)}) must not exceed "
                f"max_record_bytes ({readable(self.max_record_bytes)}): set both"
            )
        return self
