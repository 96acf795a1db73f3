"""One point for ever: the fastest there is, or the best that is safe for ever."""

from collections.abc import Iterable

from adaptive.errors import ConfigError
from adaptive.operating_point import OperatingPoint
from adaptive.plant import Plant
from adaptive.platform import Observation
from adaptive.response import settled


class Static:
    """Always answer the same point.

    Parameters
    ----------
    point
        The point.
    """

    def __init__(self, point: OperatingPoint) -> None:
        self._point = point

    def decide(self, observation: Observation) -> OperatingPoint:  # noqa: ARG002 - the protocol
        """Return the point."""
        return self._point


def fastest(points: Iterable[OperatingPoint]) -> OperatingPoint:
    """Return the point that answers most frames a second, the more accurate one on a tie."""
    return max(points, key=lambda point: (point.frames_hz, point.accuracy))


def settled_peak_degc(plant: Plant, point: OperatingPoint, *, ambient_degc: float) -> float:
    """Return the hottest junction a point settles at when kept busy for ever [degC].

    Infinite where leakage runs away.
    """
    state = settled(plant, point.islands, {point.cores: point.duty}, ambient_degc=ambient_degc)
    return float("inf") if state.runaway else float(plant.junctions(state.temps_degc).max())


def best_safe(
    points: Iterable[OperatingPoint],
    plant: Plant,
    *,
    ambient_degc: float,
    cap_degc: float,
    demand_hz: float,
) -> OperatingPoint:
    """Return the best point whose junctions, kept busy for ever, settle at or below the cap.

    Best is most right answers a second at a demand, then least power: what a careful engineer
    would fix at build time.

    Parameters
    ----------
    points
        Candidates.
    plant
        The board.
    ambient_degc
        Hottest ambient to be safe at [degC].
    cap_degc
        Highest junction temperature allowed [degC].
    demand_hz
        Frames that arrive per second, on average [Hz].

    Raises
    ------
    ConfigError
        If no point is safe: the board passes its cap even at its coolest point.
    """
    ranked = sorted(
        points,
        key=lambda p: (min(p.frames_hz, demand_hz) * p.accuracy, -p.power_w),
        reverse=True,
    )
    for point in ranked:
        if settled_peak_degc(plant, point, ambient_degc=ambient_degc) <= cap_degc:
            return point
    raise ConfigError(
        f"board {plant.name}: at {ambient_degc:g} degC ambient even the coolest operating point "
        f"settles above the cap of {cap_degc:g} degC; raise the cap or cool the board"
    )
