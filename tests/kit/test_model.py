"""The random sequences cover what goes wrong in storages, and shrink to a few steps."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations

from pmcp_conformance.generators.reference_model import ReferenceModel, Step
from pmcp_conformance.generators.sequences import STEPS, SequenceGenerator, shrunk

SEEDS = range(200)
SEQUENCES = {seed: SequenceGenerator(seed, handles=2).sequence() for seed in SEEDS}


def situations(steps: list[Step]) -> Counter[str]:
    """What a sequence brings about, and how often."""
    seen: Counter[str] = Counter()
    model = ReferenceModel()
    deleted: set[tuple[int, str]] = set()
    for step in steps:
        key = (step.owner, step.task_id)
        stored = model.rows.get(key)
        seen.update(about_page(model, step) if step.operation == "list_by_owner" else [])
        if step.operation == "put_if_version" and stored is not None:
            sign = (step.number > stored.version) - (step.number < stored.version)
            seen[("current version", "version never reached", "stale version")[sign]] += 1
        if step.operation == "put_if_version" and stored is None and key in deleted:
            seen["swap of a deleted key"] += 1
        outcome = model.apply(step)
        if step.operation == "delete" and outcome:
            deleted.add(key)
            seen["delete beside siblings"] += has_sibling(model, key)
        if step.operation in ("create", "put") and stored is None and key in deleted:
            seen[f"{step.operation} after a delete"] += 1
        if step.operation == "create" and stored is not None:
            seen["create of a present key"] += 1
    return seen


def about_page(model: ReferenceModel, step: Step) -> list[str]:
    """Where the end of a page falls, and whether `after` is there."""
    ids = [task_id for owner, task_id in model.rows if owner == step.owner]
    if not ids:
        return []
    boundary = {-1: "one less", 0: "as many", 1: "one more"}.get(step.number - len(ids))
    if step.after is None:
        return [f"limit: {boundary}"] if boundary else []
    return ["after: present" if step.after in ids else "after: absent"]


def has_sibling(model: ReferenceModel, key: tuple[int, str]) -> bool:
    """Whether a stored id of the owner begins with the key's, or the other way round."""
    others = [task_id for owner, task_id in model.rows if owner == key[0]]
    return any(task.startswith(key[1]) or key[1].startswith(task) for task in others)


def test_the_same_seed_gives_the_same_sequence() -> None:
    assert SequenceGenerator(7, handles=2).sequence() == SEQUENCES[7]
    assert SEQUENCES[7] != SEQUENCES[8]


def test_a_sequence_has_its_length() -> None:
    assert {len(steps) for steps in SEQUENCES.values()} == {STEPS}


def test_nearly_every_sequence_has_ids_that_begin_alike() -> None:
    alike = [steps for steps in SEQUENCES.values() if begin_alike({s.task_id for s in steps})]
    assert len(alike) >= 0.9 * len(SEQUENCES)


def begin_alike(ids: set[str]) -> bool:
    pairs = combinations(ids - {""}, 2)
    return any(a.startswith(b) or b.startswith(a) for a, b in pairs)


def test_both_owners_and_both_handles_are_used() -> None:
    for steps in SEQUENCES.values():
        assert {step.handle for step in steps} == {0, 1}
        assert {step.owner for step in steps} == {0, 1}


def test_sequences_cover_what_goes_wrong_in_storages() -> None:
    total = sum((situations(steps) for steps in SEQUENCES.values()), Counter[str]())
    least = {
        "current version": 400,
        "stale version": 80,
        "version never reached": 40,
        "swap of a deleted key": 100,
        "create of a present key": 100,
        "create after a delete": 100,
        "put after a delete": 100,
        "delete beside siblings": 150,
        "limit: one less": 20,
        "limit: as many": 20,
        "limit: one more": 20,
        "after: present": 100,
        "after: absent": 100,
    }
    rare = {what: (total[what], number) for what, number in least.items() if total[what] < number}
    assert not rare, "the situations of 200 sequences that are too rare: (seen, demanded)"


class ForgetsSiblings(ReferenceModel):
    """The model with a bug: a delete takes the ids that begin with the deleted one."""

    def _delete(self, step: Step, key: tuple[int, str]) -> bool:
        found = bool(super()._delete(step, key))
        for owner, task_id in list(self.rows):
            if found and owner == key[0] and task_id.startswith(key[1]):
                del self.rows[owner, task_id]
        return found


def differs(steps: list[Step]) -> bool:
    """Whether the model with a bug gives another outcome than the reference model."""
    sound = ReferenceModel()
    broken = ForgetsSiblings()
    return any(sound.apply(step) != broken.apply(step) for step in steps)


def test_a_failing_sequence_shrinks_to_a_few_steps() -> None:
    failing = [steps for steps in SEQUENCES.values() if differs(steps)]
    assert len(failing) > 50
    for steps in failing:
        few = shrunk(steps, differs, budget=150)
        # Two records that begin alike, the delete, and a look at the one that is lost.
        assert len(few) <= 5
        assert differs(few)
        assert [step for step in steps if step in few] == few


def test_what_is_left_needs_every_step() -> None:
    steps = next(steps for steps in SEQUENCES.values() if differs(steps))
    few = shrunk(steps, differs, budget=1000)
    for left_out in range(len(few)):
        assert not differs(few[:left_out] + few[left_out + 1 :])


def test_shrinking_keeps_to_its_budget() -> None:
    calls = 0

    def fails(steps: list[Step]) -> bool:
        nonlocal calls
        calls += 1
        return True

    step = Step("get", 0, 0, "task")
    steps = [replace(step, value=number) for number in range(STEPS)]
    assert len(shrunk(steps, fails, budget=1000)) == 1
    calls = 0
    shrunk(steps, lambda steps: fails(steps) and False, budget=10)
    assert calls == 10
