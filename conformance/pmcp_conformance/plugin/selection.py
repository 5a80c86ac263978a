"""Which rules a run's arguments select: all of them, those of `mine::CAS-2`, or none."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pytest

from pmcp_conformance.catalogue import catalogue


@dataclass(frozen=True)
class Selection:
    """What the arguments of a run select of the contract."""

    runs_contract: bool
    node_ids: frozenset[str]
    """The arguments that name targets or rules; where there are none, every rule is selected."""

    def includes(self, target: str, node_id: str) -> bool:
        """Whether the item of this node id, a rule on that target or a part of one, is to run."""
        whole_rule = node_id.partition("[")[0]
        return not self.node_ids or not self.node_ids.isdisjoint({target, whole_rule, node_id})


def split_arguments(config: pytest.Config, targets: Collection[str]) -> Selection:
    """Take the node ids of our items out of pytest's arguments, and return what they select.

    Without any arguments the contract runs, and what `testpaths` names does only if both are asked
    for. Raises pytest.UsageError for a rule that does not exist.
    """
    wants_contract = bool(config.getoption("pmcp_contract"))
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        if not wants_contract:
            config.args = []
        return Selection(runs_contract=True, node_ids=frozenset())
    ours = frozenset(arg for arg in config.args if _is_ours(arg, config, targets))
    config.args = [arg for arg in config.args if arg not in ours]
    return Selection(wants_contract or bool(ours), ours)


def _is_ours(argument: str, config: pytest.Config, targets: Collection[str]) -> bool:
    name, _, rule_id = argument.partition("::")
    if name not in targets:
        return False
    if rule_id and rule_id.partition("[")[0] not in catalogue():
        raise pytest.UsageError(f"{argument}: the contract has no rule {rule_id}")
    return bool(rule_id) or not (config.invocation_params.dir / name).exists()
