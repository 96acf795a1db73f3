"""What a run came to: scored frame by frame, and as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from adaptive.loop import Sample
from adaptive.service import Served
from adaptive.simulation import Truth
from experiments.reward import Score, Worth
from experiments.stream import Stream


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long answers took and how many frames waited.

    Attributes
    ----------
    mean_s, p99_s, longest_s
        From a frame's arrival to its answer; 0 if none was answered [s].
    backlog
        Most frames left waiting at the end of a period.
    """

    mean_s: float
    p99_s: float
    longest_s: float
    backlog: int


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
        Images named rightly, for each level: counted where real images are at hand, else expected
        from the accuracies measured at the network's export.
    images_per_frame
        Images of a frame.
    plans
        Share of the answered frames that each precision plan took [0..1].
    score
        Reward and what belongs to it; see `experiments.reward`.
    waiting
        Latency and queueing.
    """

    governor: str
    peak_degc: float
    cap_degc: float
    time_above_cap_s: float
    energy_j: float
    served: int
    dropped: int
    right: Mapping[str, float]
    images_per_frame: int
    plans: Mapping[str, float]
    score: Score
    waiting: Waiting

    @property
    def accuracy(self) -> dict[str, float]:
        """Share of the answered images that were right, for each level; 0 if none [0..1]."""
        images = self.served * self.images_per_frame
        return {level: count / images if images else 0.0 for level, count in self.right.items()}

    @property
    def right_frames(self) -> float:
        """Frames answered, each counted by its share of right leaf answers."""
        return next(iter(self.right.values())) / self.images_per_frame

    @property
    def energy_per_right_j(self) -> float:
        """Energy of the board for one rightly answered image; infinite if none [J]."""
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
    worth
        What a frame answered is worth by the point's name, over the best effort's [0..1].
    """

    summary: Summary
    samples: tuple[Sample, ...]
    truth: tuple[Truth, ...]
    worth: Mapping[str, float]

    def frame(self) -> pd.DataFrame:
        """Return the run as a table, one row a period, columns with unit suffixes.

        Columns
        -------
        time_s
            End of the period.
        point, plan, bits, level, cores, frequency_hz, duty
            What the governor chose: the point's name, its precision plan and mean bits, the level
            of its answers, and where, how fast and for what share of the time it runs.
        sensor_degc, hottest_degc
            Hottest zone the governor saw, hottest junction there truly was.
        power_w
            Mean power of the board.
        arrived, served, dropped, backlog
            Frames of the period; those still waiting at its end.
        latency_s
            From arrival to answer, mean of the frames answered; NaN if none.
        earned
            Frames answered, each by its worth over the best effort's.
        """
        pairs = zip(self.samples, self.truth, strict=True)
        return pd.DataFrame(
            {
                "time_s": after.time_s,
                "point": sample.point.name,
                "plan": sample.point.effort.code,
                "bits": _mean_bits(sample),
                "level": sample.point.level,
                "cores": sample.point.cores,
                "frequency_hz": sample.point.frequency_hz,
                "duty": sample.point.duty,
                "sensor_degc": max(sample.observation.temps_degc.values()),
                "hottest_degc": after.hottest_degc,
                "power_w": after.power_w,
                "arrived": after.arrived,
                "served": sum(batch.count for batch in after.served),
                "dropped": after.dropped,
                "backlog": after.backlog,
                "latency_s": _mean_delay_s(after.served),
                "earned": sum(batch.count * self.worth[batch.point.name] for batch in after.served),
            }
            for sample, after in pairs
        )


def _mean_bits(sample: Sample) -> float:
    bits = sample.point.effort.plan.bits
    return sum(bits) / len(bits)


def _mean_delay_s(served: Sequence[Served]) -> float:
    frames = sum(batch.count for batch in served)
    return sum(batch.count * batch.delay_s for batch in served) / frames if frames else float("nan")


def waiting(truth: Sequence[Truth]) -> Waiting:
    """Return how long the answers of a run took, each frame counted once."""
    batches = [batch for period in truth for batch in period.served]
    backlog = max((period.backlog for period in truth), default=0)
    if not batches:
        return Waiting(0.0, 0.0, 0.0, backlog)
    delays = np.array([batch.delay_s for batch in batches])
    counts = np.array([batch.count for batch in batches])
    order = np.argsort(delays)
    reached = np.cumsum(counts[order])
    p99 = delays[order][np.searchsorted(reached, 0.99 * reached[-1])]
    mean = float(delays @ counts / reached[-1])
    return Waiting(mean, float(p99), float(delays.max()), backlog)


def relative_worth(served: Sequence[Served], worth: Worth, *, best: float) -> dict[str, float]:
    """Return what a frame is worth over the best effort's, for each point that served."""
    points = {batch.point.name: batch.point for batch in served}
    return {name: worth.of_frame(point) / best for name, point in points.items()}


def summarise(
    governor: str,
    stream: Stream,
    truth: Sequence[Truth],
    *,
    cap_degc: float,
    period_s: float,
    score: Score,
) -> Summary:
    """Sum a run up, its answers scored frame by frame on what the stream shows."""
    served = [batch for period in truth for batch in period.served]
    frames = sum(batch.count for batch in served)
    plans: dict[str, int] = {}
    for batch in served:
        code = batch.point.effort.code
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
        cap_degc=cap_degc,
        time_above_cap_s=sum(period.over_cap_s for period in truth),
        energy_j=sum(period.power_w for period in truth) * period_s,
        served=frames,
        dropped=sum(period.dropped for period in truth),
        right=right,
        images_per_frame=stream.images_per_frame,
        plans={code: count / frames for code, count in sorted(plans.items())},
        score=score,
        waiting=waiting(truth),
    )
