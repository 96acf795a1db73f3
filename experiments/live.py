"""The daemon's loop on this machine's own sensors, for a minute, without changing a setting."""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from adaptive.board.draft import draft_board
from adaptive.board.inventory import Inventory, take_inventory
from adaptive.board.roots import Roots
from adaptive.config import parse_board
from adaptive.daemon.configuration import WebEntry
from adaptive.daemon.embedded import Embedded
from adaptive.daemon.outside import Outside
from adaptive.daemon.web import Web
from adaptive.errors import ConfigError

_EVERY_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `./run demo --live` takes besides."""
    parser.add_argument("--live", action="store_true", help="on this machine's own sensors")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (%(default)s)")


def show(seconds: float, roots: Roots | None = None) -> int:
    """Advise for a while and print what is seen; or say clearly that nothing can be."""
    roots = roots or Roots()
    found = take_inventory(roots)
    if not found.zones or not found.policies:
        print(f"{found.model}, Linux {found.kernel}: nothing to govern live here")
        for reason in found.missing():
            print(f"  not found: {reason}")
        print("On a Cortex-A board this runs the daemon's loop in advisory mode; here, try the")
        print("simulated board: ./run demo")
        return 0
    with tempfile.TemporaryDirectory(prefix="adaptive-live-") as name:
        return _advise(found, roots, Path(name), seconds)


def _advise(found: Inventory, roots: Roots, folder: Path, seconds: float) -> int:
    content = draft_board(found)
    board = parse_board(content, origin="adaptive probe")
    zones = {entry.name for group in board.sensors for entry in group.zones}
    (folder / "board.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    names = [island["name"] for island in content["islands"]]
    configuration = {
        "schema": 1,
        "board": str(folder / "board.yaml"),
        "networks": [{"artifact": "digits", "images_per_frame": 64}],
        "policies": dict(zip(names, (p.name for p in found.policies), strict=True)),
        "mode": "advise",
        "govern": "always",
        "runtime": str(folder),
        "socket": {"path": str(folder / "control.sock")},
        "web": {"port": None},
    }
    path = folder / "adaptived.yaml"
    path.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    daemon = Embedded(path, Outside(roots=roots, environment={}))
    web = Web(WebEntry(port=0), daemon.service.status)
    try:
        print(f"{found.model}: advising by {len(zones)} zone(s), changing nothing; live page at "
              f"http://127.0.0.1:{web.port}/")  # fmt: skip
        _watch(daemon, seconds)
    finally:
        web.close()
        daemon.close()
    return 0


def _watch(daemon: Embedded, seconds: float) -> None:
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0.0:
        time.sleep(min(_EVERY_S, left_s))
        if not daemon.is_alive:
            raise ConfigError("the loop ended; see the lines above")
        print(_line(daemon.service.status()))


def _line(status: dict[str, Any]) -> str:
    zones = " ".join(f"{zone} {temp:.1f}" for zone, temp in status["zones"].items() if temp)
    faults = ", ".join(row["fault"] for row in status["faults"]) or "none"
    return f"{zones} degC (cap {status['cap_degc']:g})  advice {status['point']}  faults {faults}"
