"""Which rules a run selects: all of a contract version, those of `mine::CAS-2`, or none."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from pmcp_conformance.catalogue import Contract, catalogue, contract_at


@dataclass(frozen=True)
class Selection:
    """What the arguments of a run select of the contract."""

    runs_contract: bool
    contract: Contract
    node_ids: frozenset[str]
    """The arguments that name targets or rules; where there are none, every rule is selected."""

    def includes(self, target: str, node_id: str) -> bool:
        """Whether the item of this node id, a rule on that target or a part of one, is to run."""
        whole_rule = node_id.partition("[")[0]
        return not self.node_ids or not self.node_ids.isdisjoint({target, whole_rule, node_id})


def split_arguments(config: pytest.Config, targets: Collection[str]) -> Selection:
    """Take the node ids of our items out of pytest's arguments, and return what they select.

    Without any arguments the contract runs, and what `testpaths` names does only if both are asked
    for. Raises pytest.UsageError for a rule that does not exist, or without a target of this run.
    """
    wants_contract = bool(config.getoption("pmcp_contract"))
    contract = chosen_contract(config)
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        if not wants_contract:
            config.args = []
        return Selection(runs_contract=True, contract=contract, node_ids=frozenset())
    ours = frozenset(arg for arg in config.args if _is_ours(arg, config, targets, contract))
    config.args = [arg for arg in config.args if arg not in ours]
    return Selection(wants_contract or bool(ours), contract, ours)


def stops_by_itself(config: pytest.Config) -> bool:
    """Whether the run was asked to stop at failures, which selects what comes before."""
    return bool(config.getoption("maxfail")) or bool(config.getoption("stepwise", False))


def chosen_contract(config: pytest.Config) -> Contract:
    """The version of the contract to run; raises pytest.UsageError for one that there is not."""
    try:
        return contract_at(config.getoption("pmcp_contract_version"))
    except ValueError as error:
        raise pytest.UsageError(f"--pmcp-contract-version: {error}") from error


def _is_ours(
    argument: str, config: pytest.Config, targets: Collection[str], contract: Contract
) -> bool:
    name, _, rule_id = argument.partition("::")
    directory = config.invocation_params.dir
    if name not in targets:
        _check_that_it_means_no_rule(argument, directory, targets)
        return False
    if rule_id and rule_id.partition("[")[0] not in contract.rules:
        raise pytest.UsageError(
            f"{argument}: the contract has no rule {rule_id} in version {contract.version}"
        )
    return bool(rule_id) or not (directory / name).exists()


def _check_that_it_means_no_rule(argument: str, directory: Path, targets: Collection[str]) -> None:
    """Raise pytest.UsageError if this is a rule of the contract without a target of this run."""
    name, _, rule_id = (argument if "::" in argument else f"::{argument}").partition("::")
    if rule_id.partition("[")[0] not in catalogue() or (directory / (name or rule_id)).exists():
        return
    problem = f"this run has no target named {name!r}" if name else "a rule runs on a target"
    commands = ", ".join(f"{target}::{rule_id}" for target in targets) or "none: see --pmcp-backend"
    raise pytest.UsageError(f"{argument}: {problem}; this run has {commands}")
