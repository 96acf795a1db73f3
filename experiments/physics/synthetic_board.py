"""Boards drawn at random, and traces of them as a coarse sensor and a power meter would give."""

from dataclasses import dataclass, replace

import numpy as np

from dvfs.power import Leakage, dynamic_power, leakage_power
from thermal.discretise import discretise
from thermal.identify.trace import HeatTrace
from thermal.network import Vector, network_from_resistances

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class SyntheticConfig:
    """What to draw; see the comments in ``identification.yaml``."""

    seeds: tuple[int, ...]
    length_s: float
    fine_s: float
    period_s: float
    sample_s: Range
    resolution_k: float
    noise_k: float
    meter_step_w: float
    ambient_degc: Range
    resistance_k_per_w: Range
    tau_s: tuple[Range, Range, Range]
    share: tuple[Range, Range]
    capacitance_f: Range
    leak_a: Range
    leak_per_k: Range
    leak_per_v: Range
    opps: tuple[tuple[float, float], ...]
    load_s: Range


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticTrace:
    """A trace and the truth behind it.

    Attributes
    ----------
    metered
        Readings with measured power as the input [W].
    unmetered
        The same readings; the input is utilisation times V^2 f in arbitrary units, and the voltage
        factor of leakage is known only as that of a typical part.
    truth_degc
        What the junction's temperature was at the rows, shape (n,) [degC].
    """

    metered: HeatTrace
    unmetered: HeatTrace
    truth_degc: Vector


@dataclass(frozen=True, slots=True)
class Load:
    """How hard the board is worked: a share of time between two bounds, at any OPP or one."""

    lowest: float = 0.0
    highest: float = 1.0
    constant: bool = False
    fixed_opp: bool = False


# A typical part's leakage grows by this with voltage; the drawn boards differ from it.
_TYPICAL_PER_V = 1.5
_UNIT = 1e9


def draw_trace(
    config: SyntheticConfig, seed: int, *, load: Load | None = None, length_s: float | None = None
) -> SyntheticTrace:
    """Draw a board, work it and record it.

    Parameters
    ----------
    config
        What to draw from.
    seed
        Which board, load and sensor noise.
    load
        How hard it is worked; anything from idle to full by default.
    length_s
        Length of the trace [s]; the config's own by default.
    """
    rng = np.random.default_rng(seed)
    resistance = rng.uniform(*config.resistance_k_per_w)
    first, second = (rng.uniform(*bounds) for bounds in config.share)
    parts = resistance * np.array([first, second, 1.0 - first - second])
    taus = np.array([rng.uniform(*bounds) for bounds in config.tau_s])
    # Each node's time constant towards the ambient once the faster ones have settled.
    capacity = taus / np.cumsum(parts[::-1])[::-1]
    names = ("junction", "package", "board")
    network = network_from_resistances(
        dict(zip(names, capacity.tolist(), strict=True)),
        {("junction", "package"): parts[0], ("package", "board"): parts[1]},
        to_ambient_k_per_w={"board": parts[2]},
    )
    model = discretise(network, config.fine_s)
    ambient = rng.uniform(*config.ambient_degc)
    leakage = Leakage(
        I_0=rng.uniform(*config.leak_a),
        T_0=60.0,
        k_T=rng.uniform(*config.leak_per_k),
        V_0=1.0,
        k_V=rng.uniform(*config.leak_per_v),
    )
    switched = rng.uniform(*config.capacitance_f)
    steps = round((config.length_s if length_s is None else length_s) / config.fine_s)
    used, frequency, voltage = _load(config, rng, load or Load(), steps)
    dynamic = dynamic_power(switched * (0.1 + 0.9 * used), voltage, f=frequency)
    temps = np.full(len(names), ambient)
    junction, power = np.empty(steps + 1), np.empty(steps)
    junction[0] = ambient
    # The board has been idling before: settle it there.
    for _ in range(20):
        idle = dynamic_power(0.1 * switched, voltage[0], f=frequency[0])
        heat = np.array([idle + leakage_power(voltage[0], temps[0], leakage=leakage), 0.0, 0.0])
        temps = model.steady_state(heat, ambient)
    junction[0] = temps[0]
    for i in range(steps):
        power[i] = dynamic[i] + leakage_power(voltage[i], temps[0], leakage=leakage)
        temps = model.step(temps, np.array([power[i], 0.0, 0.0]), ambient)
        junction[i + 1] = temps[0]
    return _record(config, rng, junction, power, used, frequency, voltage)


def _load(
    config: SyntheticConfig, rng: np.random.Generator, load: Load, steps: int
) -> tuple[Vector, Vector, Vector]:
    """Return utilisation, clock and voltage of every fine step."""
    used, opp = np.empty(steps), np.empty(steps, dtype=np.intp)
    period = round(config.period_s / config.fine_s)
    at = 0
    while at < steps:
        length = round(np.exp(rng.uniform(*np.log(config.load_s))) / config.period_s) * period
        idle = load.lowest == 0.0 and rng.random() < 0.25
        level = 0.02 if idle else rng.uniform(load.lowest, load.highest)
        used[at : at + length] = load.highest if load.constant else level
        opp[at : at + length] = (
            len(config.opps) - 1
            if load.constant or load.fixed_opp
            else rng.choice(len(config.opps))
        )
        at += length
    if not load.constant:
        jitter = np.repeat(rng.uniform(0.9, 1.1, steps // period + 1), period)[:steps]
        used = np.minimum(used * jitter, 1.0)
    clock, volts = np.array(config.opps).T
    return used, clock[opp], volts[opp]


def _record(
    config: SyntheticConfig,
    rng: np.random.Generator,
    junction: Vector,
    power: Vector,
    used: Vector,
    frequency: Vector,
    voltage: Vector,
) -> SyntheticTrace:
    """Read the meter every period and the sensor at some, rounded; average what flowed between."""
    fine = round(config.period_s / config.fine_s)
    periods = len(power) // fine
    rows = np.arange(periods + 1) * fine
    low, high = (max(round(gap / config.period_s), 1) for gap in config.sample_s)
    read = np.cumsum(rng.integers(low, high + 1, size=periods // low + 1))
    read = np.concatenate([[0], read[read <= periods]])

    def mean_between(values: Vector, first: float) -> Vector:
        # The first row stands for the idle board before the trace.
        means = values[: periods * fine].reshape(periods, fine).mean(axis=1)
        return np.concatenate([[first], means])

    truth = junction[rows]
    noisy = truth[read] + rng.normal(0.0, config.noise_k, len(read))
    readings = np.full(periods + 1, np.nan)
    readings[read] = np.round(noisy / config.resolution_k) * config.resolution_k
    meter = mean_between(power, power[0])
    activity = (0.1 + 0.9 * used) * voltage**2 * frequency / _UNIT
    factor = voltage * np.exp(_TYPICAL_PER_V * (voltage - 1.0))
    idle = 0.1 * voltage[0] ** 2 * frequency[0] / _UNIT
    metered = HeatTrace(
        time_s=np.asarray(rows * config.fine_s, dtype=np.float64),
        temps_degc=readings,
        inputs=(np.round(meter / config.meter_step_w) * config.meter_step_w)[:, np.newaxis],
        names=("power",),
        leak_weight=np.ones(periods + 1),
        resolution_k=config.resolution_k,
    )
    unmetered = replace(
        metered,
        inputs=mean_between(activity, idle)[:, np.newaxis],
        names=("activity",),
        leak_weight=mean_between(factor, factor[0]),
    )
    return SyntheticTrace(metered, unmetered, truth)
