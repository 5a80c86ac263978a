"""A driver over any target of the tests, so that crashes and faults can be tried through a pipe.

    python tests/support/target_driver.py support.tcp_store:TcpTarget

Further arguments are what the target is made with, such as the class of its backend. The first
process of a run prepares the target, and the others take over what it has prepared.
"""

from __future__ import annotations

import fcntl
import json
import os
import pickle
import sys
import tempfile
import threading
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, get_args

sys.path.insert(0, str(Path(__file__).parents[1]))

from pmcp_conformance import BackendTarget
from pmcp_conformance.driver.messages import BackDoor, Facts
from pmcp_storage import (
    ConcurrentModificationError,
    StorageBackend,
    StorageError,
    TaskRecord,
    VersionedRecord,
)

FOLDER = Path(os.environ["PMCP_DRIVER_DIR"])


def named(place: str) -> Any:
    """What `package.module:Name` names."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def prepared(target: BackendTarget) -> BackendTarget:
    """The target, prepared once for all processes of a run."""
    tempfile.tempdir = str(FOLDER)
    state = FOLDER / "target"
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if state.exists():
            vars(target).update(pickle.loads(state.read_bytes()))
        else:
            target.prepare()
            state.write_bytes(pickle.dumps(target.__getstate__() or {}))
    return target


class Driver:
    """Answers to requests, each a method of its name; handles by their names."""

    def __init__(self, target: BackendTarget) -> None:
        self.target = target
        self.handles: dict[str, StorageBackend] = {}
        self.numbers = count(1)

    def describe(self, protocol: int) -> object:
        doors = [door for door in get_args(BackDoor) if self.target.offers(door)]
        described: dict[str, Any] = {"protocol": protocol, "name": self.target.name}
        facts = {name: getattr(self.target, name) for name in Facts.model_fields}
        described |= {"facts": facts, "back_doors": doors, "methods": ["put", "count_by_owner"]}
        if "open_at" in doors:
            host, port = self.target.address()
            described["address"] = {"host": host, "port": port}
        return described

    def open(self, method: str = "open", *args: Any) -> object:
        name = f"h{next(self.numbers)}"
        self.handles[name] = self.target.handle(method, *args)
        return {"handle": name}

    def open_at(self, host: str, port: int) -> object:
        return self.open("open_at", host, port)

    def close(self, handle: str) -> object:
        self.handles.pop(handle).close()
        return {}

    def refusals(self) -> object:
        told = [
            {"reason": refusal.reason, "answer": b64encode(refusal.answer).decode()}
            for refusal in self.target.refusals()
            if isinstance(refusal.answer, bytes)
        ]
        return {"refusals": told}

    def get(self, handle: str, owner_id: str, task_id: str) -> object:
        return entry(self.handles[handle].get(owner_id, task_id))

    def create(self, handle: str, record: str) -> object:
        return {"version": f"{self.handles[handle].create(TaskRecord.from_json(record))}"}

    def put(self, handle: str, record: str) -> object:
        return {"version": f"{self.handles[handle].put(TaskRecord.from_json(record))}"}

    def put_if_version(self, handle: str, record: str, expected_version: str) -> object:
        written = TaskRecord.from_json(record), int(expected_version)
        return {"version": f"{self.handles[handle].put_if_version(*written)}"}

    def delete(self, handle: str, owner_id: str, task_id: str) -> object:
        return {"deleted": self.handles[handle].delete(owner_id, task_id)}

    def list_by_owner(self, handle: str, owner_id: str, limit: str, after: str | None) -> object:
        page = self.handles[handle].list_by_owner(owner_id, limit=int(limit), after=after)
        return {"records": [entry(found) for found in page]}

    def count_by_owner(
        self, handle: str, owner_id: str, live_at: str | None, at_most: str | None
    ) -> object:
        counted = self.handles[handle].count_by_owner(
            owner_id,
            live_at=(live_at and datetime.fromisoformat(live_at)) or None,
            at_most=(at_most and int(at_most)) or None,
        )
        return {"count": f"{counted}"}

    def cleanup_expired(self, handle: str) -> object:
        return {"removed": f"{self.handles[handle].cleanup_expired()}"}


def entry(found: VersionedRecord) -> object:
    return {"record": found.record.to_json(), "version": f"{found.version}"}


def answer(driver: Driver, request: dict[str, Any]) -> dict[str, Any]:
    head = {"jsonrpc": "2.0", "id": request["id"]}
    try:
        return {**head, "result": getattr(driver, request["method"])(**request["params"])}
    except StorageError as error:
        data = {"kind": type(error).__name__}
        if isinstance(error, ConcurrentModificationError):
            data["actual_version"] = f"{error.actual_version}"
        return {**head, "error": {"code": -32000, "message": f"{error}", "data": data}}


def main() -> None:
    kind, *made_with = map(named, sys.argv[1:])
    driver = Driver(prepared(kind(*made_with)))
    writing = threading.Lock()

    def work(line: str) -> None:
        text = json.dumps(answer(driver, json.loads(line)))
        with writing:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()

    with ThreadPoolExecutor(16) as pool:
        for line in sys.stdin:
            pool.submit(work, line)


if __name__ == "__main__":
    main()
