"""`adaptive inspect`: what is inside an exported network."""

import argparse
import json
from dataclasses import replace
from itertools import product

from adaptive.artifact import Artifact, artifact_names, load_artifact
from adaptive.cost import macs_of
from adaptive.precision import Effort, PrecisionPlan

HELP = "List the bundled networks, or show one network's layers, levels and measured efforts."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("artifact", nargs="?", help="bundled name or file; all bundled by default")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Print a summary of each artifact, or the whole of one."""
    names = (args.artifact,) if args.artifact else artifact_names()
    for name in names:
        artifact = load_artifact(name)
        if args.json:
            print(json.dumps(_summary(artifact)))
        else:
            _print(artifact, whole=bool(args.artifact))
    return 0


def _summary(artifact: Artifact) -> dict[str, object]:
    return {
        "artifact": artifact.name,
        "checksum": artifact.checksum,
        "layers": list(artifact.layers),
        "bits": [int(bits) for bits in artifact.bits],
        "widths": list(artifact.widths),
        "heads": {head: artifact.labels_of(head).levels[0] for head in artifact.heads},
        "macs": sum(layer.macs for layer in artifact.work),
        "weights": sum(layer.weights for layer in artifact.work),
        "levels": {level: len(artifact.labels.nodes(level)) for level in artifact.labels.levels},
        "measured": [
            {"plan": m.effort.code, "images": m.images, "accuracy": dict(m.accuracy)}
            for m in artifact.measured
        ],
        "provenance": dict(artifact.provenance),
    }


def _print(artifact: Artifact, *, whole: bool) -> None:
    macs = sum(layer.macs for layer in artifact.work)
    weights = sum(layer.weights for layer in artifact.work)
    print(f"{artifact.name}  {artifact.checksum[:12]}")
    print(f"  {len(artifact.layers)} layers, {weights:,} weights, {macs:,} MAC an image")
    for level in artifact.labels.levels:
        print(f"  level {level}: {', '.join(artifact.labels.nodes(level))}")
    if not whole:
        return
    print(f"  {'layer':<16} {'MAC':>10} {'weights':>8} {'inputs':>8} {'outputs':>8}")
    for layer in artifact.work:
        print(
            f"  {layer.name:<16} {layer.macs:>10,} {layer.weights:>8,} "
            f"{layer.inputs:>8,} {layer.outputs:>8,}"
        )
    for width, head in product(artifact.widths, artifact.heads):
        effort = Effort(PrecisionPlan.uniform(artifact.layers, artifact.bits[0]), width, head)
        share = macs_of(artifact, effort) / macs_of(
            artifact, replace(effort, width=1.0, head="leaf")
        )
        told = artifact.labels_of(head).levels[0]
        print(f"  width {width:<5g} head {head:<12} answers at {told:<12} {share:6.1%} of the MAC")
    print("  measured efforts (calibration images, not the held-out ones)")
    leaf = artifact.labels.levels[0]
    for m in sorted(artifact.measured, key=lambda m: -m.accuracy.get(leaf, 0.0)):
        shares = ", ".join(f"{level} {value:.4f}" for level, value in m.accuracy.items())
        print(f"  {m.effort.code:<24} {shares}  ({m.images} images)")
    for key, value in artifact.provenance.items():
        print(f"  {key}: {value}")
