"""Bring a network into another arithmetic without training: `python -m experiments.requantise`.

    python -m experiments.requantise --artifact resnet8_cifar10 --arithmetic radix --output FILE

The artifact's weights are taken as they are, ranges are calibrated anew on some calibration
images, and all-16 and all-8 are measured on all of those. `adaptive evaluate --artifact FILE`
then answers on the held-out images.
"""

import argparse
import sys
from pathlib import Path

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import Artifact, load_artifact, save_artifact
from adaptive.errors import AdaptiveError, ConfigError
from adaptive.manifest import Fact
from adaptive.precision import Effort, PrecisionPlan
from experiments.commands.evaluate import check_fit, chosen_dataset
from experiments.import_network import spread
from models.calibrate import calibrate_ranges
from models.data import Pixels
from models.export import export_network, load_network, measure, with_measurements
from models.mends import Mends, mended
from models.ranges import RangeMethod

IMAGES = 1000
"""How many calibration images are looked at unless told otherwise."""


def requantised(
    artifact: Artifact,
    *,
    arithmetic: Arithmetic,
    images: Pixels,
    method: RangeMethod = RangeMethod.GREATEST,
) -> Artifact:
    """Return the network in an arithmetic, with ranges from some images; nothing is measured yet.

    Parameters
    ----------
    artifact
        In any arithmetic.
    arithmetic
        Of the result.
    images
        Calibration images, uint8, shape (N, H, W, C).
    method
        How ranges are chosen.

    Raises
    ------
    ConfigError
        If the network has widths and the arithmetic is not affine.
    """
    try:
        network = load_network(artifact).in_arithmetic(arithmetic)
    except ValueError as error:
        raise ConfigError(f"artifact {artifact.name}: {error}") from error
    calibrate_ranges(network, images, method=method)
    provenance: dict[str, Fact] = {
        **artifact.provenance,
        "requantised_from": artifact.checksum,
        "ranges": f"{method.value} of {len(images)} calibration images",
    }
    base = artifact.name.removesuffix(f"_{artifact.arithmetic.value}")
    name = base if arithmetic is Arithmetic.AFFINE else f"{base}_{arithmetic.value}"
    return export_network(
        network,
        name=name,
        labels=artifact.labels,
        provenance=provenance,
        head_levels=artifact.head_levels,
    )


def healed(artifact: Artifact, images: Pixels, mends: Mends) -> Artifact:
    """Return the mended network (`models.mends`) as an artifact; nothing is measured yet."""
    twin = mended(load_network(artifact), images, mends)
    provenance: dict[str, Fact] = {
        **artifact.provenance,
        "mended_from": artifact.checksum,
        "mends": f"{mends}, from {len(images)} calibration images",
    }
    return export_network(
        twin,
        name=f"{artifact.name}_mended",
        labels=artifact.labels,
        provenance=provenance,
        head_levels=artifact.head_levels,
    )


def arguments_of(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Bring a network into another arithmetic.")
    parser.add_argument("--artifact", required=True, help="bundled name or file")
    parser.add_argument(
        "--arithmetic", choices=[one.value for one in Arithmetic], default="radix", help="(radix)"
    )
    parser.add_argument("--data-dir", type=Path, help="folder of the data set ($ADAPTIVE_DATA)")
    parser.add_argument("--dataset", help="the one the artifact names by default")
    parser.add_argument("--images", type=int, default=IMAGES, help=f"calibration images ({IMAGES})")
    parser.add_argument(
        "--range", choices=[method.value for method in RangeMethod], default="greatest"
    )
    parser.add_argument("--output", type=Path, required=True, help="artifact to write")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run the command."""
    args = arguments_of(arguments)
    try:
        artifact = load_artifact(args.artifact)
        source = chosen_dataset(artifact, args.dataset)
        if args.images < 1:
            raise ConfigError(f"--images is {args.images}, expected at least 1")
        data = source.load("calibration", data_dir=args.data_dir)
        check_fit(artifact, source, data)
        chosen = spread(data, args.images)
        made = requantised(
            artifact,
            arithmetic=Arithmetic(args.arithmetic),
            images=chosen.images,
            method=RangeMethod(args.range),
        )
        efforts = [Effort(PrecisionPlan.uniform(made.layers, bits)) for bits in made.bits]
        made = with_measurements(made, measure(made, efforts, chosen))
        save_artifact(made, args.output)
    except (AdaptiveError, OSError) as error:
        print(f"requantise: {error}", file=sys.stderr)
        return 2
    print(f"wrote {args.output} ({args.output.stat().st_size} bytes, {made.checksum[:12]})")
    for entry in made.measured:
        plan = entry.effort.plan.code
        print(f"{plan:<24} " + "  ".join(f"{k} {v:.2%}" for k, v in entry.accuracy.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
