"""STORE-44: ids that are credentials."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import expect_same
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect

_IDS = 64
"""So many that a random bit is the same in all of them in one run of 2 to the 56th."""


@rule("STORE-44", since="1.2")
def random_ids(trial: Trial) -> None:
    """With random_ids, create and mint_task_id make ids of 32 hexadecimal digits, all of whose 128
    bits are random.

    Why: Where callers are not authenticated, whoever knows a task's id can read its result. Two
    UUIDs of version 7 from one millisecond differ in so few bits that the next one can be guessed.

    Mend: Take 16 bytes from the system's random numbers for an id, and nothing of the time, a
    counter or the owner.
    """
    bench = StoreBench(trial)
    for name, store in bench.both(random_ids=True):
        owner = trial.owner()
        made = [store.create(owner, "tools/call").record.task_id for _ in range(2)]
        minted = [store.mint_task_id() for _ in range(_IDS)]
        for ids in (made, minted):
            odd = [each for each in ids if not is_hexadecimal(each)]
            expect(not odd, "ids of 32 hexadecimal digits", f"{odd[:1]} by {name}")
        expect_same("different ids", _IDS + 2, len({*made, *minted}))
        numbers = [int(each, 16) for each in minted]
        always, ever = 2**128 - 1, 0
        for number in numbers:
            always, ever = always & number, ever | number
        fixed = bin(always | (2**128 - 1 - ever)).count("1")
        expect_same("bits that are the same in all ids", 0, fixed)


def is_hexadecimal(task_id: str) -> bool:
    """Whether the id is 32 hexadecimal digits."""
    return len(task_id) == 32 and set(task_id) <= set("0123456789abcdef")
