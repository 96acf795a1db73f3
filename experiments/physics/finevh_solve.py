"""Solves the FINE-VH study: rails for each band of clocks, rows for each rail, baselines beside."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise, product

import numpy as np
import pandas as pd

from dvfs.baselines import dithering_power_w, hopping_power_w, ideal_power_w, ideal_voltage_v
from dvfs.circuit import CircuitMode, Rails, Technology
from dvfs.finevh import RowProblem, row_problem
from dvfs.placement import fill_rows
from dvfs.row_optimum import MOST_ROWS, find_optimum, lower_bound_w
from dvfs.row_search import Assignment, assign_rows
from dvfs.row_table import RowPoint, RowTable
from experiments.physics.finevh_circuits import CIRCUITS, Circuit, build_circuit, load_technology
from experiments.physics.finevh_exact import prove_optimum

RAIL_RULES = ("banded", "tracking")


@dataclass(frozen=True, slots=True)
class Case:
    """How rows and rails are laid out, and whether low swings slow high gates."""

    swing: bool
    placement: str
    rails: str


@dataclass(frozen=True, slots=True)
class Headline:
    """The case that `finevh_saving_percent` averages over circuits and clocks."""

    swing: bool
    placement: str
    rails: str
    rows: int

    @property
    def case(self) -> Case:
        """The case without the row count."""
        return Case(self.swing, self.placement, self.rails)


@dataclass(frozen=True, slots=True)
class FineVhConfig:
    """What to study; see the comments in ``finevh_study.yaml``."""

    circuits: tuple[str, ...]
    swing: tuple[bool, ...]
    placements: tuple[str, ...]
    rails: tuple[str, ...]
    rows: tuple[int, ...]
    exact_rows: int
    proven_rows: int
    proof_limit_s: float
    highest_v: float
    slowest: float
    bands: int
    clocks_per_band: int
    low_steps_v: tuple[float, ...]
    rails_rows: int
    headline: Headline
    restarts: int
    temp_degc: float
    area_overhead: float
    cycles: int
    streams: int
    seed: int

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.circuits) - set(CIRCUITS)):
            raise ValueError(f"circuits has {unknown}, expected some of {sorted(CIRCUITS)}")
        if not set(self.placements) <= {"connected", "critical"}:
            raise ValueError(f"placements is {self.placements!r}, expected connected, critical")
        if not set(self.rails) <= set(RAIL_RULES):
            raise ValueError(f"rails is {self.rails!r}, expected some of {RAIL_RULES}")
        if not self.exact_rows <= MOST_ROWS:
            raise ValueError(f"exact_rows is {self.exact_rows}, expected at most {MOST_ROWS}")
        if not 0.0 < self.slowest < 1.0:
            raise ValueError(f"slowest is {self.slowest!r}, expected between 0 and 1")
        for name in ("circuits", "swing", "placements", "rails", "rows", "low_steps_v"):
            if not getattr(self, name):
                raise ValueError(f"{name} is empty, expected at least one entry")
        for name in ("bands", "clocks_per_band"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected at least 1")
        if self.headline.case not in self.cases() or self.headline.rows not in self.rows:
            raise ValueError(f"headline is {self.headline!r}, expected a case that is studied")

    def cases(self) -> list[Case]:
        """Return every combination of layout and model."""
        return [Case(*parts) for parts in product(self.swing, self.placements, self.rails)]

    def band_clocks(self) -> list[list[float]]:
        """Return the clocks of each band as shares of the fastest, slowest first."""
        edges = np.linspace(self.slowest, 1.0, self.bands + 1)
        count = self.clocks_per_band
        return [
            [float(low + (high - low) * k / count) for k in range(1, count + 1)]
            for low, high in pairwise(edges)
        ]


def study(config: FineVhConfig) -> pd.DataFrame:
    """Return one row for each circuit, mode, case, row count and clock.

    Columns: circuit, bits, swing, placement, rails, rows, clock (share of the fastest),
    frequency_hz, high_v, low_v, ideal_v, low_rows (joined by dots), n_low, the powers ideal_w,
    finevh_w (of the heuristic), best_w (the optimum where `proven`, else a bound below it),
    linear_w (the linear programme's bound), hopping_w, dithering_w and crossing_w.
    """
    technology = load_technology(temp_degc=config.temp_degc, area_overhead=config.area_overhead)
    found: list[dict[str, object]] = []
    for name in config.circuits:
        circuit = build_circuit(
            name, technology, cycles=config.cycles, streams=config.streams, seed=config.seed
        )
        for case in config.cases():
            pairs = rail_pairs(circuit, technology, config, case=case)
            found.extend(_rows(circuit, technology, config, case, pairs))
    return pd.DataFrame(found)


def rail_pairs(
    circuit: Circuit,
    technology: Technology,
    config: FineVhConfig,
    *,
    case: Case,
) -> dict[float, Rails]:
    """Return the pair of rails at each clock: one a band, or with ``tracking`` one a clock."""
    mode = circuit.widest
    fastest_hz = 1.0 / mode.shortest_period_s(technology, config.highest_v)
    row = fill_rows(circuit.orders[case.placement], circuit.width, rows=config.rails_rows)
    bands = config.band_clocks()
    if case.rails == "tracking":
        bands = [[clock] for band in bands for clock in band]
    pairs: dict[float, Rails] = {}
    for band in bands:
        high = ideal_voltage_v(mode, technology, frequency_hz=band[-1] * fastest_hz)
        floor = technology.law.threshold_v + 0.1  # below, the alpha-power law does not hold
        options = [
            Rails(high, high - step)
            for step in config.low_steps_v
            if high - step > floor and step <= technology.crossing_bound_v
        ]
        power = []
        for rails in options:
            problems = (
                row_problem(
                    mode,
                    technology,
                    row=row,
                    rails=rails,
                    frequency_hz=clock * fastest_hz,
                    swing=case.swing,
                )
                for clock in band
            )
            power.append(sum(assign_rows(each, restarts=0).power_w for each in problems))
        pairs.update(dict.fromkeys(band, options[int(np.argmin(power))]))
    return pairs


def _rows(
    circuit: Circuit,
    technology: Technology,
    config: FineVhConfig,
    case: Case,
    pairs: Mapping[float, Rails],
) -> Iterator[dict[str, object]]:
    fastest_hz = 1.0 / circuit.widest.shortest_period_s(technology, config.highest_v)
    for bits, mode in circuit.modes.items():
        for clock, rails in pairs.items():
            base = _baselines(mode, technology, rails, frequency_hz=clock * fastest_hz)
            for rows in config.rows:
                row = fill_rows(circuit.orders[case.placement], circuit.width, rows=rows)
                problem = row_problem(
                    mode,
                    technology,
                    row=row,
                    rails=rails,
                    frequency_hz=clock * fastest_hz,
                    swing=case.swing,
                )
                yield {
                    "circuit": circuit.name,
                    "bits": bits,
                    **asdict(case),
                    "rows": rows,
                    "clock": clock,
                    **base,
                    **_solve(problem, config),
                }


def _baselines(
    mode: CircuitMode, technology: Technology, rails: Rails, *, frequency_hz: float
) -> dict[str, float]:
    return {
        "frequency_hz": frequency_hz,
        **asdict(rails),
        "ideal_v": ideal_voltage_v(mode, technology, frequency_hz=frequency_hz),
        "ideal_w": ideal_power_w(mode, technology, frequency_hz=frequency_hz),
        "hopping_w": hopping_power_w(mode, technology, rails=rails, frequency_hz=frequency_hz),
        "dithering_w": dithering_power_w(mode, technology, rails=rails, frequency_hz=frequency_hz),
    }


def _solve(problem: RowProblem, config: FineVhConfig) -> dict[str, object]:
    found = assign_rows(problem, seed=config.seed, restarts=config.restarts)
    linear_w = lower_bound_w(problem, start=found)
    best_w, proven = _best(problem, found, config)
    return {
        "finevh_w": found.power_w,
        "best_w": best_w if proven else max(best_w, linear_w),
        "proven": proven,
        "linear_w": linear_w,
        "n_low": int(found.low.sum()),
        "low_rows": ".".join(str(index) for index in np.flatnonzero(found.low)),
        "crossing_w": float(found.low @ problem.crossing_w @ ~found.low),
    }


def _best(problem: RowProblem, found: Assignment, config: FineVhConfig) -> tuple[float, bool]:
    if problem.n_rows <= config.exact_rows:
        return find_optimum(problem, start=found).power_w, True
    if problem.n_rows <= config.proven_rows:
        return prove_optimum(problem, limit_s=config.proof_limit_s)
    return 0.0, False


def row_tables(
    config: FineVhConfig, circuits: pd.DataFrame, *, circuit: str
) -> dict[int, RowTable]:
    """Return a circuit's clocks in each mode, in the headline's case, as a governor takes them.

    `circuits` is what `study` returned.
    """
    technology = load_technology(temp_degc=config.temp_degc, area_overhead=config.area_overhead)
    built = build_circuit(
        circuit, technology, cycles=config.cycles, streams=config.streams, seed=config.seed
    )
    chosen = headline_rows(config, circuits)
    tables = {}
    for bits, mode in built.modes.items():
        mine = chosen[(chosen["circuit"] == circuit) & (chosen["bits"] == bits)]
        points = tuple(
            RowPoint(
                entry["frequency_hz"],
                Rails(entry["high_v"], entry["low_v"]),
                tuple(int(text) for text in entry["low_rows"].split(".") if text),
                entry["finevh_w"],
            )
            for entry in mine.sort_values("frequency_hz").to_dict("records")
        )
        tables[bits] = RowTable(circuit, mode, technology, points)
    return tables


def headline_rows(config: FineVhConfig, circuits: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a study that are of the headline's case, all modes and clocks."""
    chosen = circuits
    for name, value in asdict(config.headline).items():
        chosen = chosen[chosen[name] == value]
    return chosen
