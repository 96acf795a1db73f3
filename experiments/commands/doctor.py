"""`adaptive doctor`: which layers lose by running at 8 bits, why, and what mends them."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from adaptive.artifact import Artifact, load_artifact, save_artifact
from adaptive.errors import ConfigError
from adaptive.measured import MeasuredEffort
from adaptive.precision import Effort, PrecisionPlan
from adaptive.proportion import wilson_interval
from experiments.commands.evaluate import check_fit, chosen_dataset, watched
from experiments.docs import replace_block
from experiments.import_network import spread
from experiments.requantise import healed
from models.data import ImageSet, LabelledImages
from models.datasets.catalogue import dataset_names
from models.doctor import CLIPPED, WEAK, Cause, Finding, choose_mends, diagnose
from models.export import load_network, measure, with_measurements
from models.mends import Mends

HELP = (
    "Name the layers of a network that lose by running at 8 bits and the cause of each (range, "
    "bias or rounding), measured one layer and one cause at a time on calibration images; then "
    "mend them without training, and compare before and after on other calibration images."
)

Row = dict[str, object]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--artifact", required=True, help="bundled name or file")
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="folder of the data set ($ADAPTIVE_DATA)"
    )
    parser.add_argument(
        "--dataset", choices=dataset_names(), help="the one the artifact names by default"
    )
    parser.add_argument(
        "--images", type=int, default=1000, help="calibration images to look at (1000)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("-o", "--output", type=Path, help="write the mended network here")
    parser.add_argument(
        "--doc", type=Path, metavar="PAGE", help="put the report between the marks of PAGE as well"
    )


@dataclass(frozen=True, slots=True)
class Visit:
    """What the doctor found and did.

    `after` and `healed` are empty and None where no mend lowers the loss.
    """

    before: tuple[Finding, ...]
    after: tuple[Finding, ...]
    mends: Mends | None
    healed: Artifact | None
    measured: tuple[MeasuredEffort, ...]


def run(args: argparse.Namespace) -> int:
    """Print complaints with their causes, mends, and accuracy before and after."""
    if args.images < 1:
        raise ConfigError(f"--images is {args.images}, expected at least 1")
    artifact = load_artifact(args.artifact)
    check_targets(args, artifact)
    source = chosen_dataset(artifact, args.dataset)
    data = source.load("calibration", data_dir=args.data_dir)
    check_fit(artifact, source, data)
    seen, others = halves(data, args.images)
    visit = treat(artifact, seen, others)
    rows = [*layer_rows(artifact, visit), mend_row(artifact, visit), *plan_rows(artifact, visit)]
    text = "\n".join(report(artifact, visit, seen=len(seen), others=len(others)))
    print("\n".join(json.dumps(row) for row in rows) if args.json else text)
    if args.doc is not None:
        replace_block(args.doc, f"doctor {artifact.name}", f"```text\n{text}\n```")
    if args.output is not None and visit.healed is not None:
        save_artifact(visit.healed, args.output)
        if not args.json:
            print(f"wrote {args.output} ({visit.healed.checksum[:12]})")
    return 0


def check_targets(args: argparse.Namespace, artifact: Artifact) -> None:
    """Refuse what could not be written in the end, before minutes are spent."""
    if args.output is not None and not args.output.parent.is_dir():
        raise ConfigError(f"{args.output}: no such folder, expected one to write into")
    mark = f"<!-- doctor {artifact.name} -->"
    try:
        if args.doc is not None and mark not in args.doc.read_text(encoding="utf-8"):
            raise ConfigError(f"{args.doc}: expected the marker {mark} on a line of its own")
    except OSError as error:
        raise ConfigError(f"{args.doc}: {error.strerror}, expected a page") from error


def halves(data: ImageSet, count: int) -> tuple[LabelledImages, LabelledImages]:
    """Take so many images to look at and as many others to check on, both evenly spread."""
    both = spread(data, 2 * count)
    seen, others = (
        LabelledImages(both.images[first::2], both.labels[first::2]) for first in (0, 1)
    )
    return seen, others if len(others) else seen


def treat(artifact: Artifact, seen: LabelledImages, others: LabelledImages) -> Visit:
    """Diagnose and mend a network on some images and measure it on others."""
    network = load_network(artifact)
    with watched(f"looking at {len(artifact.graph)} nodes") as progress:
        before = diagnose(network, seen, progress=progress)
    with watched("trying mends") as progress:
        mends = choose_mends(network, seen, progress=progress)
    efforts = [
        Effort(PrecisionPlan.uniform(artifact.layers, bits), head=next(iter(artifact.heads)))
        for bits in artifact.bits
    ]
    measured = measure(artifact, efforts, others)
    if mends is None:
        return Visit(before, (), None, None, measured)
    better = healed(artifact, seen.images, mends)
    better = with_measurements(better, measure(better, efforts, others))
    with watched("looking again") as progress:
        after = diagnose(load_network(better), seen, progress=progress)
    return Visit(before, after, mends, better, measured)


def layer_rows(artifact: Artifact, visit: Visit) -> Iterator[Row]:
    """Yield one row for each layer, in network order."""
    later = {finding.layer: finding.loss_nats for finding in visit.after}
    for finding in visit.before:
        yield {
            "artifact": artifact.name,
            "layer": finding.layer,
            "sqnr_db": round(finding.sqnr_db, 2),
            "loss_nats": finding.loss_nats,
            "accuracy_change": finding.accuracy_change,
            "clipped": finding.clipped,
            "weak_channels": finding.weak_channels,
            "cause": None if finding.cause is None else finding.cause.value,
            "left_nats": {cause.value: left for cause, left in finding.left_nats.items()},
            "loss_after_nats": later.get(finding.layer),
        }


def mend_row(artifact: Artifact, visit: Visit) -> Row:
    """Return what was done."""
    what = None if visit.mends is None else str(visit.mends)
    return {"artifact": artifact.name, "mends": what}


def plan_rows(artifact: Artifact, visit: Visit) -> Iterator[Row]:
    """Yield the accuracy at the leaves of each uniform plan, before and after."""
    level = artifact.labels.levels[0]
    healed = visit.measured if visit.healed is None else visit.healed.measured
    for before, after in zip(visit.measured, healed, strict=True):
        row: Row = {"artifact": artifact.name, "plan": before.effort.plan.code, "n": before.images}
        for name, entry in (("before", before), ("after", after)):
            right = entry.correct[level]
            low, high = wilson_interval(right, entry.images)
            row |= {name: right / entry.images, f"{name}_low": low, f"{name}_high": high}
        yield row


def report(artifact: Artifact, visit: Visit, *, seen: int, others: int) -> Iterator[str]:
    """Yield the lines for people."""
    complaints = sorted(
        (finding for finding in visit.before if finding.cause is not None),
        key=lambda finding: -finding.loss_nats,
    )
    yield (
        f"{artifact.name} ({artifact.arithmetic.value}, {artifact.checksum[:12]}): "
        f"{len(complaints)} of {len(visit.before)} layers lose by their few bits, "
        f"each alone, on {seen} calibration images"
    )
    yield from _complaints(complaints, visit)
    if visit.mends is None:
        yield "no mend lowers the loss: the network is left as it is"
    else:
        yield f"mended without training: {visit.mends}"
    yield f"right on {others} other calibration images:"
    yield f"{'plan':<10} {'before':>8}   {'95 % interval':<16} {'after':>8}   95 % interval"
    for row in plan_rows(artifact, visit):
        shares = [
            100 * float(str(row[f"{name}{end}"]))
            for name in ("before", "after")
            for end in ("", "_low", "_high")
        ]
        yield "{:<10} {:>7.2f}%   {:>6.2f} .. {:<6.2f} {:>7.2f}%   {:>6.2f} .. {:.2f}".format(
            str(row["plan"]), *shares
        )


def _complaints(complaints: Sequence[Finding], visit: Visit) -> Iterator[str]:
    """Yield a line for each complaint, the worst first."""
    if not complaints:
        return
    later = {finding.layer: f"{finding.loss_nats:.4f}" for finding in visit.after}
    causes = tuple(cause.value for cause in Cause)
    yield (
        f"{'layer':<20} {'SQNR':>7} {'loss':>8} {'points':>7}  {'cause':<8} left without: "
        + "".join(f"{cause:>9}" for cause in causes)
        + f"{'mended':>9}"
    )
    for finding in complaints:
        left = {cause.value: f"{nats:.4f}" for cause, nats in finding.left_nats.items()}
        named = "-" if finding.cause is None else finding.cause.value
        yield (
            f"{finding.layer:<20} {finding.sqnr_db:>4.1f} dB {finding.loss_nats:>8.4f} "
            f"{100 * finding.accuracy_change:>+7.2f}  {named:<8} {'':<14}"
            + "".join(f"{left.get(cause, '-'):>9}" for cause in causes)
            + f"{later.get(finding.layer, '-'):>9}"
        )
        if finding.clipped > CLIPPED:
            yield f"    {finding.clipped:.2%} of its outputs are beyond its range"
        if finding.weak_channels:
            yield (
                f"    the weights of {finding.weak_channels:.0%} of its channels fill fewer than "
                f"{WEAK} of 127 steps"
            )
