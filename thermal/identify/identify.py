"""Identification of one zone: model order, fit, held-out error and excitation in one result."""

from collections.abc import Sequence
from dataclasses import dataclass

from thermal.identify.belief import Belief
from thermal.identify.excitation import Excitation, judge_excitation
from thermal.identify.fit import identify_foster
from thermal.identify.foster_fit import FosterFit
from thermal.identify.held_out import HeldOut, hold_out_blocks
from thermal.identify.trace import HeatTrace

# A further time constant has to earn its keep.
_WORTH = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Identified:
    """A model of one zone with all that is known of its worth.

    Attributes
    ----------
    fit
        Fitted to all readings; parameters, covariance, drift.
    held_out
        Free runs through blocks that were held out, each from a fit of its own.
    excitation
        Whether the readings excite the model.
    rms_by_order
        Held-out error of each number of time constants tried [K]; the least, or nearly so, won,
        so that of the winner is a little too good.
    """

    fit: FosterFit
    held_out: HeldOut
    excitation: Excitation
    rms_by_order: dict[int, float]


def identify_heat(
    trace: HeatTrace,
    *,
    orders: Sequence[int] = (1, 2, 3),
    belief: Belief | None = None,
    blocks: int = 8,
    hot_degc: float | None = None,
) -> Identified:
    """Fit Foster models of several orders, keep the one that predicts held-out blocks best.

    Parameters
    ----------
    trace
        Readings and inputs of one zone.
    orders
        Numbers of time constants to try, rising.
    belief
        Priors.
    blocks
        Contiguous blocks to hold out in turn.
    hot_degc
        Lowest temperature of the range that forecasts are wanted for [degC].

    Raises
    ------
    ValueError
        If no order is given, or the trace has fewer than two readings per block.
    """
    if not orders:
        raise ValueError("orders is empty, expected at least one number of time constants")
    scores: dict[int, HeldOut] = {}
    for order in orders:

        def fit(part: HeatTrace, order: int = order) -> FosterFit:
            return identify_foster(part, order=order, belief=belief)

        scores[order] = hold_out_blocks(trace, fit, blocks=blocks)
    best = orders[0]
    for order in orders[1:]:
        if scores[order].rms_k < _WORTH * scores[best].rms_k:
            best = order
    fitted = identify_foster(trace, order=best, belief=belief)
    return Identified(
        fit=fitted,
        held_out=scores[best],
        excitation=judge_excitation(fitted, trace, hot_degc=hot_degc),
        rms_by_order={order: score.rms_k for order, score in scores.items()},
    )
