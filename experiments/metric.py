"""One named figure of a study, as it is printed and collected."""

import json
import math
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure with its unit.

    Attributes
    ----------
    metric
        Name, e.g. ``hotspot_G_rel``.
    value
        The figure, in `unit`.
    unit
        Its unit, ``1`` for a pure number.
    """

    metric: str
    value: float
    unit: str

    def __post_init__(self) -> None:
        if not self.metric:
            raise ValueError("a metric needs a name")
        if math.isnan(self.value):
            raise ValueError(f"{self.metric} is not a number")

    def to_json(self) -> str:
        """Return the metric as one line of JSON."""
        return json.dumps(asdict(self))
