"""How many frames will come: what comes now, fading into what usually comes; or a preview."""

import math
from collections.abc import Callable

import numpy as np

from thermal.network import Vector

_SMOOTH_S = 0.5  # what comes now is an average over about this
_USUAL_S = 200.0  # what usually comes is one over this
_FADE_S = 5.0  # a burst is forgotten in this time
_LONGEST_S = 5.0  # after a longer gap what comes now is what came last


class Forecast:
    """Demand now and over stretches of time to come.

    Parameters
    ----------
    edges_s
        Ends of the stretches from now on, rising from 0, shape (B + 1,) [s].
    preview
        Demand as a function of time, where it is known in advance [Hz].

    Notes
    -----
    Limits: without a preview demand is expected to fade exponentially from what comes now to what
    usually comes, so a stream with a rhythm is forecast only as far as its mean.
    """

    def __init__(self, edges_s: Vector, preview: Callable[[float], float] | None = None) -> None:
        self._edges_s = edges_s
        self._preview = preview
        length = np.diff(edges_s)
        self._fading = -np.diff(np.exp(-edges_s / _FADE_S)) * _FADE_S / length
        self._now_hz = self._usual_hz = math.nan
        self._seen_s = self._time_s = 0.0

    def update(self, time_s: float, demand_hz: float) -> None:
        """Take in what came in the last period; what is no rate at all is left out [Hz]."""
        elapsed_s, self._time_s = time_s - self._time_s, time_s
        if not 0.0 <= demand_hz < math.inf:
            return
        if not (math.isfinite(self._now_hz) and 0.0 < elapsed_s <= _LONGEST_S):
            self._now_hz = demand_hz
            self._usual_hz = demand_hz if math.isnan(self._usual_hz) else self._usual_hz
            return
        self._seen_s += elapsed_s
        self._now_hz += -math.expm1(-elapsed_s / _SMOOTH_S) * (demand_hz - self._now_hz)
        # At first the usual is the plain mean of all that was seen.
        window_s = min(self._seen_s, _USUAL_S)
        self._usual_hz += min(elapsed_s / window_s, 1.0) * (demand_hz - self._usual_hz)

    @property
    def now_hz(self) -> float:
        """Demand now; unlimited while nothing is known [Hz]."""
        return self._now_hz if math.isfinite(self._now_hz) else math.inf

    def over(self) -> Vector:
        """Return the mean demand over each stretch, shape (B,) [Hz]."""
        if not math.isfinite(self._now_hz):
            return np.full(len(self._fading), math.inf)
        if self._preview is not None:
            return self._previewed(self._preview)
        return np.asarray(self._usual_hz + self._fading * (self._now_hz - self._usual_hz))

    def _previewed(self, preview: Callable[[float], float]) -> Vector:
        edges = self._edges_s
        shares = (0.125, 0.375, 0.625, 0.875)
        rates = [
            sum(preview(self._time_s + a + share * (b - a)) for share in shares) / len(shares)
            for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        ]
        return np.asarray([max(rate, 0.0) if math.isfinite(rate) else math.inf for rate in rates])
