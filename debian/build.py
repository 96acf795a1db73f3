"""Builds a Debian package of the daemon: a private environment, its unit, its configuration.

Run with `./run deb`; for another machine with `./run wheels` and `./run deb --wheel FILE.whl`. The
package brings the libraries a board needs: installing it downloads nothing. It fits the Python of
one Debian release.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from adaptive.artifact import load_artifact
from adaptive.commands.service import configuration_text, unit_text
from adaptive.config import read_board
from adaptive.errors import AdaptiveError, ConfigError
from adaptive.files import write_atomically

HERE = Path(__file__).parent
REPOSITORY = HERE.parent
HOME = Path("opt/adaptived")
CONFIGURATION = Path("etc/adaptived/adaptived.yaml")
DOCS = Path("usr/share/doc/adaptived")
SCRIPTS = ("postinst", "prerm", "postrm")
MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "armhf"}
"""Python's names of machines, and Debian's."""
LIBRARIES = (
    "numpy", "PyYAML", "msgspec", "psutil", "rich", "markdown-it-py", "mdurl", "Pygments"
)  # fmt: skip
"""What a board needs, and what `adaptive top` draws with."""
COMMANDS = {"adaptive": "adaptive.cli:main", "adaptived": "adaptive.daemon.main:script"}
"""Each command and where it begins."""
GLIBC = (28, 17)
"""Minor versions of glibc 2 whose wheels of libraries will do."""


def main() -> int:
    """Build the package; print where it is."""
    parser = argparse.ArgumentParser("deb", description=__doc__)
    parser.add_argument(
        "--wheel", type=Path, help="of this project (one is built, for this machine)"
    )
    parser.add_argument("--python", default="3.11", help="of the Debian release (%(default)s)")
    parser.add_argument("--board", default="rpi4b", help="in the configuration (%(default)s)")
    parser.add_argument("--artifact", default="digits", help="likewise (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("dist"), help="folder (%(default)s)")
    args = parser.parse_args()
    try:
        check(args)
        with tempfile.TemporaryDirectory(prefix="adaptived-deb-") as name:
            print(build(Path(name), args))
    except AdaptiveError as error:
        print(f"deb: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"deb: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


def check(args: argparse.Namespace) -> None:
    """Refuse what no package can be made of, before anything is built."""
    if not re.fullmatch(r"3\.\d+", args.python):
        raise ConfigError(f"--python: {args.python!r}, expected a version such as 3.11")
    read_board(args.board)
    load_artifact(args.artifact)


def build(folder: Path, args: argparse.Namespace) -> Path:
    """Return the package, made in a folder of its own and moved to where it is wanted."""
    wheel = args.wheel or native_wheel(folder)
    machine = next((name for name in MACHINES if wheel.stem.endswith(name)), None)
    if machine is None or not wheel.is_file():
        raise ConfigError(f"{wheel}: expected a wheel of this project for {', '.join(MACHINES)}")
    root, version = folder / "root", wheel.name.split("-")[1]
    tell("fetching the libraries")
    lay_out_environment(root, wheel, machine, args.python)
    lay_out_service(root, args.board, args.artifact)
    lay_out_control(root, version, MACHINES[machine], args.python)
    package = folder / f"adaptived_{version}_{MACHINES[machine]}.deb"
    tell("packing")
    execute("dpkg-deb", "--build", "--root-owner-group", root, package)
    return put(package, args.out)


def put(package: Path, folder: Path) -> Path:
    """Copy a package into a folder, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / package.name
    write_atomically(target, package.read_bytes())
    return target


def native_wheel(folder: Path) -> Path:
    """Build the project's wheel for this machine."""
    tell("building the wheel")
    execute(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check",
            "--no-deps", "--wheel-dir", folder / "wheel", REPOSITORY)  # fmt: skip
    return next((folder / "wheel").glob("*.whl"))


def lay_out_environment(root: Path, wheel: Path, machine: str, python: str) -> None:
    """Lay out a virtual environment as `python3 -m venv` would make it there."""
    home = root / HOME
    packages = home / f"lib/python{python}/site-packages"
    platforms = (wheel.stem.rsplit("-", 1)[1], *(f"manylinux_2_{g}_{machine}" for g in GLIBC))
    execute(
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--no-deps", "--only-binary=:all:", "--no-compile", "--target", packages,
        *(word for platform in platforms for word in ("--platform", platform)),
        "--python-version", python, "-c", REPOSITORY / "constraints.txt", wheel, *LIBRARIES,
    )  # fmt: skip
    shutil.rmtree(packages / "bin", ignore_errors=True)
    (home / "pyvenv.cfg").write_text(
        "home = /usr/bin\ninclude-system-site-packages = false\n", encoding="ascii"
    )
    (home / "bin").mkdir()
    (home / "bin/python").symlink_to(f"/usr/bin/python{python}")
    for name, beginning in COMMANDS.items():
        module, function = beginning.split(":")
        start = f"import sys; from {module} import {function}; sys.exit({function}())"
        path = root / "usr/bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"#!/bin/sh\nexec /{HOME}/bin/python -I -c '{start}' \"$@\"\n", encoding="ascii"
        )
        path.chmod(0o755)


def lay_out_service(root: Path, board: str, artifact: str) -> None:
    """Write the unit, the configuration and what is to be read."""
    manual = DOCS / "daemon.md"
    files = {
        Path("lib/systemd/system/adaptived.service"): unit_text(
            python=f"/{HOME}/bin/python", docs=f"/{manual}"
        ),
        CONFIGURATION: configuration_text(board, artifact),
        manual: (REPOSITORY / "docs/daemon.md").read_text(encoding="utf-8"),
        DOCS / "copyright": (REPOSITORY / "LICENSE").read_text(encoding="utf-8"),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def lay_out_control(root: Path, version: str, architecture: str, python: str) -> None:
    """Write what dpkg itself reads and runs."""
    folder = root / "DEBIAN"
    folder.mkdir()
    major, minor = python.split(".")
    text = (HERE / "control").read_text(encoding="ascii")
    for mark, value in {"version": version, "architecture": architecture, "python": python,
                        "next_python": f"{major}.{int(minor) + 1}"}.items():  # fmt: skip
        text = text.replace(f"@{mark}@", value)
    (folder / "control").write_text(text, encoding="ascii")
    (folder / "conffiles").write_text(f"/{CONFIGURATION}\n", encoding="ascii")
    for name in SCRIPTS:
        shutil.copy(HERE / name, folder)
        (folder / name).chmod(0o755)


def tell(what: str) -> None:
    """Say what is under way."""
    print(f"deb: {what}", file=sys.stderr)


def execute(*command: str | Path) -> None:
    """Run a command; ConfigError with what it said where it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ConfigError(f"{words[0]}: {error.strerror}; on Debian: apt-get install dpkg") from (
            error
        )
    if done.returncode:
        said = " ".join(done.stderr.split())[-600:]
        raise ConfigError(f"{' '.join(words[:4])} ... failed: {said}")


if __name__ == "__main__":
    sys.exit(main())
