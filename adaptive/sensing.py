"""What thermal zones get wrong: they lag, they are noisy, they read in steps."""

import math
from dataclasses import dataclass

import numpy as np

from adaptive.plant import Plant
from thermal.network import Matrix, Vector


@dataclass(frozen=True, slots=True)
class SensorErrors:
    """Errors that all zones of a board share; the step they read in is the zone's own.

    Attributes
    ----------
    noise_k
        Standard deviation of the noise of a reading, drawn anew for each [K].
    lag_s
        Time constant with which a zone follows its node; 0 = at once [s].
    seed
        Draws the noise.
    """

    noise_k: float = 0.0
    lag_s: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (("noise_k", self.noise_k), ("lag_s", self.lag_s)):
            if not (math.isfinite(value) and value >= 0.0):
                raise ValueError(f"{name} is {value}, expected 0 or more")


EXACT = SensorErrors()


class Sensors:
    """The zones of a simulated board.

    Parameters
    ----------
    plant
        The board.
    errors
        What its zones get wrong.
    start_degc
        Node temperatures that the zones have settled at, shape (n,) [degC].
    step_s
        Time between the steps that `feel` is told of [s].

    Notes
    -----
    Limits: a zone lags by one time constant, exactly so for a node that moves in steps; the noise
    is normal and without memory, and comes before the rounding.
    """

    def __init__(
        self, plant: Plant, errors: SensorErrors, start_degc: Vector, *, step_s: float
    ) -> None:
        self._zones = plant.zones
        self._rows = np.array([plant.network.index(zone.node) for zone in plant.zones])
        self._noise_k = errors.noise_k
        self._follow = 1.0 if errors.lag_s == 0.0 else -math.expm1(-step_s / errors.lag_s)
        self._generator = np.random.default_rng(errors.seed)
        self._felt: Vector = np.asarray(start_degc)[self._rows]

    def feel(self, temps_degc: Matrix) -> None:
        """Feel node temperatures after each of some steps, shape (steps, n) [degC]."""
        # At once means exactly so: no rounding between what was felt and what is.
        if self._follow == 1.0:
            self._felt = temps_degc[-1, self._rows]
            return
        nodes = temps_degc[:, self._rows]
        kept = (1.0 - self._follow) ** np.arange(len(nodes), -1, -1)
        self._felt = kept[0] * self._felt + self._follow * (kept[1:] @ nodes)

    def read(self) -> dict[str, float]:
        """Return what each zone reads now [degC]."""
        noise = (
            self._noise_k * self._generator.standard_normal(len(self._zones))
            if self._noise_k
            else np.zeros(len(self._zones))
        )
        readings = (self._felt + noise).tolist()
        return {
            zone.name: zone.reading_degc(degc)
            for zone, degc in zip(self._zones, readings, strict=True)
        }
