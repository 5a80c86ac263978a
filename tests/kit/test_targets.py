"""Targets: how they are found, what is refused, and what their facts do to a verdict."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pmcp_conformance.catalogue import catalogue
from support.kit_projects import FEW, PYTEST, ids, last_verdict, project, run_kit


def test_a_target_from_a_conftest_is_validated(pytester: pytest.Pytester) -> None:
    project(pytester)
    result = run_kit(pytester)
    assert result.ret == pytest.ExitCode.OK
    verdict = last_verdict(result)
    assert verdict.startswith("mine CONFORMANT ")
    assert f" of {len(catalogue())} (" in verdict
    assert "unproven: no plant" in verdict


def test_without_a_target_it_says_where_it_looked(pytester: pytest.Pytester) -> None:
    result = run_kit(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*no backend*{pytester.path}*--pmcp-backend memory*"])


def test_an_unavailable_target_is_incomplete(pytester: pytest.Pytester) -> None:
    project(pytester)
    conftest = pytester.path / "conftest.py"
    method = "    def unavailable(self):\n        return 'no server at hand'\n"
    conftest.write_text(conftest.read_text().replace("    def open", f"{method}    def open"))
    result = run_kit(pytester, *ids(*FEW))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["mine INCOMPLETE 0 of *", "*could not run: no server at hand"])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("native_expiry = True", "*native_expiry = True needs the back door stored_expiry*"),
        ("name = 'a b'", "*name must be text of letters*"),
        ("durable = 'no'", "*durable must be True or False*"),
        ("max_record_bytes = 0", "*max_record_bytes must be a number of at least*"),
        ("storage_limit_bytes = 5", "*storage_limit_bytes must be None or at least*"),
        ("shared, interprocess = False, True", "*interprocess = True needs shared = True*"),
    ],
)
def test_facts_that_cannot_be_true_are_refused(
    pytester: pytest.Pytester, change: str, complaint: str
) -> None:
    project(pytester)
    conftest = pytester.path / "conftest.py"
    conftest.write_text(conftest.read_text().replace("    def open", f"    {change}\n    def open"))
    result = run_kit(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([complaint])


def test_a_false_fact_is_named(pytester: pytest.Pytester) -> None:
    never_removes = "class Keeper(InMemoryBackend):\n    def _cleanup_expired(self): return 0\n"
    project(pytester, "Keeper", never_removes)
    result = run_kit(pytester, *ids("EXP-3"))
    result.stdout.fnmatch_lines(
        ["  EXP-3 fails: *", "*applies because the target declares native_expiry = False"]
    )


@pytest.mark.parametrize("start", [[sys.executable, "-m", "pytest"], [PYTEST]])
def test_a_target_is_named_on_the_command_line(pytester: pytest.Pytester, start: list[str]) -> None:
    project(pytester)
    module = (pytester.path / "conftest.py").rename(pytester.path / "backends.py")
    options = ["-p", "pmcp_conformance", "--pmcp-backend", f"{module.stem}:Mine", "-k", "GET-1"]
    assert pytester.run(*start, *options).ret == pytest.ExitCode.OK


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        (
            "nonsense",
            "*neither a shipped target (dynamodb, dynamodb-async, memory, *sqlite)*",
        ),
        ("json:dumps", "*is not a BackendTarget*"),
        ("no.such:Thing", "*ModuleNotFoundError*looked for it from*"),
        ("pmcp_conformance:BackendTarget", "*cannot be instantiated*abstract*"),
    ],
)
def test_wrong_names_are_explained(pytester: pytest.Pytester, name: str, complaint: str) -> None:
    result = run_kit(pytester, "--pmcp-backend", name)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([complaint])


def test_the_list_of_shipped_targets_needs_no_library_of_theirs() -> None:
    script = (
        "import sys; from pmcp_conformance.targets import shipped_targets; "
        "print(*shipped_targets()); print(*sys.modules)"
    )
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    names, loaded = (line.split() for line in output.splitlines())
    assert {"dynamodb", "memory", "redis", "sqlite"} <= set(names)
    assert not {"boto3", "botocore", "psycopg", "pytest", "redis"} & set(loaded)


def test_an_async_backend_is_taken_as_it_is(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import asyncio, pytest
        from pmcp_conformance import BackendTarget
        from pmcp_storage import AsyncStorageBackend, InMemoryBackend, MemoryStorage

        STORAGE = MemoryStorage()

        class Mine(AsyncStorageBackend):
            def __init__(self):
                self.inner = InMemoryBackend(STORAGE)
            async def _get(self, owner_id, task_id):
                await asyncio.sleep(0)
                return self.inner.get(owner_id, task_id)
            async def _create(self, record):
                return self.inner.create(record)
            async def _put_if_version(self, record, expected_version):
                return self.inner.put_if_version(record, expected_version)
            async def _delete(self, owner_id, task_id):
                return self.inner.delete(owner_id, task_id)
            async def _list_by_owner(self, owner_id, *, limit, after):
                return self.inner.list_by_owner(owner_id, limit=limit, after=after)
            async def _cleanup_expired(self):
                return self.inner.cleanup_expired()

        class Target(BackendTarget):
            name = "mine"
            interprocess = durable = False
            def open(self):
                return Mine()

        @pytest.hookimpl(optionalhook=True)
        def pytest_pmcp_backends():
            return [Target()]
        """
    )
    result = run_kit(pytester)
    assert result.ret == pytest.ExitCode.OK
    assert last_verdict(result).startswith("mine CONFORMANT ")


def test_what_is_no_backend_is_refused_by_name(pytester: pytest.Pytester) -> None:
    project(pytester)
    conftest = pytester.path / "conftest.py"
    conftest.write_text(conftest.read_text().replace("return InMemoryBackend(", "return str("))
    result = run_kit(pytester, *ids("GET-1"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*could not run: *Mine.open() must return a backend, not str"])


def test_handles_that_share_nothing_can_be_conformant(pytester: pytest.Pytester) -> None:
    project(pytester)
    conftest = pytester.path / "conftest.py"
    facts = "shared = interprocess = durable = False"
    text = conftest.read_text().replace("interprocess = durable = False", facts)
    conftest.write_text(text.replace("(self.storage)", "()"))
    result = run_kit(pytester)
    assert result.ret == pytest.ExitCode.OK
    assert "not shared" in last_verdict(result)


def test_a_door_that_raises_is_the_finding_of_one_rule(pytester: pytest.Pytester) -> None:
    door = """
    def open_misconfigured(self):
        raise OSError("no such folder")
    __getstate__ = lambda self: {}
"""
    project(pytester)
    conftest = pytester.path / "conftest.py"
    text = conftest.read_text().replace("    def __getstate__(self):\n        return {}\n", door)
    conftest.write_text(text)
    result = run_kit(pytester, "-k", "ERR-")
    result.stdout.fnmatch_lines(
        ["*open_misconfigured() returns a handle*", "*it raised OSError: no such folder*"]
    )
    verdict = last_verdict(result)
    assert "1 failed: ERR-4;" in verdict
    assert "blocked: ERR-1, ERR-5, ERR-8;" in verdict
