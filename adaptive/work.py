"""What the governed application does: the half of an observation no sensor tells."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """Frames over the last period.

    Attributes
    ----------
    demand_hz
        Frames that arrived per second [Hz].
    served_hz
        Frames that were answered per second [Hz].
    latency_s
        Mean time from a frame's arrival to its answer, 0 if none [s].
    backlog
        Frames waiting to be answered.

    Raises
    ------
    ValueError
        If a figure is negative or NaN.
    """

    demand_hz: float
    served_hz: float
    latency_s: float = 0.0
    backlog: int = 0

    def __post_init__(self) -> None:
        for name in ("demand_hz", "served_hz", "latency_s", "backlog"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 0 or more")


IDLE = Work(0.0, 0.0)
UNKNOWN = Work(1e6, 1e6)
"""An application that tells nothing is taken to work without pause."""
