"""What `adaptive search` says and writes."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace

from adaptive.cost import build_points
from adaptive.errors import ConfigError
from adaptive.measured import MeasuredEffort
from adaptive.operating_point import OperatingPointTable
from adaptive.plant import Plant
from adaptive.search.points import REPORT, FoundPoint, Target
from adaptive.search.run import Found, Question
from adaptive.search.space import Mix, SearchSpace

LEVEL_LOSSES = (0.0, 0.005, 0.01, 0.02, 0.03)
"""Accuracy below the best point, for which the cheapest plan is named [0..1]."""


def level_table(found: Found) -> list[dict[str, str | float | bool]]:
    """Return the cheapest plan for each level and accuracy target; `sure` if its interval is."""
    problem = found.problem
    rows: list[dict[str, str | float | bool]] = []
    for level, points in found.points.items():
        best = max((point.reported.accuracy for point in points), default=0.0)
        for loss in LEVEL_LOSSES:
            chosen = Target(least_accuracy=best - loss).choose(points)
            if chosen is not None:
                row = _row(problem.space, level, chosen, problem.cost(problem.space.dearest))
                sure = chosen.reported.low >= best - loss
                rows.append({"target": best - loss, "loss": loss, "sure": sure, **row})
    return rows


def _row(
    space: SearchSpace, level: str, point: FoundPoint, most: float
) -> dict[str, str | float | bool]:
    """Return what there is to say of a point."""
    effort = space.effort(point.mix)
    return {
        "level": level,
        "plan": effort.code,
        "width": effort.width,
        "head": effort.head,
        "cost": point.cost,
        "saved": 1.0 - point.cost / most,
        "chosen_at": point.chosen_at,
        "accuracy": point.reported.accuracy,
        "low": point.reported.low,
        "high": point.reported.high,
        "told_apart": point.apart,
    }


def print_found(args: argparse.Namespace, question: Question, found: Found, *, unit: str) -> None:
    """Print points, levels and what was asked for."""
    problem, artifact = found.problem, question.artifact
    most = problem.cost(problem.space.dearest)
    rows = [
        _row(problem.space, level, point, most)
        for level, points in found.points.items()
        for point in points
    ]
    if args.json:
        for row in rows:
            print(json.dumps({"kind": "point", **row}))
        for row in level_table(found):
            print(json.dumps({"kind": "target", **row}))
    else:
        print(
            f"{artifact.name}: {len(problem.answers)} of {problem.space.size:,} mixes measured, "
            f"{problem.image_evaluations:,} image evaluations; cost is {unit}"
        )
        print(f"{'level':<10} {'plan':<34} {'cost':>10} {'saved':>7} {'accuracy':>9}  95 % at once")
        for row in rows:
            print(_line(row))
        print("cheapest plan for each level and accuracy:")
        for row in level_table(found):
            sure = "" if row["sure"] else ", not surely"
            saved = f"saves {row['saved']:.1%}{sure}"
            print(f"{row['level']:<10} {row['target']:>8.2%}  {row['plan']} ({saved})")
    asked = Target(args.least_accuracy, args.most_cost)
    if asked != Target():
        points = found.points[args.level or artifact.labels.levels[0]]
        chosen = asked.choose(points)
        if chosen is None:
            raise ConfigError(
                f"no point has accuracy {args.least_accuracy} within cost {args.most_cost}, "
                "expected a target that some point meets"
            )
        row = _row(problem.space, args.level or artifact.labels.levels[0], chosen, most)
        print(json.dumps({"kind": "chosen", **row}) if args.json else f"chosen:\n{_line(row)}")


def _line(row: dict[str, str | float | bool]) -> str:
    """Format one point for people."""
    apart = "" if row["told_apart"] else "  (not told apart)"
    return (
        f"{row['level']:<10} {row['plan']:<34} {row['cost']:>10.4g} {row['saved']:>7.1%} "
        f"{row['accuracy']:>9.2%}  {row['low']:.2%} .. {row['high']:.2%}{apart}"
    )


def points_table(
    plant: Plant,
    question: Question,
    found: Found,
    kept: Sequence[FoundPoint],
    *,
    level: str,
    per_frame: int,
) -> OperatingPointTable:
    """Cross kept points of a level with the board's OPPs; accuracies are those reported."""
    artifact = question.artifact
    measured = tuple(_reported(question, found, point.mix) for point in kept)
    table = build_points(
        plant,
        replace(artifact, measured=measured),
        images_per_frame=per_frame,
        efforts=[entry.effort for entry in measured],
        level=level,
    )
    interval = {
        question.space.effort(point.mix): (point.reported.low, point.reported.high)
        for point in kept
    }
    points = tuple(
        replace(point, accuracy_interval=interval[point.effort]) for point in table.points
    )
    return replace(table, checksum=artifact.checksum, points=points)


def _reported(question: Question, found: Found, mix: Mix) -> MeasuredEffort:
    """Return what was reported of a mix, at the levels that its head tells."""
    effort = question.space.effort(mix)
    told = question.artifact.labels_of(effort.head).levels
    counts = {level: found.reported[mix][level] for level in told}
    return MeasuredEffort(effort, len(question.sets[REPORT]), counts)
