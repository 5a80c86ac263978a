"""Whether the plain operations still work after a rule, and whose doing it is where they do not.

One row that nothing can read, or one call that never ends and keeps a lock, would fail every rule
that comes later. So the rule after which an operation no longer works has failed, and the later
ones are blocked by it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from pmcp_conformance.engine.attempt import repeated
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.violation import Inconclusive
from pmcp_conformance.engine.watchdog import Hang, Watchdog, WatchedBackend
from pmcp_conformance.report.results import Finding, Outcome, Result
from pmcp_storage import Task, TaskRecord, TaskStatus

_LOOKS = 8
"""How often an operation fails before it counts as broken: other workers may be in its way, answers
may be lost."""

_TRIES = 8
"""Attempts at an operation in each look, for a storage may refuse many requests."""

_PAUSE = 0.15
"""Seconds between two looks."""


class Health:
    """The health of the storage that a target's rules share in one process.

    What works when it is made has to work after each rule.
    """

    def __init__(self, run: TargetRun) -> None:
        self.broken_by = ""
        """The rule after which operations no longer work; empty where all work."""
        self.hangs = False
        """Whether one has never returned, so that no other rule need be tried."""
        self._run = run
        self._owner_id = run.new_owner()
        self._numbers = count(1)
        self._working: set[str] | None = None
        self._look()

    def checked(self, result: Result) -> Result:
        """The result of a rule that has just ended, in view of what works after it."""
        if result.outcome is Outcome.NOT_RUN or not self._working:
            return result
        if self.broken_by and result.outcome is Outcome.PASSED:
            return result
        broken = self._broken()
        if not broken:
            self.broken_by = ""
            return result
        if self.broken_by:
            return self.blocked(result)
        self.broken_by = result.rule
        finding = result.finding or Finding("plain operations to work after it", broken)
        return replace(
            result, outcome=Outcome.FAILED, reason=finding.observed, finding=finding, blocked_by=""
        )

    def blocked(self, result: Result) -> Result:
        """The result of a rule that another one has left no chance."""
        return replace(
            result,
            outcome=Outcome.BLOCKED,
            reason=f"blocked by {self.broken_by}",
            blocked_by=self.broken_by,
        )

    def close(self) -> None:
        """Nothing is held."""

    def _broken(self) -> str:
        """What has worked in this run and does not any more; empty where everything works."""
        broken = ""
        for number in range(_LOOKS):
            if number:
                time.sleep(_PAUSE)
            broken = self._look()
            if not broken or self.hangs:
                break
        return broken

    def _look(self) -> str:
        """What does not work and has worked; empty if nothing does.

        The first time nothing has worked before, and what works then is noted.
        """
        watchdog = Watchdog(self._run.target.answer_within)
        worked = set[str]()
        try:
            return watchdog.run(partial(self._try_operations, watchdog, worked))
        except Hang as hang:
            self._run.forget_handle()
            self.hangs = bool(self._working)
            return f"{hang}, as it did before" if self.hangs else ""
        except Inconclusive:
            self._run.forget_handle()
            return ""
        except Exception as error:
            return f"open raised {type(error).__name__}: {error}" if self._working else ""
        finally:
            if self._working is None:
                self._working = worked

    def _try_operations(self, watchdog: Watchdog, worked: set[str]) -> str:
        """Try what has worked, or everything the first time; `worked` takes what works now.

        The delete comes last, whatever fails before it. Where that does not work nothing is tried
        in later looks, which would leave their records behind. Raises what opening a handle raises.
        """
        broken = ""
        for name, call in self._operations():
            if name != "delete" and (broken or name not in (self._working or [name])):
                continue
            handle = WatchedBackend(self._run.handle(), watchdog)
            try:
                repeated(partial(call, handle), _TRIES)
                worked.add(name)
            except Exception as error:
                self._run.discard_handle()
                if self._working is not None:
                    outcome = f"{type(error).__name__}: {error}"
                    broken = broken or f"{name} of another record raised {outcome}"
        if "delete" not in worked:
            worked.clear()
        return broken

    def _operations(self) -> Iterator[tuple[str, Callable[[Any], object]]]:
        """Each operation by its name, on a record that nobody else uses."""
        owner_id, task_id = self._owner_id, f"task {next(self._numbers)}"
        now = datetime.now(UTC)
        task = Task(task_id=task_id, status=TaskStatus.WORKING, created_at=now, last_updated_at=now)
        record = TaskRecord(
            task=task,
            owner_id=owner_id,
            request_method="tools/call",
            expires_at=now + timedelta(minutes=50),
        )
        yield "create", lambda handle: handle.create(record)
        yield "get", lambda handle: handle.get(owner_id, task_id)
        yield "put", lambda handle: handle.put(record)
        yield "list_by_owner", lambda handle: handle.list_by_owner(owner_id)
        yield "count_by_owner", lambda handle: handle.count_by_owner(owner_id)
        yield "cleanup_expired", lambda handle: handle.cleanup_expired()
        yield "delete", lambda handle: handle.delete(owner_id, task_id)
