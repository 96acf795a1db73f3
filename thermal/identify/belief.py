"""Prior knowledge of small boards, for what a short or dull trace leaves open."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of a board before its trace is seen; gives way to data.

    Attributes
    ----------
    ambient_degc, ambient_spread_k
        Ambient temperature [degC] and how far off it may be [K].
    rise_k, rise_spread
        Steady rise at full load [K] and the spread of its logarithm.
    full_load
        Each input at full load, in its own unit; None for the largest seen, which says too much
        where the trace never came near it.
    kin_spread
        Spread of the logarithm of the inputs' gains about their common mean.
    tau_spread
        Spread of the logarithm of each time constant about that of a small board.
    start_spread_k
        How far modes may start from steady [K].
    leak_k, leak_per_k, leak_spread
        Rise by leakage at 60 degC [K], its relative growth [1/K], and the spread of the logarithms
        of both. A `leak_k` of 0 leaves leakage out.

    Raises
    ------
    ValueError
        If a spread, the rise or the growth is not positive, or the leakage rise is negative.
    """

    ambient_degc: float = 30.0
    ambient_spread_k: float = 10.0
    rise_k: float = 25.0
    rise_spread: float = 1.0
    full_load: float | None = None
    kin_spread: float = 0.3
    tau_spread: float = 1.0
    start_spread_k: float = 5.0
    leak_k: float = 0.0
    leak_per_k: float = 0.02
    leak_spread: float = 0.7

    def __post_init__(self) -> None:
        for name in (
            "ambient_spread_k",
            "rise_k",
            "rise_spread",
            "kin_spread",
            "tau_spread",
            "start_spread_k",
            "leak_per_k",
            "leak_spread",
        ):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected a number above 0")
        if self.full_load is not None and not self.full_load > 0.0:
            raise ValueError(f"full_load is {self.full_load!r}, expected a number above 0 or None")
        if not self.leak_k >= 0.0:
            raise ValueError(f"leak_k is {self.leak_k!r}, expected a number not below 0")
