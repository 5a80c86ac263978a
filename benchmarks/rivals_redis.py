"""What one could take over Redis, at the work of `rivals`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from urllib.parse import urlsplit

from benchmarks.rival import BACKGROUND, LISTED, Rival
from benchmarks.rivals_dynamodb import backend_work, key_value_work
from pmcp_conformance.network.fault_proxy import FaultProxy
from pmcp_conformance.network.schedules import no_faults
from pmcp_storage import RedisBackend, read_row


class ProxyCounter:
    """Counts the round trips through a proxy."""

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy
        self._found = dict[str, float]()

    def __enter__(self) -> dict[str, float]:
        self._proxy.inject(no_faults)
        self._found = {}
        return self._found

    def __exit__(self, *_: object) -> None:
        self._found["requests"] = self._proxy.exchanges.count


def _proxied(url: str, stack: ExitStack) -> tuple[str, FaultProxy]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    proxy = stack.enter_context(FaultProxy((parts.hostname, parts.port)))
    host, port = proxy.address
    return f"redis://{host}:{port}{parts.path}", proxy


def _ours(url: str, stack: ExitStack) -> Rival:
    way, proxy = _proxied(url, stack)
    backend = stack.enter_context(RedisBackend.from_url(way, "work"))
    return Rival(backend_work(backend), ProxyCounter(proxy))


def _key_value(url: str, stack: ExitStack) -> Rival:
    from key_value.aio.stores.redis import RedisStore
    from redis.asyncio import Redis

    way, proxy = _proxied(url, stack)
    runner = stack.enter_context(asyncio.Runner())
    client = Redis.from_url(way, decode_responses=True)
    stack.callback(lambda: runner.run(client.aclose()))
    store = RedisStore(client=client)
    work = key_value_work(store, runner.run)

    async def fill() -> None:
        for record in BACKGROUND:
            row = {"version": 1, "data": record.to_json()}
            await store.put(record.task_id, row, collection="owner", ttl=3600)

    async def page() -> None:
        task_ids = sorted(await store.keys(collection="owner"), reverse=True)[:LISTED]
        rows = await store.get_many(task_ids, collection="owner")
        for task_id, row in zip(task_ids, rows, strict=True):
            assert row is not None
            read_row("owner", task_id, row["data"], row["version"])

    runner.run(fill())
    delete = work.pop("delete")
    return Rival(
        {**work, "list 50": lambda n: runner.run(page()), "delete": delete}, ProxyCounter(proxy)
    )


RIVALS: Mapping[str, Callable[[str, ExitStack], Rival]] = {
    "RedisBackend": _ours,
    "py-key-value on Redis": _key_value,
}
