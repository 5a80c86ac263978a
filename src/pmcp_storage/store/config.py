"""The limits of a task store, checked against each other when they are set."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pmcp_storage.errors import readable
from pmcp_storage.plain_json import MAX_NESTING

LONGEST_TTL_MS = 100 * 365 * 86_400_000
"""A hundred years: beyond, now plus ttl might be no date any more."""

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
    allow_anonymous: bool = False
    poll_interval_ms: Annotated[int, Field(ge=1, lt=2**64)] = 500
    page_size: _Count = 50

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.default_ttl_ms > self.max_ttl_ms:
            raise ValueError(
                f"default_ttl_ms ({self.default_ttl_ms}) must not exceed "
                f"max_ttl_ms ({self.max_ttl_ms}): set both"
            )
        if self.max_string_bytes > self.max_record_bytes:
            raise ValueError(
                f"max_string_bytes ({readable(self.max_string_bytes)}) must not exceed "
                f"max_record_bytes ({readable(self.max_record_bytes)}): set both"
            )
        return self
