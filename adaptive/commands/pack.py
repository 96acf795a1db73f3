"""`adaptive pack`: write an exported network as one file for the native engine."""

import argparse
from pathlib import Path

from adaptive.artifact import load_artifact
from adaptive.engine.pack import save_packed
from adaptive.errors import ConfigError

HELP = (
    "Pack an exported network into one checksummed file that the native engine maps into memory; "
    "C programs open it with ae_open of adaptive_engine.h."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("artifact", help="bundled name or file")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="file to write"
    )


def run(args: argparse.Namespace) -> int:
    """Write the file and tell its size."""
    artifact = load_artifact(args.artifact)
    try:
        size = save_packed(artifact, args.output)
    except OSError as error:
        raise ConfigError(f"{args.output}: {error.strerror}, expected a file to write") from error
    weights = sum(layer.weights for layer in artifact.work)
    print(
        f"{args.output}: {size:,} bytes, {weights:,} weights once for {_bits(artifact.bits)} bits"
    )
    return 0


def _bits(bits: tuple[int, ...]) -> str:
    return " and ".join(str(int(width)) for width in bits)
