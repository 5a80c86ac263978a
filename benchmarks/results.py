"""What was measured, and its JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cost:
    """What one operation took: medians, in microseconds."""

    wall: float
    processor: float
    least: float = 0.0
    """Of the processor times: the work of others adds to them, and never takes away."""


@dataclass(frozen=True)
class Ratio:
    """Our median by that of the side beside us: the median of this in ten stretches of the run.

    `low` and `high` bound the middle half of them.
    """

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Limit:
    """What a figure must not exceed."""

    most: float
    of: str = "ratio"
    """ratio: of the wall times. added: processor time that we take more. processor: that we take.
    The latter two are the least, in microseconds."""


@dataclass(frozen=True)
class Result:
    """One operation on our side and on another."""

    operation: str
    side: str
    beside: str
    cost: Cost
    beside_cost: Cost
    wall: Ratio
    processor: Ratio
    limit: Limit | None = None
    axis: str = ""
    """What grows, where this is a point of a curve; beside it stands the first point."""
    at: float = 0.0
    """How far it has grown."""
    counted: dict[str, float] = field(default_factory=dict)
    """What was counted, and not measured: requests, units."""
    beside_counted: dict[str, float] = field(default_factory=dict)

    @property
    def figure(self) -> float:
        """What the limit is about."""
        match self.limit.of if self.limit else "ratio":
            case "added":
                return self.cost.least - self.beside_cost.least
            case "processor":
                return self.cost.least
            case _:
                return self.wall.median

    @property
    def kept(self) -> bool | None:
        """Whether the limit is kept; None where there is none."""
        return None if self.limit is None else self.figure <= self.limit.most


@dataclass(frozen=True)
class Report:
    """The results of one benchmark."""

    name: str
    machine: dict[str, str]
    notes: list[str]
    results: list[Result]

    def save(self, folder: Path) -> Path:
        """Write it to a file of its name, a result in a line."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.name}.json"
        content = _rounded(asdict(self))
        lines = ",\n".join(json.dumps(each) for each in content.pop("results"))
        rest = json.dumps(content, indent=1).removesuffix("\n}")
        file.write_text(f'{rest},\n "results": [\n{lines}\n]}}\n', encoding="utf-8")
        return file


def read(file: Path) -> Report:
    """The report that `save` wrote."""
    content = json.loads(file.read_text(encoding="utf-8"))
    content["results"] = [_result(each) for each in content["results"]]
    return Report(**content)


def curves(results: Sequence[Result]) -> dict[tuple[str, str], list[Result]]:
    """The results that are points of curves, by what grows and by the operation."""
    found: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        if result.axis:
            found.setdefault((result.axis, result.operation), []).append(result)
    return found


def _rounded(value: Any) -> Any:
    """The same with fewer digits: no clock is that exact."""
    match value:
        case float():
            return round(value, 3)
        case dict():
            return {name: _rounded(each) for name, each in value.items()}
        case list():
            return [_rounded(each) for each in value]
        case _:
            return value


def _result(content: dict[str, Any]) -> Result:
    for name in ("cost", "beside_cost"):
        content[name] = Cost(**content[name])
    for name in ("wall", "processor"):
        content[name] = Ratio(**content[name])
    if content["limit"] is not None:
        content["limit"] = Limit(**content["limit"])
    return Result(**content)
