"""Held-out error of a fitted model: free runs through readings that no fit has seen."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermal.identify.foster_fit import FosterFit
from thermal.identify.trace import HeatTrace
from thermal.network import Vector

Fitter = Callable[[HeatTrace], FosterFit]
_FEWEST = 6  # readings a fit needs


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Predictions of held-out readings beside holding the last training temperature.

    Attributes
    ----------
    rows
        Rows of the trace predicted, in the order of the predictions, shape (k,).
    read_degc, predicted_degc, held_degc
        The readings, the free run and the temperature held, shape (k,) [degC].
    """

    rows: NDArray[np.intp]
    read_degc: Vector
    predicted_degc: Vector
    held_degc: Vector

    @property
    def rms_k(self) -> float:
        """Root mean square error of the free run [K]; NaN if nothing was predicted."""
        return _rms(self.predicted_degc - self.read_degc)

    @property
    def hold_rms_k(self) -> float:
        """Root mean square error of holding the last training temperature [K]."""
        return _rms(self.held_degc - self.read_degc)

    def within(self, rows: NDArray[np.intp]) -> "HeldOut":
        """Return the part that predicts the given rows."""
        chosen = np.isin(self.rows, rows)
        return HeldOut(
            self.rows[chosen],
            self.read_degc[chosen],
            self.predicted_degc[chosen],
            self.held_degc[chosen],
        )


def _rms(error: Vector) -> float:
    return float(np.sqrt(np.mean(error**2))) if len(error) else float("nan")


def reading_blocks(trace: HeatTrace, blocks: int) -> list[NDArray[np.intp]]:
    """Return the rows with readings cut into contiguous blocks of (nearly) equal counts."""
    rows = np.flatnonzero(trace.read)
    if not 2 <= blocks <= len(rows) // 2:
        raise ValueError(
            f"blocks is {blocks!r}, expected 2 to {len(rows) // 2}: 2 readings a block"
        )
    return list(np.array_split(rows, blocks))


def hold_out_blocks(trace: HeatTrace, fit: Fitter, *, blocks: int) -> HeldOut:
    """Hold out contiguous blocks of readings in turn and run freely through each.

    Parameters are fitted to the readings of all other blocks, before and after. The state at a
    block's start comes from readings before it only: the model run through all inputs up to there,
    corrected by the drift seen so far. What is held is the last reading before the block; the
    first block has none, and the first reading after it is held in its place, to no method's
    advantage: the model starts that block uncorrected.
    """
    cut = reading_blocks(trace, blocks)
    parts = []
    for index, rows in enumerate(cut):
        hidden = trace.hiding(rows)
        known = int(rows[0])
        forecast = fit(hidden).forecast_degc(hidden, known=known)[rows - known]
        last = cut[index - 1][-1] if index else cut[1][0]
        held = np.full(len(rows), trace.temps_degc[last])
        parts.append(HeldOut(rows, trace.temps_degc[rows], forecast, held))
    return _join(parts)


def hold_out_last(trace: HeatTrace, fit: Fitter, *, share: float = 1.0 / 3.0) -> HeldOut:
    """Fit to the first readings only and run freely through the last share of them."""
    rows = np.flatnonzero(trace.read)
    count = round(share * len(rows))
    if not 0 < count <= len(rows) - _FEWEST:
        raise ValueError(f"share {share!r} of {len(rows)} readings leaves fewer than {_FEWEST}")
    last = rows[-count:]
    known = int(last[0])
    forecast = fit(trace.until(known)).forecast_degc(trace, known=known)[last - known]
    held = np.full(count, trace.temps_degc[rows[-count - 1]])
    return HeldOut(last, trace.temps_degc[last], forecast, held)


def hold_out_rolling(trace: HeatTrace, fit: Fitter, *, horizon_s: float, blocks: int) -> HeldOut:
    """Forecast, from every reading, all readings up to a horizon later, as a board would.

    Parameters are refitted at the start of each block but the first, to what was read before it;
    the first block is only learnt from. What is held is the reading the forecast starts from.
    """
    cut = reading_blocks(trace, blocks)
    parts = []
    for block in cut[1:]:
        if trace.read[: block[0]].sum() < _FEWEST:
            continue
        fitted = fit(trace.until(int(block[0])))
        for row in block:
            # The newest reading known is the one before `row`; the run starts at `row`.
            origin = np.flatnonzero(trace.read[:row])[-1]
            ahead = trace.time_s - trace.time_s[origin]
            rows = np.flatnonzero(trace.read & (ahead > 0.0) & (ahead <= horizon_s))
            if len(rows):
                forecast = fitted.forecast_degc(trace, known=int(origin) + 1)[rows - origin - 1]
                held = np.full(len(rows), trace.temps_degc[origin])
                parts.append(HeldOut(rows, trace.temps_degc[rows], forecast, held))
    return _join(parts)


def _join(parts: list[HeldOut]) -> HeldOut:
    if not parts:
        nothing = np.zeros(0)
        return HeldOut(np.zeros(0, dtype=np.intp), nothing, nothing, nothing)
    return HeldOut(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.read_degc for part in parts]),
        np.concatenate([part.predicted_degc for part in parts]),
        np.concatenate([part.held_degc for part in parts]),
    )
