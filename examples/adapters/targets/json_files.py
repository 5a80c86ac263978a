"""The target of JSON files, in a temporary folder."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import quote

from adapters.json_files import JsonFilesBackend
from pmcp_conformance import BackendTarget


class JsonFilesTarget(BackendTarget):
    name = "json-files"

    def prepare(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="json-files-")

    def dispose(self) -> None:
        shutil.rmtree(self._folder)

    def open(self) -> JsonFilesBackend:
        return self.open_fresh("tasks")

    def open_fresh(self, token: str) -> JsonFilesBackend:
        folder = Path(self._folder, token)
        folder.mkdir(exist_ok=True)
        return JsonFilesBackend(folder)

    def open_misconfigured(self) -> JsonFilesBackend:
        return JsonFilesBackend(Path(self._folder, "missing"))

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        folder = Path(self._folder, "tasks", quote(owner_id, safe=""))
        folder.mkdir(exist_ok=True)
        row = {"task_id": task_id, "version": version, "expires_at": None, "data": data}
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as scratch:
            json.dump(row, scratch)
        os.replace(scratch.name, folder / f"{quote(task_id, safe='')}.json")
