"""The server of a small key-value store over TCP: one line of JSON asks, one answers.

A write carries a token of its own, which is stored with the row and comes back with a refusal.
"""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from contextlib import suppress
from typing import Any

Message = dict[str, Any]


class TcpServer(socketserver.ThreadingTCPServer):
    """The server, in threads of this process; `rows` are {"data", "version", "token", "expiry"}."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.rows: dict[tuple[str, str], Message] = {}
        self.lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End all connections, and wait for their threads."""
        self.shutdown()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()
        self._thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def answer(self, request: Message) -> Message:
        with self.lock:
            action = getattr(self, f"do_{request.pop('do')}")
            answer: Message = action(**request)
            return answer

    def do_get(self, owner: str, task: str) -> Message:
        return {"row": self.rows.get((owner, task))}

    def do_write(self, owner: str, task: str, expected: int, **row: Any) -> Message:
        stored = self.rows.get((owner, task))
        version = 0 if stored is None else stored["version"]
        if version != expected:
            return {"done": False, "version": version, "token": stored and stored["token"]}
        self.rows[owner, task] = {**row, "version": version + 1}
        return {"done": True}

    def do_increment(self, owner: str, task: str, **row: Any) -> Message:
        """Write whatever is stored: what clients that repeat it apply twice."""
        stored = self.rows.get((owner, task))
        version = 1 if stored is None else stored["version"] + 1
        self.rows[owner, task] = {**row, "version": version}
        return {"version": version}

    def do_delete(self, owner: str, task: str) -> Message:
        return {"found": self.rows.pop((owner, task), None) is not None}

    def do_list(self, owner: str, limit: int, after: str | None) -> Message:
        tasks = sorted((t for o, t in self.rows if o == owner), reverse=True)
        page = [task for task in tasks if after is None or task < after][:limit]
        return {"rows": [{"task": task, **self.rows[owner, task]} for task in page]}

    def do_cleanup(self, now: float) -> Message:
        gone = [
            key
            for key, row in self.rows.items()
            if row["expiry"] is not None and row["expiry"] <= now
        ]
        for key in gone:
            del self.rows[key]
        return {"removed": len(gone)}


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: TcpServer

    def handle(self) -> None:
        with suppress(OSError):
            for line in self.rfile:
                answer = self.server.answer(json.loads(line))
                self.wfile.write(json.dumps(answer).encode() + b"\n")
