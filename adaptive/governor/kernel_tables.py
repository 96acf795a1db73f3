"""What the kernel's governors look up: frequency ladders, and energy-model tables.

Look-ups after Linux ``include/linux/cpufreq.h`` (``CPUFREQ_RELATION_L`` and ``_C``); power tables
after ``drivers/thermal/cpufreq_cooling.c`` at commit 03ab8e62 and ``drivers/opp/of.c``,
re-implemented from a description of what they do. Frequencies are whole kHz and powers whole mW,
as in the kernel.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from dvfs.opp import Opp

Ladder = tuple[OperatingPoint, ...]


def ladder_of(points: Iterable[OperatingPoint], like: OperatingPoint) -> Ladder:
    """Return the points that differ from one of them in frequency only, slowest first."""
    kept = (like.effort, like.level, like.cores, like.duty)
    return as_ladder([p for p in points if (p.effort, p.level, p.cores, p.duty) == kept])


def as_ladder(points: Iterable[OperatingPoint]) -> Ladder:
    """Sort points by frequency; ValueError unless they are of one cluster and all differ in it."""
    ladder = tuple(sorted(points, key=lambda point: point.frequency_hz))
    if not ladder:
        raise ValueError("ladder is empty, expected at least one operating point")
    if len({point.cores for point in ladder}) > 1:
        raise ValueError(f"ladder is on {sorted({p.cores for p in ladder})}, expected one cluster")
    if len({point.frequency_hz for point in ladder}) < len(ladder):
        raise ValueError("ladder has two points of one frequency, expected all to differ")
    return ladder


def frequency_khz(point: OperatingPoint) -> int:
    """Return the clock of the working cluster as the kernel counts it [kHz]."""
    return round(point.frequency_hz / 1e3)


def lowest_at_least(ladder: Ladder, target_khz: int) -> OperatingPoint:
    """Return the slowest point of at least a frequency, else the fastest (``RELATION_L``)."""
    return next((p for p in ladder if frequency_khz(p) >= target_khz), ladder[-1])


def closest(ladder: Ladder, target_khz: int) -> OperatingPoint:
    """Return the point of the nearest frequency, the slower one on a tie (``RELATION_C``)."""
    return min(ladder, key=lambda p: (abs(frequency_khz(p) - target_khz), frequency_khz(p)))


@dataclass(frozen=True, slots=True)
class PowerActor:
    """A cluster as the kernel's power allocator sees it: its energy-model table.

    Attributes
    ----------
    name
        The cluster.
    cpus
        How many CPUs it has, all online.
    power_mw
        Power of one CPU, always busy, at each OPP, slowest first [mW].
    weight
        Its weight when power is divided; where all are 0, all count alike.

    Raises
    ------
    ValueError
        If a count is not positive, or a power or weight is negative.

    Notes
    -----
    Limits: switching power at full load only; leakage, and so temperature, is not in the kernel's
    energy model.
    """

    name: str
    cpus: int
    power_mw: tuple[int, ...]
    weight: int = 0

    def __post_init__(self) -> None:
        if self.cpus < 1:
            raise ValueError(f"cpus is {self.cpus}, expected at least 1")
        if not self.power_mw or min(self.power_mw) < 0:
            raise ValueError(
                f"power_mw is {self.power_mw}, expected numbers not below 0, one an OPP"
            )
        if self.weight < 0:
            raise ValueError(f"weight is {self.weight}, expected 0 or more")

    @property
    def most_mw(self) -> int:
        """Power of the cluster at its fastest OPP, all CPUs busy [mW]."""
        return self.power_mw[-1] * self.cpus

    def requested_mw(self, index: int, load: int) -> int:
        """Return the power asked for at an OPP under a load.

        Parameters
        ----------
        index
            Position of the OPP that runs.
        load
            Sum over the CPUs of how busy each is, in whole per cent.
        """
        return self.power_mw[index] * load // 100

    def index_for(self, granted_mw: int, load: int) -> int:
        """Return the fastest OPP that a grant pays for under a load, else the slowest.

        The grant is scaled up by the load last seen. So a cluster that was nearly idle may run at
        its fastest OPP for one period, whatever arrives then: the known overshoot of this governor.
        """
        normalised = granted_mw * 100 // max(load, 1)
        payable = [i for i, power in enumerate(self.power_mw) if power <= normalised]
        return payable[-1] if payable else 0


def power_actor(plant: Plant, cores: str, *, opps: Iterable[Opp], weight: int = 0) -> PowerActor:
    """Return a cluster of a board as the kernel's energy model would describe it.

    Parameters
    ----------
    plant
        The board; its blocks' switched capacitance becomes the device tree's
        ``dynamic-power-coefficient``, in whole uW/MHz/V^2 a CPU.
    cores
        The cluster.
    opps
        Its OPPs, slowest first.
    weight
        Its weight when power is divided.
    """
    cluster = plant.cluster(cores)
    parts = dict(zip(plant.power.blocks, plant.power.parts, strict=True))
    farads = sum(parts[block].C_active for block in cluster.blocks) / cluster.cores
    coefficient = round(farads * 1e12)
    return PowerActor(
        name=cluster.name,
        cpus=cluster.cores,
        power_mw=tuple(
            coefficient * round(opp.voltage_v * 1e3) ** 2 * round(opp.frequency_hz / 1e6) // 10**9
            for opp in opps
        ),
        weight=weight,
    )


def checked_actors(actors: Sequence[PowerActor], ladder: Ladder) -> tuple[PowerActor, ...]:
    """Return actors if the first describes the ladder's cluster OPP by OPP, else ValueError."""
    if not actors or actors[0].name != ladder[0].cores:
        raise ValueError(
            f"actors is {[actor.name for actor in actors]}, expected {ladder[0].cores} first"
        )
    if len(actors[0].power_mw) != len(ladder):
        raise ValueError(
            f"power_mw of {actors[0].name} has {len(actors[0].power_mw)} entries, expected one for "
            f"each of {len(ladder)} operating points"
        )
    return tuple(actors)
