"""Boards that differ from their files: seeded draws of a true plant, its zones and its actuator."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from adaptive.plant import Plant
from adaptive.sensing import SensorErrors
from adaptive.simulation import SimulatedPlatform
from dvfs.power import BlockPower, PowerModel
from experiments.surroundings import ShiftedAmbient
from experiments.workloads import Workload
from thermal.network import Matrix, RcNetwork, Vector

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """How far a board may be from its file; every draw is independent of the others.

    Attributes
    ----------
    resistance, capacitance, power
        Largest relative deviation, uniform: of each thermal path, of each node's heat capacity,
        and of each voltage island's switched capacitances and each node's constant power [0..1).
    leakage
        Range of the factor on all leakage, uniform in its logarithm: a slow or a leaky die [1].
    resolution_k, noise_k
        Range of the step the zones read in and of the standard deviation of their noise, uniform
        in the logarithm [K].
    lag_s, delay_s
        Range of the zones' time constant and of the actuator's delay, uniform [s].
    ambient_k
        Range of how much warmer it is around the board than the scenario says, uniform [K].
    """

    resistance: float = 0.15
    capacitance: float = 0.15
    power: float = 0.15
    leakage: Range = (0.5, 2.0)
    resolution_k: Range = (0.1, 1.0)
    noise_k: Range = (0.1, 1.0)
    lag_s: Range = (0.0, 1.0)
    delay_s: Range = (0.0, 0.1)
    ambient_k: Range = (0.0, 0.0)

    def __post_init__(self) -> None:
        for name in ("resistance", "capacitance", "power"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 0 to below 1")
        for name in ("leakage", "resolution_k", "noise_k", "lag_s", "delay_s"):
            low, high = getattr(self, name)
            least = 0.0 if name in ("lag_s", "delay_s") else 1e-6
            if not (least <= low <= high and math.isfinite(high)):
                raise ValueError(f"{name} is {(low, high)}, expected a range above {least:g}")
        low, high = self.ambient_k
        if not -50.0 <= low <= high <= 50.0:
            raise ValueError(f"ambient_k is {(low, high)}, expected a range within -50 to 50")


NONE = Mismatch(0.0, 0.0, 0.0, (1.0, 1.0), (1.0, 1.0), (1e-6, 1e-6), (0.0, 0.0), (0.0, 0.0))
"""No mismatch but zones that read whole kelvins, all but without noise."""


@dataclass(frozen=True, slots=True, eq=False)
class DrawnBoard:
    """A board as it truly is.

    Attributes
    ----------
    plant
        The true plant, its zones reading in the drawn step.
    sensing
        What else its zones get wrong.
    actuator_delay_s
        How long a point takes to come into effect [s].
    factors
        What was drawn, in short, for tables, over the board file's: the summed temperature rise
        of all nodes for a watt in each, the summed capacity, the mean factor on the islands'
        switched capacitances, and the factor on leakage.
    warmer_k
        How much warmer it is around this board than the scenario says [K].
    """

    plant: Plant
    sensing: SensorErrors
    actuator_delay_s: float
    factors: Mapping[str, float]
    warmer_k: float = 0.0

    def surrounded(self, workload: Workload) -> Workload:
        """Return a workload with this board's own ambient."""
        if self.warmer_k == 0.0:
            return workload
        return replace(workload, ambient=ShiftedAmbient(workload.ambient, self.warmer_k))

    def platform(
        self, workload: Workload, *, cap_degc: float, start_degc: Vector, step_s: float = 0.01
    ) -> SimulatedPlatform:
        """Return this board in simulation, at the start of a run.

        Parameters
        ----------
        workload
            What comes, and how warm it is.
        cap_degc
            Junction temperature above which time is counted [degC].
        start_degc
            Node temperatures, shape (n,) [degC].
        step_s
            Time between looks at the true junctions [s].
        """
        return SimulatedPlatform(
            self.plant,
            ambient_degc=self.surrounded(workload).ambient_degc(),
            cap_degc=cap_degc,
            demand_hz=workload.demand_hz(),
            deadline_s=workload.deadline_s,
            step_s=step_s,
            start_degc=start_degc,
            heat_w=workload.heat_w() if workload.sun.heat_w else None,
            cooling=workload.cooling_factor(),
            sensing=self.sensing,
            actuator_delay_s=self.actuator_delay_s,
        )


def draw_board(plant: Plant, *, seed: int, mismatch: Mismatch | None = None) -> DrawnBoard:
    """Draw the true board that a nominal one stands for.

    Parameters
    ----------
    plant
        The nominal board, as its file has it.
    seed
        Draws everything, the zones' noise included.
    mismatch
        How far it may be off; the defaults of `Mismatch` if left out.

    Notes
    -----
    Limits: deviations are independent and do not drift; frequency, voltage and the speed of the
    network are exact.
    """
    spread = mismatch or Mismatch()
    generator = np.random.default_rng(seed)

    def around(deviation: float, count: int) -> Vector:
        return generator.uniform(1.0 - deviation, 1.0 + deviation, count)

    def log_within(range_: Range) -> float:
        return float(np.exp(generator.uniform(*np.log(range_))))

    network = _network(
        plant.network,
        paths=around(spread.resistance, len(plant.network.nodes) ** 2),
        to_ambient=around(spread.resistance, len(plant.network.nodes)),
        capacities=around(spread.capacitance, len(plant.network.nodes)),
    )
    names = plant.islands.names
    power = dict(zip(names, around(spread.power, len(names)).tolist(), strict=True))
    constant = around(spread.power, len(plant.constant_w)).tolist()
    leakage = log_within(spread.leakage)
    resolution_k = log_within(spread.resolution_k)
    noise_k = log_within(spread.noise_k)
    true = replace(
        plant,
        power=_power(plant, power, leakage),
        constant_w={
            node: watts * factor
            for (node, watts), factor in zip(plant.constant_w.items(), constant, strict=True)
        },
        network=network,
        zones=tuple(replace(zone, resolution_k=resolution_k) for zone in plant.zones),
    )
    reach = float(np.linalg.inv(network.laplacian).sum())
    lag_s = float(generator.uniform(*spread.lag_s))
    noise_seed = int(generator.integers(2**31))
    return DrawnBoard(
        plant=true,
        sensing=SensorErrors(
            noise_k=noise_k,
            lag_s=lag_s,
            seed=noise_seed,
        ),
        actuator_delay_s=float(generator.uniform(*spread.delay_s)),
        factors={
            "resistance": reach / float(np.linalg.inv(plant.network.laplacian).sum()),
            "capacitance": float(network.capacitance.sum() / plant.network.capacitance.sum()),
            "power": float(np.mean(list(power.values()))),
            "leakage": leakage,
        },
        warmer_k=float(generator.uniform(*spread.ambient_k)),
    )


def _network(
    network: RcNetwork, *, paths: Vector, to_ambient: Vector, capacities: Vector
) -> RcNetwork:
    """Multiply every resistance and capacity by its own factor."""
    n = len(network.nodes)
    upper: Matrix = np.triu(network.conductance / paths.reshape(n, n), k=1)
    return RcNetwork(
        network.nodes,
        network.capacitance * capacities,
        upper + upper.T,
        network.to_ambient / to_ambient,
    )


def _power(plant: Plant, factors: Mapping[str, float], leakage: float) -> PowerModel:
    """Multiply switched capacitances by their island's factor, and all leakage by one."""
    parts = []
    for block, part in zip(plant.power.blocks, plant.power.parts, strict=True):
        factor = factors[plant.islands.island_of(block).name]
        leak = replace(part.leakage, I_0=leakage * part.leakage.I_0)
        parts.append(BlockPower(factor * part.C_active, factor * part.C_idle, leak))
    return PowerModel(plant.power.blocks, tuple(parts))
