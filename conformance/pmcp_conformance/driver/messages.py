"""The messages of the driver protocol: what a request carries, and what an answer must be.

The JSON Schema in `docs/driver-protocol.schema.json` is made from these classes. They know nothing
of processes; the errors of a backend become exceptions in `backend`.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pmcp_conformance.target import BackendTarget

PROTOCOL = 1
"""The version of the protocol."""

Number = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]*)$", max_length=200)]
"""An integer as text: no JSON library spoils it."""


def _checked(text: str) -> str:
    b64decode(text, validate=True)
    return text


Base64 = Annotated[
    str, AfterValidator(_checked), Field(json_schema_extra={"contentEncoding": "base64"})
]
"""Bytes as text."""

Integers = Literal["any", "64 bits", "2^53"]

BackDoor = Literal[
    "open_fresh",
    "open_misconfigured",
    "open_at",
    "plant",
    "stored_expiry",
    "crash",
    "refusals",
]

OptionalMethod = Literal["put", "count_by_owner"]

ErrorKind = Literal[
    "NotFoundError",
    "AlreadyExistsError",
    "ConcurrentModificationError",
    "RecordTooLargeError",
    "StorageFullError",
    "CorruptRecordError",
    "OutcomeUnknownError",
    "BackendError",
]


class Message(BaseModel):
    """Types are exact, and members that nobody knows are left alone."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", defer_build=True)


class Facts(Message):
    """What holds for the backend; what is left out is as for any backend."""

    model_config = ConfigDict(extra="forbid")

    shared: bool = BackendTarget.shared
    interprocess: bool = BackendTarget.interprocess
    durable: bool = BackendTarget.durable
    native_expiry: bool = BackendTarget.native_expiry
    max_record_bytes: int = BackendTarget.max_record_bytes
    storage_limit_bytes: int | None = BackendTarget.storage_limit_bytes
    clock_skew: float = BackendTarget.clock_skew
    answer_within: float = BackendTarget.answer_within
    integers: Integers = "any"
    keeps_unknown_fields: bool = BackendTarget.keeps_unknown_fields
    max_nesting: int = BackendTarget.max_nesting


class Address(Message):
    """Where the storage's server is."""

    host: str
    port: int


class Nothing(Message):
    """No members."""


class DescribeParams(Message):
    """What the kit says of itself."""

    protocol: int


class Description(Message):
    """What a driver says of itself."""

    protocol: Literal[1]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    facts: Facts = Facts()
    methods: tuple[OptionalMethod, ...] = Field(default=(), strict=False)
    back_doors: tuple[BackDoor, ...] = Field(default=(), strict=False)
    address: Address | None = None


class TokenParams(Message):
    token: str


class AddressParams(Message):
    host: str
    port: int


class Opened(Message):
    handle: str


class HandleParams(Message):
    handle: str


class KeyParams(Message):
    handle: str
    owner_id: str
    task_id: str


class RecordParams(Message):
    handle: str
    record: str
    """The text of its JSON."""


class SwapParams(Message):
    handle: str
    record: str
    expected_version: Number


class ListParams(Message):
    handle: str
    owner_id: str
    limit: Number
    after: str | None = None


class CountParams(Message):
    handle: str
    owner_id: str
    live_at: str | None = None
    at_most: Number | None = None


class RowParams(Message):
    """A row by its key, past every handle."""

    owner_id: str
    task_id: str


class PlantParams(Message):
    owner_id: str
    task_id: str
    data: str
    version: Number


class Entry(Message):
    """A record as text, and its version."""

    record: str
    version: Number


class Written(Message):
    version: Number


class Deleted(Message):
    deleted: bool


class Listed(Message):
    records: tuple[Entry, ...] = Field(strict=False)


class Removed(Message):
    removed: Number


class Counted(Message):
    count: Number


class StoredExpiry(Message):
    expires_at: float | None
    """In seconds since 1970."""


class Refused(Message):
    """Why the storage's server refuses a request, and how it then answers."""

    reason: str
    answer: Base64


class Refusals(Message):
    """The most usual ones first."""

    refusals: tuple[Refused, ...] = Field(strict=False)


class ErrorData(Message):
    """What an error says to programs."""

    kind: ErrorKind
    owner_id: str | None = None
    task_id: str | None = None
    actual_version: Number | None = None
    size: int = 0
    limit: int | None = None


class Error(Message):
    code: int
    message: str
    data: ErrorData


METHODS: dict[str, tuple[type[Message], type[Message]]] = {
    "describe": (DescribeParams, Description),
    "open": (Nothing, Opened),
    "open_fresh": (TokenParams, Opened),
    "open_misconfigured": (Nothing, Opened),
    "open_at": (AddressParams, Opened),
    "close": (HandleParams, Nothing),
    "get": (KeyParams, Entry),
    "create": (RecordParams, Written),
    "put_if_version": (SwapParams, Written),
    "put": (RecordParams, Written),
    "delete": (KeyParams, Deleted),
    "list_by_owner": (ListParams, Listed),
    "count_by_owner": (CountParams, Counted),
    "cleanup_expired": (HandleParams, Removed),
    "dispose_fresh": (TokenParams, Nothing),
    "plant": (PlantParams, Nothing),
    "stored_expiry": (RowParams, StoredExpiry),
    "crash": (Nothing, Nothing),
    "refusals": (Nothing, Refusals),
}
"""By the name of a method, what its request carries and what its answer is."""
