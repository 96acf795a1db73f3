"""A camera that never stops: classifies a folder of images over and over, governed by adaptived.

Run with `python -m experiments.watch_folder FOLDER`; `--configuration FILE` governs from inside
where no daemon runs. Images may be PNG, JPEG or .npy, and are scaled to what the network reads.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adaptive.artifact import Artifact, load_artifact
from adaptive.client import Governed
from adaptive.engine.protocol import add_engine_option, make_engine
from adaptive.errors import AdaptiveError, ConfigError
from adaptive.escalation import answer
from adaptive.link.messages import SOCKET

Pixels = NDArray[np.uint8]
_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".npy")


def main() -> int:
    """Classify until the frames or the time are over; print what was done."""
    parser = argparse.ArgumentParser("watch_folder", description=__doc__)
    parser.add_argument("folder", type=Path, help="images, read in order, over and over")
    parser.add_argument("--socket", default=SOCKET, help="the daemon's (%(default)s)")
    parser.add_argument("--configuration", type=Path, help="govern from inside this process")
    parser.add_argument("--artifact", help="network; the one the daemon governs by default")
    add_engine_option(parser)
    parser.add_argument("--rate", type=float, default=30.0, metavar="HZ", help="(%(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="(%(default)s)")
    args = parser.parse_args()
    try:
        with Governed("camera", path=args.socket, configuration=args.configuration) as governed:
            return watch(governed, args)
    except AdaptiveError as error:
        print(f"watch_folder: {error}", file=sys.stderr)
        return 2


def watch(governed: Governed, args: argparse.Namespace) -> int:
    """Answer frames as they come, at the plan of the moment."""
    artifact = load_artifact(args.artifact or governed.artifact)
    if artifact.layers != governed.layers:
        raise ConfigError(f"--artifact {artifact.name} is not the network the daemon governs")
    engine = make_engine(args.engine, artifact)
    frames = cycle(load_images(args.folder, artifact))
    plan = governed.wait_for_plan()
    began_s, due_s, frames_done, latencies = time.monotonic(), 0.0, 0, []
    while (now_s := time.monotonic() - began_s) < args.seconds:
        if now_s < due_s:
            time.sleep(due_s - now_s)
        arrived_s = due_s
        due_s += 1.0 / args.rate
        governed.arrived()
        plan = governed.plan()
        name, image = next(frames)
        nodes, _ = answer(engine, image, plan.effort(governed.layers), plan.level)
        done_s = time.monotonic() - began_s
        latencies.append(done_s - arrived_s)
        frames_done += 1
        # Frames that came in meanwhile wait; those older than a second are let go.
        late = max(int((done_s - due_s) * args.rate), 0)
        due_s = max(due_s, done_s - 1.0)
        governed.answered(latencies[-1], backlog=late)
        if frames_done % max(round(args.rate), 1) == 0:
            heat = governed.heat()
            hot = "-" if heat is None else f"{heat.hottest_degc:.1f} degC"
            print(
                f"{done_s:7.1f} s  {name:<20} {artifact.labels.nodes(plan.level)[nodes[0]]!s:<10} "
                f"{1e3 * latencies[-1]:7.1f} ms  {plan.point}  {hot}",
                flush=True,
            )
        governed.rest()
    median_ms = 1e3 * float(np.median(latencies)) if latencies else float("nan")
    print(f"{frames_done} frames, median latency {median_ms:.1f} ms, last plan {plan.point}")
    return 0


def load_images(folder: Path, artifact: Artifact) -> list[tuple[str, Pixels]]:
    """Return the folder's images as the network reads them, each of shape (1, H, W, C)."""
    paths = sorted(path for path in _files(folder) if path.suffix.lower() in _ENDINGS)
    if not paths:
        raise ConfigError(f"{folder}: holds no image, expected {', '.join(_ENDINGS)}")
    height, width, channels = artifact.source.shape
    return [(path.name, _image(path, height, width, channels)) for path in paths]


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.iterdir()
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be read: {error.strerror}") from error


def _image(path: Path, height: int, width: int, channels: int) -> Pixels:
    try:
        if path.suffix == ".npy":
            array = np.load(path, allow_pickle=False)
            picture = Image.fromarray(np.asarray(array, dtype=np.uint8))
        else:
            picture = Image.open(path)
        scaled = picture.convert("L" if channels == 1 else "RGB").resize((width, height))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{path}: is no image: {error}") from error
    return np.asarray(scaled, dtype=np.uint8).reshape(1, height, width, channels)


if __name__ == "__main__":
    sys.exit(main())
