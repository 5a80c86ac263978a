"""RedisBackend when requests or their answers are lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from random import Random

import pytest
import redis

from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    OutcomeUnknownError,
    RedisBackend,
)
from support.records import make_record
from support.redis_proxy import RedisProxy, RequestFault, Verdict
from support.redis_server import RedisServer


def once(verdict: Verdict, then: Callable[[], object] = lambda: None) -> RequestFault:
    """The verdict on the first script or read; `then` is done before the second one is passed."""
    meetings = count(1)

    def fault(request: bytes) -> Verdict:
        if not any(name in request for name in (b"EVAL", b"HMGET")):
            return "pass"
        meeting = next(meetings)
        if meeting == 2:
            then()
        return verdict if meeting == 1 else "pass"

    return fault


@pytest.mark.parametrize("verdict", ["lose", "refuse"])
def test_a_lost_request_or_answer_is_made_good(
    backend: RedisBackend, through: RedisBackend, proxy: RedisProxy, verdict: Verdict
) -> None:
    proxy.fault = once(verdict)
    assert through.create(make_record(variables={"n": 1})) == 1
    proxy.fault = once(verdict)
    assert through.put_if_version(make_record(variables={"n": 2}), 1) == 2
    proxy.fault = once(verdict)
    assert through.put(make_record(variables={"n": 3})) == 3
    proxy.fault = once(verdict)
    assert through.get("o", "t").record.variables == {"n": 3}
    proxy.fault = once(verdict)
    assert len(through.list_by_owner("o")) == 1
    assert backend.get("o", "t").version == 3


def test_the_outcome_of_a_delete_whose_answer_is_lost_is_unknown(
    backend: RedisBackend, through: RedisBackend, proxy: RedisProxy
) -> None:
    backend.create(make_record())
    proxy.fault = once("lose")
    with pytest.raises(OutcomeUnknownError, match="is gone"):
        through.delete("o", "t")
    assert backend.count_by_owner("o") == 0
    backend.create(make_record())
    proxy.fault = once("refuse")
    assert through.delete("o", "t")


def test_an_equal_record_of_another_writer_is_not_taken_for_ones_own(
    backend: RedisBackend, through: RedisBackend, proxy: RedisProxy
) -> None:
    backend.create(make_record())
    proxy.fault = once("refuse", then=lambda: backend.put(make_record()))
    with pytest.raises(ConcurrentModificationError) as refused:
        through.put_if_version(make_record(), 1)
    assert refused.value.actual_version == 2


def test_the_outcome_of_a_write_that_others_may_have_overwritten_is_unknown(
    backend: RedisBackend, through: RedisBackend, proxy: RedisProxy
) -> None:
    backend.create(make_record())
    proxy.fault = once("lose", then=lambda: backend.put(make_record()))
    with pytest.raises(OutcomeUnknownError, match="others have written since"):
        through.put_if_version(make_record(), 1)
    proxy.fault = once("lose", then=lambda: backend.delete("o", "t"))
    with pytest.raises(OutcomeUnknownError):
        through.put_if_version(make_record(), 3)
    proxy.fault = once("lose", then=lambda: backend.put(make_record()))
    with pytest.raises(OutcomeUnknownError):
        through.create(make_record())


def test_the_outcome_of_a_write_that_is_never_answered_is_unknown(
    backend: RedisBackend, through: RedisBackend, proxy: RedisProxy
) -> None:
    proxy.fault = lambda request: "lose" if b"EVAL" in request else "pass"
    writes: list[Callable[[], object]] = [
        lambda: through.create(make_record()),
        lambda: through.put_if_version(make_record(), 1),
        lambda: through.put(make_record()),
        lambda: through.delete("o", "t"),
    ]
    for write in writes:
        with pytest.raises(OutcomeUnknownError) as failed:
            write()
        assert isinstance(failed.value.__cause__, redis.RedisError)
    with pytest.raises(BackendError) as failed_read:
        through.list_by_owner("o")
    assert not isinstance(failed_read.value, OutcomeUnknownError)
    proxy.fault = lambda request: "pass"
    assert through.put(make_record()) == 1


@pytest.mark.parametrize(
    "garbage", [b"HTTP/1.1 400 Bad\r\n\r\n", b"+OK\r\n", b":1\r\n", b"*2\r\n$"]
)
def test_an_answer_that_is_not_redis_protocol_is_made_good(
    proxy: RedisProxy, prefix: str, garbage: bytes
) -> None:
    with redis.Redis(port=proxy.port, socket_timeout=0.2) as client:
        through = RedisBackend(client, prefix)
        through.create(make_record())
        for version, replaced in ((1, True), (2, False)):
            left = [garbage]

            def mangle(answer: bytes, left: list[bytes] = left, replaced: bool = replaced) -> bytes:
                if not left:
                    return answer
                return left.pop() if replaced else left.pop() + answer

            proxy.mangle = mangle
            assert through.put_if_version(make_record(), version) == version + 1
            assert through.get("o", "t").version == version + 1
            assert left == []


VERDICTS: tuple[Verdict, ...] = ("pass", "pass", "refuse", "lose")


def test_random_faults_lose_no_acknowledged_write(
    backend: RedisBackend, redis_server: RedisServer, prefix: str
) -> None:
    backend.create(make_record())

    def write(seed: int) -> list[int | None]:
        random = Random(seed)
        with RedisProxy(redis_server.port) as proxy:
            proxy.fault = lambda request: random.choice(VERDICTS) if b"EVAL" in request else "pass"
            with RedisBackend.from_url(proxy.url, prefix) as through:
                return [version for _ in range(25) for version in written_version(through)]

    with ThreadPoolExecutor(3) as threads:
        outcomes = [version for versions in threads.map(write, range(3)) for version in versions]
    acknowledged = [version for version in outcomes if version is not None]
    assert len(acknowledged) == len(set(acknowledged)) > 10
    assert len(acknowledged) <= backend.get("o", "t").version - 1 <= len(outcomes)


def written_version(backend: RedisBackend) -> list[int | None]:
    """The version that a compare-and-swap wrote, None if that is unknown; nothing if it failed."""
    try:
        return [backend.put_if_version(make_record(), backend.get("o", "t").version)]
    except OutcomeUnknownError:
        return [None]
    except (BackendError, ConcurrentModificationError):
        return []


def test_an_unexpected_answer_is_not_shown(proxy: RedisProxy) -> None:
    with RedisBackend.from_url(proxy.url) as backend:
        proxy.mangle = lambda answer: b'{"secret": 1}\r\n'
        with pytest.raises(BackendError) as failed:
            backend.get("o", "t")
        assert "secret" not in f"{failed.value} {failed.value!r}"
