"""`adaptive service`: install the daemon as a systemd service, or take it away again."""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adaptive.config import read_board
from adaptive.errors import ConfigError
from adaptive.files import write_atomically

HELP = "Install adaptived as a systemd service, uninstall it, or show its unit."

_UNIT = Path(__file__).parent.parent / "daemon/unit"
_USER = "adaptived"


@dataclass(frozen=True, slots=True)
class _Places:
    """Where things go, below a root."""

    root: Path

    @property
    def unit(self) -> Path:
        return self.root / "etc/systemd/system/adaptived.service"

    @property
    def configuration(self) -> Path:
        return self.root / "etc/adaptived/adaptived.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("action", choices=("install", "uninstall", "show"))
    parser.add_argument("--board", default="rpi4b", help="bundled name or file (%(default)s)")
    parser.add_argument("--artifact", default="digits", help="bundled name or file (%(default)s)")
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="in place of / (%(default)s)"
    )
    parser.add_argument("--purge", action="store_true", help="uninstall the configuration too")


def run(args: argparse.Namespace) -> int:
    """Install, uninstall or show."""
    places = _Places(args.root)
    if args.action == "show":
        print(unit_text(), end="")
        return 0
    try:
        if args.action == "install":
            return _install(args, places)
        return _uninstall(places, purge=args.purge)
    except OSError as error:
        raise ConfigError(
            f"{error.filename}: {error.strerror}; run it as root: sudo {sys.argv[0]} service ..."
        ) from error


def unit_text(python: str = sys.executable, docs: str | None = None) -> str:
    """Return the unit, for a Python (this one) and where the documentation lies (here)."""
    template = (_UNIT / "adaptived.service").read_text(encoding="utf-8")
    docs = docs or str(Path(__file__).parents[2] / "docs/daemon.md")
    replaced = {"@python@": python, "@config@": "/etc/adaptived/adaptived.yaml", "@docs@": docs}
    for mark, text in replaced.items():
        template = template.replace(mark, text)
    return template


def configuration_text(board: str, artifact: str) -> str:
    """Return a configuration with every key, for a board and a network."""
    text = (_UNIT / "adaptived.yaml").read_text(encoding="utf-8")
    return text.replace("@board@", board).replace("@artifact@", artifact)


def _install(args: argparse.Namespace, places: _Places) -> int:
    read_board(args.board)  # a board that is wrong is refused before anything is written
    _refuse_home(places)
    for command in _commands(places, before=True):
        _execute(command)
    places.unit.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(places.unit, unit_text().encode())
    if places.configuration.exists():
        print(f"kept {places.configuration}")
    else:
        places.configuration.parent.mkdir(parents=True, exist_ok=True)
        text = configuration_text(args.board, args.artifact)
        write_atomically(places.configuration, text.encode())
        print(f"wrote {places.configuration}")
    print(f"wrote {places.unit}")
    for command in _commands(places, before=False):
        _execute(command)
    print(
        f"next: adaptived --check --config {places.configuration}; systemctl enable --now adaptived"
    )
    return 0


def _refuse_home(places: _Places) -> None:
    """Refuse a Python that the hardened service could not see."""
    python = Path(sys.executable)
    if places.root == Path("/") and python.parts[1:2] in (("home",), ("root",)):
        raise ConfigError(
            f"{python} lies in a home folder, which the service may not enter; install into a "
            "virtual environment elsewhere: python3 -m venv /opt/adaptived"
        )


def _uninstall(places: _Places, *, purge: bool) -> int:
    live = places.root == Path("/")
    if live and places.unit.exists():
        _execute(["systemctl", "disable", "--now", "adaptived.service"])
    for path in (places.unit, *([places.configuration] if purge else [])):
        if path.exists():
            path.unlink()
            print(f"removed {path}")
    if live:
        _execute(["systemctl", "daemon-reload"])
        if purge and shutil.which("userdel"):
            _execute(["userdel", _USER])
    return 0


def _commands(places: _Places, *, before: bool) -> Iterator[list[str]]:
    """Yield what has to be run on a live system; nothing below another root."""
    if places.root != Path("/"):
        return
    if not before:
        yield ["systemctl", "daemon-reload"]
        return
    known = subprocess.run(["id", "-u", _USER], capture_output=True, check=False).returncode == 0
    if not known:
        yield ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _USER]


def _execute(command: list[str]) -> None:
    print(f"$ {' '.join(command)}")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ConfigError(f"{command[0]}: {error.strerror}; is this a systemd machine?") from error
    if done.returncode != 0:
        raise ConfigError(f"{' '.join(command)}: {' '.join((done.stderr or 'failed').split())}")
