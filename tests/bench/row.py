"""One row of the bench: ours beside its peers and its floor, all measured interleaved in one run."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """unit: of ours, spread, peers and floor. spread: half the distance of the quartiles. aim: in words; met: None
    where there is none. floor: 0 where nothing sensible stands below."""

    name: str
    unit: str
    ours: float
    spread: float
    floor: float = 0.0
    peers: Mapping[str, float] = field(default_factory=dict)
    aim: str = ""
    met: bool | None = None

    @property
    def ratio_to_floor(self) -> float | None:
        return self.ours / self.floor if self.floor else None

    def plain(self) -> dict[str, object]:
        ratio = self.ratio_to_floor
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": round(self.ours, 3),
            "spread": round(self.spread, 3),
            "peers": {name: round(value, 3) for name, value in self.peers.items()},
            "floor": round(self.floor, 3),
            "ratio_to_floor": None if ratio is None else round(ratio, 3),
            "aim": self.aim,
            "met": self.met,
        }


Measure = Callable[[bool], list[Row]]  # quick: fewer rounds


def quantile(values: Sequence[float], q: float) -> float:
    """q between 0 and 1, nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(q * (len(ordered) - 1)))]


def spread(values: Sequence[float]) -> float:
    """Half the distance of the quartiles."""
    return (quantile(values, 0.75) - quantile(values, 0.25)) / 2


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
