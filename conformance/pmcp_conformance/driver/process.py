"""The program of a driver and its pipes: requests by any thread, each of which gets its answer.

Whatever is not an answer to a request under way breaks the protocol: all requests fail then, with
the line and the last lines of standard error, and the program is killed with its whole group.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import IO, Any, TypeVar

from pydantic import ValidationError

from pmcp_conformance.driver.messages import Error, Message
from pmcp_conformance.engine.patience import Limit

LONGEST_LINE = 2**28
"""Bytes of a line, after which no end of it is waited for: more than a page of large records."""

_LOOK_EVERY = 0.2
"""Seconds between two looks whether an answer is overdue."""

_ENDED_WITHIN = 5.0
"""Seconds that a driver has to end in when its standard input has ended."""

_LAST_WORDS_WITHIN = 1.0
"""Seconds in which what a killed driver has written to standard error arrives."""

_STDERR_SHOWN = 2_000
"""Bytes of standard error's end that an error shows."""

_LINE_SHOWN = 300
"""Characters of a line that an error shows."""

Answer = TypeVar("Answer", bound=Message)


class DriverError(Exception):
    """The driver has broken the protocol, or has ended."""


class Refused(Exception):  # noqa: N818 - an answer, and no failure of the protocol
    """The driver's answer is an error of its backend."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.message)
        self.error = error


class _Request:
    """A request that waits for its answer."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.answer: Mapping[str, Any] = {}
        self.is_answered = threading.Event()


class DriverProcess:
    """A driver that runs, the leader of a process group of its own.

    `held` is a file that the driver inherits, and so holds a lock on for as long as it lives. An
    answer must come within `answer_within` seconds of an idle machine. Raises DriverError if the
    program cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: str,
        environment: Mapping[str, str],
        held: int,
        answer_within: float,
    ) -> None:
        self.answer_within = answer_within
        self._ids = count(1)
        self._requests: dict[int, _Request] = {}
        self._writing = threading.Lock()
        self._breaking = threading.Lock()
        self._broken = ""
        self._stderr = b""
        self._process = _started(command, folder, environment, held)
        self.pid = self._process.pid
        self._end = weakref.finalize(self, end, self._process)
        stdin, stdout, stderr = (
            self._process.stdin,
            self._process.stdout,
            self._process.stderr,
        )
        assert stdin is not None
        assert stdout is not None
        assert stderr is not None
        self._stdin = stdin
        self._reading_stderr = _started_thread(self._keep_stderr, stderr)
        _started_thread(self._read, stdout)

    @property
    def works(self) -> bool:
        """Whether it runs and has kept to the protocol."""
        return not self._broken

    def call(self, method: str, answer: type[Answer], params: Mapping[str, Any]) -> Answer:
        """Send a request and wait for its answer, which must be of that type.

        Raises Refused for an error of the backend, DriverError where the protocol is broken, and
        Inconclusive where the machine is too busy to tell whether the answer is overdue.
        """
        number, request = next(self._ids), _Request(method)
        self._requests[number] = request
        try:
            self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            self._wait_for(request)
        finally:
            self._requests.pop(number, None)
        return self._read_answer(request, answer)

    def close(self) -> None:
        """Let the driver end, and kill it where it does not."""
        self._broken = self._broken or "the driver was ended by the kit"
        self._end()

    def _send(self, message: Mapping[str, Any]) -> None:
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        with self._writing:
            if not self._broken:
                with suppress(OSError):  # of one that has ended: the reader says so
                    self._stdin.write(line)
                    self._stdin.flush()

    def _wait_for(self, request: _Request) -> None:
        overdue = Limit(self.answer_within)
        while not request.is_answered.wait(_LOOK_EVERY):
            if self._broken:
                break
            if overdue.is_certainly_over():
                self._break(f"it has not answered {request.method} in {overdue.seconds:g} s")
        if not request.is_answered.is_set() or not request.answer:
            raise DriverError(self._broken)

    def _read_answer(self, request: _Request, kind: type[Answer]) -> Answer:
        try:
            if "error" in request.answer:
                raise Refused(Error.model_validate(request.answer["error"]))
            return kind.model_validate(request.answer["result"])
        except ValidationError as error:
            [first, *_] = error.errors(include_url=False, include_input=False)
            member = "error" if "error" in request.answer else "result"
            place = ".".join(map(str, (member, *first["loc"])))
            problem = f"its answer to {request.method} has a wrong {place}: {first['msg']}"
            self._break(problem, json.dumps(request.answer))
            raise DriverError(self._broken) from None

    # What the driver says, each of its streams in a thread of its own.

    def _read(self, stdout: IO[bytes]) -> None:
        with stdout:
            while line := stdout.readline(LONGEST_LINE):
                if problem := self._take(line):
                    self._break(problem, line.decode(errors="replace"))
                    return
        self._break(f"it has ended {_how_ended(self._process)}")

    def _take(self, line: bytes) -> str:
        """Hand a line to the request that it answers; what is wrong with it, if something is."""
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            return "it wrote a line to standard output that is no JSON"
        if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0":
            return "it wrote a line to standard output that is no message of JSON-RPC 2.0"
        if ("result" in answer) == ("error" in answer):
            return "it wrote a message that has not one of result and error"
        number = answer.get("id")
        request = self._requests.pop(number, None) if type(number) is int else None
        if request is None:
            return (
                f"it answered the id {json.dumps(number)}, of which no request waits for an answer"
            )
        request.answer = answer
        request.is_answered.set()
        return ""

    def _keep_stderr(self, stderr: IO[bytes]) -> None:
        with stderr:
            while chunk := stderr.read1(65_536):  # type: ignore[attr-defined]
                self._stderr = (self._stderr + chunk)[-_STDERR_SHOWN:]

    def _break(self, problem: str, line: str = "") -> None:
        """End the driver, and let every request fail with what was wrong first."""
        with self._breaking:
            if self._broken:
                return
            kill_group(self.pid)
            self._reading_stderr.join(_LAST_WORDS_WITHIN)
            self._broken = self._text(problem, line)
        for request in list(self._requests.values()):
            request.is_answered.set()

    def _text(self, problem: str, line: str = "") -> str:
        shown = f"; the line: {_shortened(line.strip())}" if line else ""
        said = self._stderr.decode(errors="replace").strip()
        last = f"; the end of standard error: {said}" if said else "; nothing on standard error"
        return f"the driver broke the protocol: {problem}{shown}{last}"


def kill_group(leader: int) -> None:
    """SIGKILL the process group of this process."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def end(process: subprocess.Popen[bytes]) -> None:
    """Let a driver end by ending its standard input, and kill its group in any case."""
    assert process.stdin
    with suppress(OSError):
        process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_ENDED_WITHIN)
    kill_group(process.pid)
    process.wait()


def _started(
    command: Sequence[str], folder: str, environment: Mapping[str, str], held: int
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, **environment},
            start_new_session=True,
            pass_fds=[held],
        )
    except OSError as error:
        raise DriverError(f"the driver cannot be started in {folder}: {error}") from error


def _started_thread(work: Any, stream: IO[bytes]) -> threading.Thread:
    thread = threading.Thread(target=work, args=(stream,), daemon=True)
    thread.start()
    return thread


def _how_ended(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(1.0)
    except subprocess.TimeoutExpired:
        return "its standard output, and runs on"
    return f"by signal {-code}" if code < 0 else f"with exit code {code}"


def _shortened(line: str) -> str:
    return line if len(line) <= _LINE_SHOWN else f"{line[:_LINE_SHOWN]}…"
