"""A driver with a dictionary in memory, of the standard library alone; on demand a rogue.

Its second argument, if there is one, names what it does wrong with the first `get`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import IO, Any

DESCRIPTION: dict[str, Any] = {
    "protocol": 1,
    "name": "map",
    "facts": {"interprocess": False, "durable": False, "answer_within": 1.0},
}

Key = tuple[str, str]


class Storage:
    """Rows by key: a record's text, its version and its expiry."""

    def __init__(self) -> None:
        self.rows: dict[Key, tuple[str, int, datetime | None]] = {}
        self.lock = threading.Lock()


class Refused(Exception):  # noqa: N818 - an answer like any other
    def __init__(self, kind: str, **data: str) -> None:
        super().__init__(kind)
        self.data = {"kind": kind, **data}


class Driver:
    """Answers to requests, each a method of its name."""

    def __init__(self) -> None:
        self.storages: dict[str, Storage] = {}
        self.hoard: list[IO[str]] = []

    def describe(self, protocol: int) -> object:
        doors = ["open_at"] if "homeless" in sys.argv else ["open_fresh"]
        return {**DESCRIPTION, "back_doors": doors}

    def open(self) -> object:
        return self.open_fresh("")

    def open_fresh(self, token: str) -> object:
        if "hoarding" in sys.argv:
            self.hoard.append(open(os.devnull))  # noqa: SIM115 - which is what is wrong
        self.storages.setdefault(token, Storage())
        return {"handle": token}

    def dispose_fresh(self, token: str) -> object:
        self.storages.pop(token, None)
        return {}

    def close(self, handle: str) -> object:
        return {}

    def get(self, handle: str, owner_id: str, task_id: str) -> object:
        storage = self.storages[handle]
        with storage.lock:
            row = storage.rows.get((owner_id, task_id))
        if row is None:
            raise Refused("NotFoundError")
        return entry(row)

    def create(self, handle: str, record: str) -> object:
        return self.write(handle, record, None)

    def put_if_version(self, handle: str, record: str, expected_version: str) -> object:
        return self.write(handle, record, int(expected_version))

    def write(self, handle: str, record: str, expected: int | None) -> object:
        storage, (key, expiry) = self.storages[handle], key_and_expiry(record)
        with storage.lock:
            row = storage.rows.get(key)
            if expected is None and row is not None:
                raise Refused("AlreadyExistsError")
            if expected is not None and row is None:
                raise Refused("NotFoundError")
            stored = 0 if row is None else row[1]
            if expected not in (None, stored):
                raise Refused("ConcurrentModificationError", actual_version=f"{stored}")
            storage.rows[key] = (record, stored + 1, expiry)
        return {"version": f"{stored + 1}"}

    def delete(self, handle: str, owner_id: str, task_id: str) -> object:
        storage = self.storages[handle]
        with storage.lock:
            return {"deleted": storage.rows.pop((owner_id, task_id), None) is not None}

    def list_by_owner(
        self, handle: str, owner_id: str, limit: str, after: str | None = None
    ) -> object:
        storage = self.storages[handle]
        with storage.lock:
            own = [key for key in storage.rows if key[0] == owner_id]
            page = sorted((key for key in own if after is None or key[1] < after), reverse=True)
            return {"records": [entry(storage.rows[key]) for key in page[: int(limit)]]}

    def cleanup_expired(self, handle: str) -> object:
        storage, now = self.storages[handle], datetime.now(UTC)
        with storage.lock:
            expired = [key for key, row in storage.rows.items() if row[2] and row[2] <= now]
            for key in expired:
                del storage.rows[key]
        return {"removed": f"{len(expired)}"}


def entry(row: tuple[str, int, datetime | None]) -> object:
    return {"record": row[0], "version": f"{row[1]}"}


def key_and_expiry(text: str) -> tuple[Key, datetime | None]:
    record = json.loads(text)
    expiry = record["expiresAt"]
    key = record["ownerId"], record["task"]["taskId"]
    return key, datetime.fromisoformat(expiry) if expiry else None


def answer(driver: Driver, request: dict[str, Any]) -> dict[str, Any]:
    head = {"jsonrpc": "2.0", "id": request["id"]}
    try:
        return {**head, "result": getattr(driver, request["method"])(**request["params"])}
    except Refused as refused:
        return {**head, "error": {"code": -32000, "message": "refused", "data": refused.data}}


def write(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def misbehave(how: str, number: int) -> None:
    """Do what no driver may in place of an answer to the request of that number."""
    sys.stderr.write(f"about to be {how}\n")
    sys.stderr.flush()
    match how:
        case "dying":
            os._exit(3)
        case "silent":
            time.sleep(3600)
        case "flooding":
            while True:
                write("x" * 100_000)
        case _:
            write(ROGUE_LINES[how].replace("ID", f"{number}"))


def wrong(**members: object) -> str:
    """A line with an answer that no driver may give; ID stands for that of the request."""
    found = {"jsonrpc": "2.0", "id": "ID", "result": {"record": "{}", "version": "1"}}
    given = {name: value for name, value in {**found, **members}.items() if value is not ...}
    return json.dumps(given).replace('"ID"', "ID")


ROGUE_LINES = {
    "talkative": "DEBUG: looking for a task",
    "undecided": wrong(error=None),
    "unasked": wrong(id=4711),
    "loose with types": wrong(result={"record": "{}", "version": 1}),
    "inventive": wrong(
        result=..., error={"code": 1, "message": "no", "data": {"kind": "OutOfCheeseError"}}
    ),
    "without a record": wrong(),
    "answering twice": f"{wrong()}\n{wrong()}",
}


ROGUES = {"dying", "silent", "flooding", *ROGUE_LINES}
"""What a driver does wrong with a `get`."""


def main() -> None:
    driver, writing, [how, *_] = Driver(), threading.Lock(), [*sys.argv[1:], ""]

    def work(line: str) -> None:
        request = json.loads(line)
        if how in ROGUES and request["method"] == "get":
            misbehave(how, request["id"])
            return
        text = json.dumps(answer(driver, request))
        with writing:
            write(text)

    with ThreadPoolExecutor(16) as pool:
        for line in sys.stdin:
            pool.submit(work, line)


if __name__ == "__main__":
    main()
