"""Small histories with one anomaly each, and the operations that they are made from."""

from __future__ import annotations

from pmcp_conformance.history import Operation


def op(
    client: int,
    kind: str,
    call: int,
    ret: int | None,
    status: str = "ok",
    *,
    expected: int | None = None,
    version: int | None = None,
    read: str | None = None,
) -> Operation:
    """An operation on the key "k"; what it writes has the id w<client>."""
    wid = f"w{client}" if kind in ("create", "put", "cas") else None
    return Operation(client, "k", kind, status, call, ret, expected, version, wid, read)


CREATED = op(1, "create", 0, 1, version=1)

ANOMALIES: dict[str, tuple[str, list[Operation], set[int]]] = {
    "lost update": (
        "lost update",
        [
            CREATED,
            op(2, "cas", 2, 5, expected=1, version=2),
            op(3, "cas", 3, 6, expected=1, version=2),
        ],
        {2, 3},
    ),
    "lost update by put": (
        "lost update",
        [CREATED, op(2, "cas", 2, 5, expected=1, version=2), op(3, "put", 3, 6, version=2)],
        {2, 3},
    ),
    "stale read": (
        "stale read",
        [CREATED, op(2, "put", 2, 3, version=2), op(3, "get", 4, 5, version=1, read="w1")],
        {2, 3},
    ),
    "stale refusal": (
        "stale read",
        [
            CREATED,
            op(2, "put", 2, 3, version=2),
            op(3, "put", 4, 5, version=3),
            op(4, "cas", 6, 7, "conflict", expected=1, version=2),
        ],
        {3, 4},
    ),
    "acknowledged creation not there": (
        "stale read",
        [CREATED, op(2, "get", 2, 3, "absent")],
        {1, 2},
    ),
    "read goes back": (
        "stale read",
        [
            CREATED,
            op(2, "put", 2, 9, version=2),
            op(3, "get", 3, 4, version=2, read="w2"),
            op(4, "get", 5, 6, version=1, read="w1"),
        ],
        {3, 4},
    ),
    "read from the future": (
        "read from the future",
        [CREATED, op(2, "get", 2, 3, version=2, read="w3"), op(3, "put", 4, 5, version=2)],
        {2, 3},
    ),
    "phantom": (
        "phantom",
        [CREATED, op(2, "get", 2, 3, version=1, read="nobody's")],
        {2},
    ),
    "dirty read": (
        "dirty read",
        [
            CREATED,
            op(2, "put", 2, 3, version=2),
            op(3, "cas", 4, 7, "conflict", expected=1, version=2),
            op(4, "get", 5, 6, version=3, read="w3"),
        ],
        {3, 4},
    ),
    "torn read": (
        "torn read",
        [CREATED, op(2, "put", 2, 5, version=2), op(3, "get", 3, 4, version=1, read="w2")],
        {2, 3},
    ),
    "version skipped": (
        "version skipped",
        [CREATED, op(2, "put", 2, 3, version=3)],
        {1, 2},
    ),
    "double increment of an acknowledged write": (
        "double increment",
        [CREATED, op(2, "put", 2, 7, version=3), op(3, "get", 3, 4, version=2, read="w2")],
        {2, 3},
    ),
    "double increment of an unknown write": (
        "double increment",
        [
            CREATED,
            op(2, "put", 2, None, "unknown"),
            op(3, "get", 3, 4, version=2, read="w2"),
            op(4, "get", 5, 6, version=3, read="w2"),
        ],
        {3, 4},
    ),
    "two creates": (
        "two creates",
        [op(1, "create", 0, 3, version=1), op(2, "create", 1, 4, version=1)],
        {1, 2},
    ),
    "create returns another version": (
        "wrong version",
        [op(1, "create", 0, 3, version=2)],
        {1},
    ),
    "cas skips": (
        "wrong version",
        [CREATED, op(2, "cas", 2, 3, expected=1, version=3)],
        {2},
    ),
    "version zero": (
        "wrong version",
        [op(1, "put", 0, 1, version=0)],
        {1},
    ),
    "refused over the expected version": (
        "false conflict",
        [CREATED, op(2, "cas", 2, 3, "conflict", expected=1, version=1)],
        {2},
    ),
    "create refused before there was a record": (
        "false refusal",
        [op(2, "create", 0, 1, "exists"), op(3, "create", 2, 3, version=1)],
        {2, 3},
    ),
    "versions against time": (
        "wrong order",
        [
            CREATED,
            op(2, "put", 2, 3, version=3),
            op(3, "put", 4, 5, version=2),
            op(4, "put", 2, None, "unknown"),
        ],
        {2, 3},
    ),
}

DELETE_ANOMALIES: dict[str, tuple[str, list[Operation], set[int]]] = {
    "two deletes": (
        "two deletes",
        [CREATED, op(2, "delete", 2, 5), op(3, "delete", 3, 6)],
        {2, 3},
    ),
    "delete of nothing": (
        "phantom delete",
        [op(1, "delete", 0, 1)],
        {1},
    ),
    "cas accepted after the delete": (
        "resurrected record",
        [CREATED, op(2, "delete", 2, 3), op(3, "cas", 4, 5, expected=1, version=2)],
        {2, 3},
    ),
    "the cas that lost the race to the delete is read": (
        "resurrected record",
        [
            CREATED,
            op(2, "delete", 2, 5),
            op(3, "cas", 3, 6, expected=1, version=2),
            op(4, "get", 7, 8, version=2, read="w3"),
        ],
        {2, 4},
    ),
    "the delete finds nothing, and another removes the record": (
        "lost record",
        [CREATED, op(2, "delete", 2, 3, "absent"), op(3, "delete", 4, 5)],
        {1, 2},
    ),
    "read after the delete": (
        "resurrected record",
        [CREATED, op(2, "delete", 2, 3), op(3, "get", 4, 5, version=1, read="w1")],
        {2, 3},
    ),
    "conflict after the delete": (
        "resurrected record",
        [CREATED, op(2, "delete", 2, 3), op(3, "cas", 4, 5, "conflict", expected=7, version=1)],
        {2, 3},
    ),
    "version goes on after the delete": (
        "resurrected record",
        [CREATED, op(2, "delete", 2, 3), op(3, "put", 4, 5, version=2)],
        {2, 3},
    ),
    "create refused after the delete": (
        "false refusal",
        [CREATED, op(2, "delete", 2, 3), op(3, "create", 4, 5, "exists")],
        {2, 3},
    ),
    "create refused after a read of nothing": (
        "false refusal",
        [
            CREATED,
            op(2, "delete", 2, 3),
            op(3, "get", 4, 5, "absent"),
            op(4, "create", 6, 7, "exists"),
        ],
        {3, 4},
    ),
    "read before the write, of a record deleted since": (
        "read from the future",
        [
            CREATED,
            op(2, "delete", 2, 3),
            op(3, "get", 4, 5, version=1, read="w4"),
            op(4, "create", 6, 7, version=1),
        ],
        {3, 4},
    ),
    "conflict over the expected version, without reporting it": (
        "false conflict",
        [CREATED, op(2, "cas", 2, 3, "conflict", expected=1)],
        {2},
    ),
}
