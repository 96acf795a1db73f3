"""Whether a trace excites the model fitted to it: whether the data can say what the fit says."""

from dataclasses import dataclass

import numpy as np

from thermal.identify.foster_fit import FosterFit
from thermal.identify.trace import HeatTrace
from thermal.network import Vector

FEWEST_HOT = 0.05
_FEWEST_READINGS_PER_PARAMETER = 2.0
_LEAST_SPANS = 1.5
# Small boards settle with 60 to 700 s; a short trace cannot show it, and its fit will not know.
_LEAST_S = 300.0
_LEAST_SWING = 4.0
_MOST_GAIN_ERROR = 0.35
_MOST_TAU_ERROR = 0.7
_STEP_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Excitation:
    """What a trace holds for identification, and the verdict.

    Attributes
    ----------
    readings, parameters
        How many readings there were, and parameters fitted to them.
    spans
        Length of the trace in slowest time constants.
    swing_k
        Range of the temperature that the inputs caused, as fitted [K].
    steps
        Times the drive changed by more than a quarter of its range from one step to the next.
    gain_error, tau_error
        Standard error of the logarithm of the steady rise and of the time constants (the worst of
        those that carry a tenth of the rise), from the data alone.
    condition
        Condition number of the data's information matrix, scaled to unit diagonal.
    hot_share
        Share of readings at or above the temperature that forecasts are wanted for; 1 if none
        was asked for.
    reasons
        Why the trace does not excite the model; empty if it does.

    Notes
    -----
    Limits: errors are of a linearised model that is assumed right. An excited trace is no proof of
    a good model, only of one that the data could have refuted.
    """

    readings: int
    parameters: int
    spans: float
    swing_k: float
    steps: int
    gain_error: float
    tau_error: float
    condition: float
    hot_share: float
    reasons: tuple[str, ...]

    @property
    def excited(self) -> bool:
        """Whether the data say what the fit says."""
        return not self.reasons


def judge_excitation(
    fit: FosterFit, trace: HeatTrace, *, hot_degc: float | None = None
) -> Excitation:
    """Judge the readings a model was fitted to.

    Parameters
    ----------
    fit
        The fit.
    trace
        The trace it was fitted to.
    hot_degc
        Lowest temperature of the range that forecasts are wanted for [degC]; none asked for by
        default.
    """
    model, read = fit.model, trace.read
    readings = int(read.sum())
    span_s = float(trace.time_s[read][-1] - trace.time_s[read][0])
    spans = span_s / float(model.tau_s[model.share >= 0.1].max())
    drive = trace.inputs @ model.gain
    still = float(model.respond(trace)[0])
    caused = model.respond(trace) - still
    swing_k = float(np.ptp(caused - _start_only(fit, trace)))
    steps = int((np.abs(np.diff(drive)) > _STEP_SHARE * max(np.ptp(drive), 1e-12)).sum())
    steps = steps if np.ptp(drive) > 1e-9 * max(float(drive.max()), 1e-12) else 0
    gain_error, tau_error, condition = _errors(fit, trace)
    hot = 1.0 if hot_degc is None else float((trace.temps_degc[read] >= hot_degc).mean())
    parameters = int((np.diagonal(fit.information) > 0.0).sum())
    least_swing = _LEAST_SWING * max(fit.sigma_k, trace.resolution_k / np.sqrt(12.0))
    checks = (
        (
            readings < _FEWEST_READINGS_PER_PARAMETER * parameters,
            f"{readings} readings for {parameters} parameters",
        ),
        (spans < _LEAST_SPANS, f"too short: {spans:.2g} slowest time constants"),
        (span_s < _LEAST_S, f"too short: {span_s:.3g} s, below {_LEAST_S:.3g} s"),
        (steps == 0, "constant load: no step of the inputs"),
        (swing_k < least_swing, f"inputs moved it by {swing_k:.2g} K, below {least_swing:.2g} K"),
        (gain_error > _MOST_GAIN_ERROR, f"steady rise uncertain by {100 * gain_error:.0f} %"),
        (tau_error > _MOST_TAU_ERROR, f"time constants uncertain by {100 * tau_error:.0f} %"),
        (hot < FEWEST_HOT, f"{100 * hot:.1f} % hot readings, fewer than {100 * FEWEST_HOT:.0f} %"),
    )
    return Excitation(
        readings=readings,
        parameters=parameters,
        spans=spans,
        swing_k=swing_k,
        steps=steps,
        gain_error=gain_error,
        tau_error=tau_error,
        condition=condition,
        hot_share=hot,
        reasons=tuple(reason for failed, reason in checks if failed),
    )


def _start_only(fit: FosterFit, trace: HeatTrace) -> Vector:
    fade = np.exp(-(trace.time_s - trace.time_s[0]) / fit.model.tau_s[:, np.newaxis])
    return np.asarray(fit.model.start_k @ fade)


def _errors(fit: FosterFit, trace: HeatTrace) -> tuple[float, float, float]:
    """Return the data's own standard errors of log rise and log tau, and the condition number."""
    model = fit.model
    k, m = len(model.tau_s), len(model.gain)
    scale = np.sqrt(np.diagonal(fit.information))
    used = scale > 0.0
    if not used.any():
        return np.inf, np.inf, np.inf
    matrix = fit.information[np.ix_(used, used)] / np.outer(scale[used], scale[used])
    # Only differences of log shares count: their common part is no parameter. Pin it.
    pin = np.zeros(len(scale))
    pin[k : 2 * k] = np.sqrt(model.share)
    matrix = matrix + np.outer(pin[used], pin[used])
    values, vectors = np.linalg.eigh(matrix)
    floor = float(values[-1]) * 1e-14
    condition = float(values[-1] / max(values[0], floor))
    inverse = (vectors / np.maximum(values, floor)) @ vectors.T
    spread = np.zeros((len(scale), len(scale)))
    spread[np.ix_(used, used)] = inverse / np.outer(scale[used], scale[used])
    by_gain = np.zeros(len(scale))
    rise = model.gain * trace.inputs.max(axis=0)
    by_gain[2 * k : 2 * k + m] = rise / max(float(rise.sum()), 1e-300)
    gain_error = float(np.sqrt(by_gain @ spread @ by_gain)) if rise.any() else np.inf
    counts = [i for i in range(k) if model.share[i] >= 0.1]
    tau_error = float(np.sqrt(max(spread[i, i] for i in counts)))
    return gain_error, tau_error, condition
