"""The Debian package: built, unpacked elsewhere, and at work from there."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rehearsal import PI_KHZ, configure

from experiments.stand_in import FakeBoard

REPOSITORY = Path(__file__).parents[2]

heavy = pytest.mark.heavy


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("dpkg-deb") is None:
        pytest.skip("needs dpkg-deb: on Debian, apt-get install dpkg")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not Path(f"/usr/bin/python{version}").exists():
        pytest.skip(f"needs the system's Python to be {version}, as this one is")
    done = subprocess.run(
        [sys.executable, "-m", "debian.build", "--python", version, "--out",
         tmp_path_factory.mktemp("dist")],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def root(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in the package, somewhere."""
    folder = tmp_path_factory.mktemp("root")
    subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    for command in (folder / "usr/bin").iterdir():
        text = command.read_text().replace("/opt/adaptived", f"{folder}/opt/adaptived")
        command.write_text(text)
    return folder


def execute(*command: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip


@heavy
def test_it_tells_what_it_is_and_keeps_the_configuration(package: Path) -> None:
    fields = execute("dpkg-deb", "-f", package).stdout
    assert "Package: adaptived" in fields
    assert "@" not in fields, "every mark is replaced"
    listed = execute("dpkg-deb", "--ctrl-tarfile", package)
    assert listed.returncode == 0
    assert (
        execute("dpkg-deb", "-I", package, "conffiles").stdout == "/etc/adaptived/adaptived.yaml\n"
    )
    for script in ("postinst", "prerm", "postrm"):
        shown = execute("dpkg-deb", "-I", package, script).stdout
        checked = subprocess.run(["sh", "-n"], input=shown, text=True, check=False)
        assert checked.returncode == 0, script


@heavy
def test_its_commands_run_on_the_libraries_it_brings(root: Path) -> None:
    shown = execute(root / "usr/bin/adaptive", "boards")
    assert "rpi4b" in shown.stdout, shown.stderr
    timed = execute(root / "usr/bin/adaptive", "bench", "--artifact", "digits", "--json")
    assert timed.returncode == 0, timed.stderr
    drawn = execute(
        root / "opt/adaptived/bin/python", "-I", "-c", "import rich; print(rich.__file__)"
    )
    assert str(root) in drawn.stdout


@heavy
def test_its_daemon_takes_the_board_it_is_given(root: Path, tmp_path: Path) -> None:
    board = FakeBoard(tmp_path / "board", frequencies_khz=PI_KHZ)
    checked = execute(root / "usr/bin/adaptived", "--check", "--root", board.root,
                      "--config", configure(tmp_path))  # fmt: skip
    assert checked.returncode == 0, checked.stderr


@heavy
def test_the_unit_starts_what_the_package_brings(root: Path) -> None:
    unit = (root / "lib/systemd/system/adaptived.service").read_text()
    assert "ExecStart=/opt/adaptived/bin/python -I -m adaptive.daemon --config" in unit
    assert "@" not in unit.replace("@system-service", "").split("SystemCallFilter")[0]
    assert (root / "usr/share/doc/adaptived/daemon.md").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--python", "three"], "--python: 'three', expected a version such as 3.11"),
        (["--board", "none"], "none"),
        (["--artifact", "none"], "none"),
        (["--wheel", "none.whl"], "none.whl: expected a wheel of this project"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "debian.build", "--out", tmp_path / "dist", *arguments],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "dist").exists()
