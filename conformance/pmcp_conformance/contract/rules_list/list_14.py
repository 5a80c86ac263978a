"""LIST-14: writes while iterations wait for those who read them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.attempt import repeated
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_entry, expect_raises
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_storage import NotFoundError
from pmcp_storage.backend import PAGE

T = TypeVar("T")

_MANY = 16
"""Iterations: more than the connections that pools of drivers have by default."""

_WRITES = 8
"""Attempts at a write: others may be in its way at times."""


@rule("LIST-14", since="1.1")
def iterations_that_wait(trial: Trial) -> None:
    """Iterations that are read slowly hold up no write: what they have yielded and what they have
    not, and other records, can be written and deleted between two entries, and get shows it.

    Why: Between two entries the caller works on the first, which may take minutes. Whoever wants to
    end a task meanwhile waits for that, and a caller who does so himself waits for ever. Or he
    reads, over the connection of the iteration, what was there when it began.

    Real bug: AsyncSqliteSaver.alist of LangGraph yielded within its lock, so that no checkpoint
    could be written while an iteration was paused.
    (https://github.com/langchain-ai/langgraph/issues/8558)

    Mend: Read a page, let go of the lock, the cursor and the connection, and only then yield its
    entries: no `yield` within a `with`. The base class's `_pages` does so.
    """
    owner = trial.owner()
    ids = [f"t{number:03}" for number in range(PAGE + 4)]
    for task_id in ids:
        trial.store_record(owner, task_id)
    for number in (1, _MANY):
        write_beside_iterations(trial, owner, ids, number)


def write_beside_iterations(trial: Trial, owner: str, ids: list[str], number: int) -> None:
    """Write, by either handle, the record to be read last, one that was read and another one, and
    delete them, while so many iterations have yielded an entry each; see what get shows."""
    others = [trial.open()] if trial.target.shared else []
    iterations = [trial.backend.iter_by_owner(owner) for _ in range(number)]
    list(map(next, iterations))
    try:
        # The other handle first: a write over the connection of an iteration may renew its view.
        for handle in (*others, trial.backend):
            for task_id in (ids[0], ids[-1], "another"):
                record = trial.record(owner, task_id)
                version = written_elsewhere(trial, partial(handle.put, record))
                expect_entry(trial.backend.get(owner, task_id), record, version)
            for task_id in (ids[0], ids[-1], "another"):
                written_elsewhere(trial, partial(handle.delete, owner, task_id))
                expect_raises(NotFoundError, trial.backend.get, owner, task_id)
    finally:
        iterations.clear()  # the traceback of an error would keep them, and what they hold


def written_elsewhere(trial: Trial, write: Callable[[], T]) -> T:
    """What a write returns in another thread: a lock may let the one that holds it pass."""
    [attempt] = call_simultaneously(trial.watchdog, [partial(repeated, write, _WRITES)])
    written: T = attempt.unwrap()
    return written
