"""What a client notes of each operation, and what becomes of a history that is wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mutants.base import MutantTarget
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.history import Operation, load
from pmcp_conformance.history.recorder import Client, History, save_temporarily
from pmcp_storage import BackendError, InMemoryBackend, OutcomeUnknownError, TaskRecord
from support.trials import trial_against


class Failing(InMemoryBackend):
    """A backend whose puts fail with the error that it is given."""

    error: Exception | None = None

    def _put(self, record: TaskRecord) -> int:
        if self.error is not None:
            raise self.error
        return super()._put(record)


@pytest.fixture
def trial() -> Iterator[Trial]:
    with trial_against(MutantTarget(backend=Failing)) as trial:
        yield trial


@pytest.fixture
def history(trial: Trial) -> History:
    return History(trial.owner())


def client_of(history: History, trial: Trial) -> Client:
    return Client(history, trial.backend.unrecorded, trial)


def statuses(history: History) -> list[tuple[str, str]]:
    return [(operation.kind, operation.status) for operation in history.operations]


def fail_with(trial: Trial, error: Exception | None) -> None:
    backend = trial.backend.unrecorded
    assert isinstance(backend, Failing)
    backend.error = error


def test_refusals_and_absence_are_outcomes(trial: Trial, history: History) -> None:
    client = client_of(history, trial)
    client.get("a")
    client.swap("a")
    client.create("a")
    client.create("a")
    client.put("a")
    client.seen["a"] = 1
    client.swap("a")
    client.delete("a")
    client.delete("a")
    assert statuses(history) == [
        ("get", "absent"),
        ("cas", "absent"),
        ("create", "ok"),
        ("create", "exists"),
        ("put", "ok"),
        ("cas", "conflict"),
        ("delete", "ok"),
        ("delete", "absent"),
    ]
    assert history.operations[5].version == 2
    history.verify(trial, "recorder")


def test_after_an_unknown_outcome_the_client_goes_on_as_another_one(
    trial: Trial, history: History
) -> None:
    client = client_of(history, trial)
    fail_with(trial, OutcomeUnknownError("the connection was lost"))
    client.put("a")
    fail_with(trial, None)
    client.put("a")
    unknown, known = history.operations
    assert (unknown.status, unknown.ret) == ("unknown", None)
    assert known.status == "ok"
    assert known.client != unknown.client


def test_a_failed_operation_did_not_happen(trial: Trial, history: History) -> None:
    fail_with(trial, BackendError("the server is gone"))
    client_of(history, trial).put("a")
    assert history.operations == []


def test_an_error_that_no_history_has_a_term_for_is_raised(trial: Trial, history: History) -> None:
    fail_with(trial, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        client_of(history, trial).put("a")


def test_a_swap_expects_the_version_that_the_client_last_saw(
    trial: Trial, history: History
) -> None:
    client = client_of(history, trial)
    client.put("a")
    client.put("a")
    client.swap("a")
    swap = history.operations[-1]
    assert (swap.kind, swap.expected, swap.version) == ("cas", 2, 3)


def test_a_listing_is_a_read_of_each_key_at_the_same_time(trial: Trial, history: History) -> None:
    client = client_of(history, trial)
    client.put("a")
    client.list(["a", "b"])
    _, present, absent = history.operations
    assert (present.key, present.status, present.rwid) == ("a", "ok", "w1")
    assert (absent.key, absent.status, absent.rwid) == ("b", "absent", None)
    assert (present.call, present.ret) == (absent.call, absent.ret)
    assert present.listed
    assert absent.listed


def test_a_lost_update_is_shown_on_a_timeline_and_its_history_saved(
    trial: Trial, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for number in (1, 2):  # both clients have created the key
        wid = f"w{number}"
        creation = Operation(number, "a", "create", "ok", number, number, version=1, wid=wid)
        history.operations.append(creation)
    with pytest.raises(Violation) as caught:
        history.verify(trial, "CON-4")
    (saved,) = (tmp_path / "pmcp-histories").glob("*CON-4.jsonl")
    assert list(load(str(saved))) == history.operations
    assert f"python -m pmcp_conformance.history {saved}" in caught.value.observed
    assert "create" in "".join(caught.value.operations or [])


def test_only_the_newest_histories_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    files = [save_temporarily([], f"{number}") for number in range(25)]
    assert sorted((tmp_path / "pmcp-histories").iterdir()) == files[-20:]
