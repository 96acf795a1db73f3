"""What a run came to: scored on real answers, and as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from adaptive.loop import Sample
from adaptive.simulation import Truth
from experiments.scenarios import Scenario
from experiments.stream import DIGITS_PER_FORM, FormStream


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run came to.

    Attributes
    ----------
    governor
        The policy.
    peak_degc
        Hottest junction of the whole run [degC].
    cap_degc
        The cap it was judged by [degC].
    time_above_cap_s
        Time some junction was above the cap [s].
    energy_j
        Energy of the board [J].
    served, dropped
        Frames answered in time, and frames dropped.
    right
        Digits answered rightly, for each level.
    plans
        Share of the answered frames that each precision plan took [0..1].
    """

    governor: str
    peak_degc: float
    cap_degc: float
    time_above_cap_s: float
    energy_j: float
    served: int
    dropped: int
    right: Mapping[str, int]
    plans: Mapping[str, float]

    @property
    def accuracy(self) -> dict[str, float]:
        """Share of the answered digits that were right, for each level; 0 if none [0..1]."""
        digits = self.served * DIGITS_PER_FORM
        return {level: count / digits if digits else 0.0 for level, count in self.right.items()}

    @property
    def right_frames(self) -> float:
        """Frames answered, each counted by its share of right leaf answers."""
        return next(iter(self.right.values())) / DIGITS_PER_FORM

    @property
    def energy_per_right_j(self) -> float:
        """Energy of the board for one rightly answered digit; infinite if none [J]."""
        leaf = next(iter(self.right.values()))
        return self.energy_j / leaf if leaf else float("inf")


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run.

    Attributes
    ----------
    summary
        What it came to.
    samples
        What the loop saw and did, a row a period.
    truth
        What really happened in each of those periods.
    """

    summary: Summary
    samples: tuple[Sample, ...]
    truth: tuple[Truth, ...]

    def frame(self) -> pd.DataFrame:
        """Return the run as a table, one row a period, columns with unit suffixes."""
        pairs = zip(self.samples, self.truth, strict=True)
        return pd.DataFrame(
            {
                "time_s": after.time_s,
                "point": sample.point.name,
                "plan": sample.point.effort.plan.code,
                "bits": _mean_bits(sample),
                "cores": sample.point.cores,
                "frequency_hz": sample.point.frequency_hz,
                "duty": sample.point.duty,
                "sensor_degc": max(sample.observation.temps_degc.values()),
                "hottest_degc": after.hottest_degc,
                "power_w": after.power_w,
                "arrived": after.arrived,
                "served": sum(batch.count for batch in after.served),
                "dropped": after.dropped,
            }
            for sample, after in pairs
        )


def _mean_bits(sample: Sample) -> float:
    bits = sample.point.effort.plan.bits
    return sum(bits) / len(bits)


def summarise(
    governor: str, scenario: Scenario, stream: FormStream, truth: Sequence[Truth]
) -> Summary:
    """Score what was served, frame by frame, on the stream's real answers."""
    served = [batch for period in truth for batch in period.served]
    frames = sum(batch.count for batch in served)
    plans: dict[str, int] = {}
    for batch in served:
        code = batch.point.effort.plan.code
        plans[code] = plans.get(code, 0) + batch.count
    right = {
        level: sum(
            stream.right(batch.point.effort, level, first=batch.first, count=batch.count)
            for batch in served
        )
        for level in stream.levels
    }
    return Summary(
        governor=governor,
        peak_degc=max(period.hottest_degc for period in truth),
        cap_degc=scenario.cap_degc,
        time_above_cap_s=sum(period.over_cap_s for period in truth),
        energy_j=sum(period.power_w for period in truth) * scenario.period_s,
        served=frames,
        dropped=sum(period.dropped for period in truth),
        right=right,
        plans={code: count / frames for code, count in sorted(plans.items())},
    )
