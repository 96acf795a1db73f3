"""The figures of one network, from what it answered."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from adaptive.artifact import Artifact
from adaptive.levels import Ladder
from adaptive.precision import Bits, PrecisionPlan
from adaptive.proportion import paired_difference, wilson_interval
from experiments.level_choice import LevelStudy, study_levels
from experiments.precision.config import PrecisionConfig
from experiments.precision.predictions import Predictions

Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure with its 95 per cent interval; shares in per cent, differences in points.

    Parameters
    ----------
    artifact, metric
        Of which network, and what.
    value, low, high
        The figure and the ends of its interval.
    n
        How many images, splits or codes it rests on.
    """

    artifact: str
    metric: str
    value: float
    low: float
    high: float
    n: int

    def to_json(self) -> str:
        """Return the figure as one line of JSON."""
        return json.dumps(asdict(self))

    @property
    def cell(self) -> str:
        """The figure with its interval, for a table."""
        return f"{self.value:.2f} ({self.low:.2f} .. {self.high:.2f})"


@dataclass(frozen=True, slots=True)
class Promise:
    """Level choice at one plan: its name, the plan, and what each alpha gave."""

    name: str
    plan: PrecisionPlan
    studies: tuple[LevelStudy, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A network with its predictions, and what of it is reported.

    `level` is the one reported beside the leaves; `prefix` begins the metrics' names.
    """

    artifact: Artifact
    predictions: Predictions
    level: str
    prefix: str = ""

    @property
    def all16(self) -> PrecisionPlan:
        """The plan of 16 bits throughout."""
        return PrecisionPlan.uniform(self.artifact.layers, Bits.INT16)

    @property
    def all8(self) -> PrecisionPlan:
        """The plan of 8 bits throughout."""
        return PrecisionPlan.uniform(self.artifact.layers, Bits.INT8)

    @property
    def uniform(self) -> tuple[tuple[str, PrecisionPlan], ...]:
        """The uniform plans, by the names that metrics have them by."""
        return ("all16", self.all16), ("all8", self.all8)

    @property
    def random(self) -> tuple[PrecisionPlan, ...]:
        """The random plans."""
        uniform = (self.all16, self.all8)
        return tuple(plan for plan in self.predictions.plans if plan not in uniform)

    @property
    def worst(self) -> PrecisionPlan:
        """The random plan that is right on the fewest images."""
        return min(self.random, key=lambda plan: int(self.right(plan).sum()))

    def right(
        self, plan: PrecisionPlan | None, *, level: str = "", mapped: bool = True
    ) -> Booleans:
        """Tell of each image whether a plan, or plain float, answers it rightly at a level.

        The node above the best leaf answers, or the one of greatest summed probability; at the
        leaves they are the same.
        """
        tree, found = self.artifact.labels, self.predictions
        above = tree.ancestors(level or tree.levels[0])
        truth = above[found.labels]
        if plan is None:
            return np.asarray(above[found.float_leaves] == truth, dtype=np.bool_)
        if mapped:
            return np.asarray(above[found.leaves_of(plan)] == truth, dtype=np.bool_)
        return np.asarray(found.nodes_of(plan, tree, level) == truth, dtype=np.bool_)

    def share(self, metric: str, right: Booleans) -> Figure:
        """Return a share of right answers in per cent, with Wilson's interval."""
        low, high = wilson_interval(int(right.sum()), len(right))
        return self._figure(metric, 100 * float(right.mean()), 100 * low, 100 * high, len(right))

    def difference(self, metric: str, left: Booleans, right: Booleans) -> Figure:
        """Return a difference of shares on the same images in points, with its normal interval."""
        value, low, high = (100 * part for part in paired_difference(left, right))
        return self._figure(metric, value, low, high, len(left))

    def _figure(self, metric: str, value: float, low: float, high: float, n: int) -> Figure:
        return Figure(self.artifact.name, f"{self.prefix}{metric}", value, low, high, n)

    def promises(self, config: PrecisionConfig) -> tuple[Promise, ...]:
        """Choose levels at each plan that was studied, over random splits."""
        ladder = Ladder(self.artifact.labels)
        labels = self.predictions.labels.astype(np.int64)
        names = [*(name for name, _ in self.uniform), "mixed"]
        return tuple(
            Promise(
                name,
                plan,
                tuple(
                    study_levels(
                        self.predictions.ways(plan, ladder),
                        labels,
                        alphas=config.alphas,
                        splits=config.splits,
                        seed=config.seed,
                    )
                ),
            )
            for name, plan in zip(names, self.predictions.studied, strict=False)
        )

    def figures(self, config: PrecisionConfig) -> Iterator[Figure]:
        """Yield every figure of the network."""
        plain, full, half = (self.right(plan) for plan in (None, self.all16, self.all8))
        if not self.prefix:
            yield self.share("float_top1", plain)
        yield self.share("all16_top1", full)
        yield self.share("all8_top1", half)
        yield self.difference("all16_less_float", full, plain)
        yield self.difference("all8_less_all16", half, full)
        if self.random:
            worst = self.right(self.worst)
            yield self.share("worst_random_top1", worst)
            yield self.difference("worst_random_less_all8", worst, half)
        for name, plan in self.uniform:
            right = self.right(plan, level=self.level, mapped=False)
            yield self.share(f"level1_{name}_top1", right)
            yield self.share(f"level1_mapped_{name}_top1", self.right(plan, level=self.level))
        if self.random:
            yield from self._coverage(config)
        found = self.predictions.agreement
        yield self._figure(
            "differing_codes", *(float(found.differing),) * 3, found.images * found.plans
        )

    def _coverage(self, config: PrecisionConfig) -> Iterator[Figure]:
        """Yield how far mean coverage lies from what was promised, and what answers told.

        The gap is the worst of all plans and alphas; its interval holds 95 of 100 splits.
        """
        gaps = []
        for promise in self.promises(config):
            for study in promise.studies:
                suffix = f"{promise.name}_alpha{study.alpha:g}"
                gap = np.array(study.conformal.coverage) - (1.0 - study.alpha)
                gaps.append(self._spread("coverage_gap", 100 * gap))
                yield self._spread(f"coverage_gap_{suffix}", 100 * gap)
                told = np.array(study.conformal.information_bits)
                yield self._spread(f"information_bits_{suffix}", told)
        yield min(gaps, key=lambda figure: figure.value)

    def _spread(self, metric: str, values: NDArray[np.float64]) -> Figure:
        """Return a mean over splits, and the interval that 95 of 100 of them lie in."""
        low, high = np.quantile(values, (0.025, 0.975))
        return self._figure(metric, float(values.mean()), float(low), float(high), len(values))
