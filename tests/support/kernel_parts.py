"""Parts of the real-kernel rig: Debian's arm64 kernel, our board's module, a root with our code.

Everything comes from Debian's own mirrors and from PyPI through their ordinary clients, into
`build/kernel`; nothing is installed on this machine, whose apt keeps its own lists.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SOURCES = REPOSITORY / "tests/kernel"
FOLDER = REPOSITORY / "build/kernel"
NEEDED = {
    "qemu-system-aarch64": "qemu-system-arm",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
    "dtc": "device-tree-compiler",
    "cpio": "cpio",
    "make": "make",
    "bc": "bc",
    "dpkg": "dpkg",
    "apt-get": "apt",
}
"""Each command and Debian's package of it."""

MACHINE = ("-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "1024")
PACKAGES = ("python3", "busybox-static", "libstdc++6")
LIBRARIES = ("numpy", "PyYAML", "msgspec", "psutil")
MODULES = ("cpufreq/cpufreq-dt.ko", "cpufreq/cpufreq_userspace.ko")
OURS = ("adaptive", "dvfs", "thermal")
NOT_NEEDED = (
    "usr/share", "usr/lib/aarch64-linux-gnu/gconv", "usr/lib/aarch64-linux-gnu/perl-base",
    "usr/lib/python3.*/test", "usr/lib/python3.*/ensurepip", "usr/lib/python3.*/lib2to3",
    "usr/lib/python3.*/idlelib", "**/dist-packages/adaptive/engine/native",
    "**/dist-packages/adaptive/engine/*.so",
    "**/dist-packages/bin", "**/dist-packages/**/tests", "**/dist-packages/**/*.a",
    "**/dist-packages/numpy/f2py", "**/dist-packages/numpy/_core/include", "**/__pycache__",
)  # fmt: skip


class Unreachable(OSError):
    """Something that has to be fetched is not to be had."""


def missing() -> str:
    """Return why the rig cannot be built here, or an empty text."""
    packages = [package for command, package in NEEDED.items() if shutil.which(command) is None]
    return f"on Debian: sudo apt-get install {' '.join(packages)}" if packages else ""


def execute(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command and return what it prints; OSError with what it said where it fails."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, cwd=cwd
    )
    if done.returncode:
        raise OSError(f"{' '.join(map(str, command[:3]))} ...: {done.stderr[-2000:]}")
    return done.stdout


class Parts:
    """What the guest is made of, each part made when it is first asked for and then kept.

    Parameters
    ----------
    folder
        Where parts are kept.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        for name in ("lists/partial", "archives/partial", "packages"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()

    @cached_property
    def release(self) -> str:
        """The kernel's release, e.g. `6.1.0-56-arm64`."""
        return self._newest("linux-image-arm64", r"linux-image-(\S+)")

    @cached_property
    def kernel(self) -> Path:
        """Folder of the kernel and its modules."""
        return self._unpacked("kernel", [f"linux-image-{self.release}"])

    @cached_property
    def headers(self) -> Path:
        """Folder a module is built in."""
        package = f"linux-headers-{self.release}"
        common, kbuild = (
            self._newest(package, pattern) for pattern in (r"(\S+-common\S*)", r"(linux-kbuild\S+)")
        )
        host = execute("dpkg", "--print-architecture").strip()
        folder = self._unpacked(
            "headers", [package, common.split(":")[0], f"{kbuild.split(':')[0]}:{host}"]
        )
        made = folder / "usr/src" / package
        # Debian's file names its neighbour by where it would be installed.
        text = (made / "Makefile").read_text(encoding="utf-8")
        text = re.sub(r"include \S*/(linux-headers)", rf"include {made.parent}/\1", text)
        (made / "Makefile").write_text(text, encoding="utf-8")
        return made

    @cached_property
    def module(self) -> Path:
        """The board's module, built."""
        folder = self.folder / "module"
        shutil.copytree(SOURCES / "module", folder, dirs_exist_ok=True)
        compiler = "aarch64-linux-gnu-"
        execute("make", "-C", self.headers, f"M={folder}", "ARCH=arm64",
                f"CROSS_COMPILE={compiler}", f"CC={compiler}gcc", "modules")  # fmt: skip
        return folder / "board.ko"

    @cached_property
    def tree(self) -> Path:
        """The device tree: qemu's own machine with our board's clock, OPPs, zone and trips."""
        plain, whole, text = (self.folder / n for n in ("virt.dtb", "board.dtb", "board.dts"))
        machine, *others = MACHINE[1:]
        execute("qemu-system-aarch64", "-M", f"{machine},dumpdtb={plain}", *others,
                "-display", "none")  # fmt: skip
        source = execute("dtc", "-q", "-I", "dtb", "-O", "dts", plain)
        ours = (SOURCES / "module/board.dts").read_text(encoding="utf-8")
        text.write_text(source + ours, encoding="utf-8")
        execute("dtc", "-q", "-I", "dts", "-O", "dtb", "-o", whole, text)
        return whole

    def root(self, name: str, packages: Iterable[str] = ()) -> Path:
        """Return a folder with Debian's packages, Python, our code and the scenario."""
        libraries = self._libraries
        base = self._unpacked(f"base-{name}", [*PACKAGES, *packages], closure=True)
        root = self.folder / f"root-{name}"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(base, root, symlinks=True)
        there = root / "usr/lib/python3/dist-packages"
        shutil.copytree(libraries, there, dirs_exist_ok=True)
        for package in OURS:
            shutil.copytree(REPOSITORY / package, there / package)
        for pattern in NOT_NEEDED:
            for path in list(root.glob(pattern)):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for folder in ("proc", "sys", "dev", "run", "tmp", "board"):
            (root / folder).mkdir(exist_ok=True)
        drivers = self.kernel / f"lib/modules/{self.release}/kernel/drivers"
        for module in (self.module, *(drivers / name for name in MODULES)):
            shutil.copy(module, root / "board")
        for source in (SOURCES / "guest").iterdir():
            shutil.copy(source, root / "board")
        self._compile(root)
        return root

    @cached_property
    def python(self) -> str:
        """Version of Debian's Python, e.g. `3.11`."""
        return self._newest("python3", r"python(3\.\d+)$")

    @cached_property
    def _libraries(self) -> Path:
        folder = self.folder / "libraries"
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            try:
                execute(
                    sys.executable, "-m", "pip", "install", "--quiet", "--no-deps",
                    "--disable-pip-version-check", "--only-binary=:all:", "--target", partial,
                    "--platform", "manylinux_2_28_aarch64", "--platform", "manylinux_2_17_aarch64",
                    "--platform", "manylinux2014_aarch64", "--python-version", self.python,
                    "-c", REPOSITORY / "constraints.txt", *LIBRARIES,
                )  # fmt: skip
            except OSError as error:
                raise Unreachable(str(error)) from error
            partial.rename(folder)
        return folder

    def _compile(self, root: Path) -> None:
        """Compile ahead where this Python is the guest's: it is thirty times as fast as that."""
        if f"{sys.version_info.major}.{sys.version_info.minor}" == self.python:
            subprocess.run(
                [sys.executable, "-m", "compileall", "-q", "-s", root, "-p", "/",
                 *root.glob("usr/lib/python3*")],
                check=False, capture_output=True,
            )  # fmt: skip

    def _unpacked(self, name: str, packages: Iterable[str], *, closure: bool = False) -> Path:
        """Download packages, with all they depend on if asked to, and unpack them."""
        folder = self.folder / "packages" / name
        if folder.exists():
            return folder
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        (partial / "debs").mkdir(parents=True)
        if closure:
            self._apt("install", "--yes", "--quiet=2", "--download-only",
                      "--no-install-recommends", *packages,
                      "-o", f"Dir::Cache::archives={partial / 'debs'}")  # fmt: skip
        else:
            self._apt("download", "--quiet=2", *packages, cwd=partial / "debs")
        for deb in (partial / "debs").glob("*.deb"):
            execute("dpkg", "-x", deb, partial)
        shutil.rmtree(partial / "debs")
        partial.rename(folder)
        return folder

    def _newest(self, package: str, pattern: str) -> str:
        """Return what a package depends on that matches a pattern."""
        if not any((self.folder / "lists").glob("*binary-arm64_Packages*")):
            # By itself apt takes a list that it could not fetch for a warning.
            self._apt("update", "--quiet=2", "-o", "APT::Update::Error-Mode=any")
        said = self._apt("depends", package, tool="apt-cache")
        found = re.search(rf"Depends: {pattern}", said, re.MULTILINE)
        if found is None:
            raise OSError(f"{package} depends on nothing like {pattern}: {said}")
        return found[1]

    def _apt(self, *words: str, tool: str = "apt-get", cwd: Path | None = None) -> str:
        host = execute("dpkg", "--print-architecture").strip()
        options = {
            "Dir::State": self.folder,
            "Dir::State::lists": self.folder / "lists",
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder,
            "APT::Architecture": "arm64",
            "APT::Architectures::": "arm64",
            "APT::Sandbox::User": "",
            "Debug::NoLocking": "1",
        }
        given = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        given += ["-o", f"APT::Architectures::={host}"] if host != "arm64" else []
        try:
            return execute(tool, *given, *words, cwd=cwd)
        except OSError as error:
            raise Unreachable(str(error)) from error


def add_systemd(root: Path) -> None:
    """Make a root one that systemd starts, with the daemon's user and the scenario as its goal."""
    files = {
        "etc/passwd": "root:x:0:0::/root:/bin/sh\nadaptived:x:990:990::/:/usr/sbin/nologin\n",
        "etc/group": "root:x:0:\nadaptived:x:990:\n",
        "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
        "etc/fstab": "",
    }
    for name, text in files.items():
        (root / name).write_text(text, encoding="ascii")
    shutil.copy(SOURCES / "guest/scenario.service", root / "etc/systemd/system")
    for name in ("sh", "id", "kill"):
        (root / "bin" / name).unlink(missing_ok=True)
        (root / "bin" / name).symlink_to("busybox")
