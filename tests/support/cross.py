"""Builds of the engine that this Python does not load: for other machines, with sanitizers."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = "sudo apt-get install cmake qemu-user g++-aarch64-linux-gnu g++-arm-linux-gnueabihf"


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of machine: its compilers begin with `triple`, `emulator` runs its programs."""

    name: str
    triple: str
    emulator: str

    @property
    def missing(self) -> str:
        """Tools that are not installed, or nothing."""
        tools = ("cmake", f"{self.triple}-g++", self.emulator)
        return ", ".join(tool for tool in tools if shutil.which(tool) is None)

    @property
    def options(self) -> tuple[str, ...]:
        """Options of CMake."""
        return (
            "-DCMAKE_SYSTEM_NAME=Linux",
            f"-DCMAKE_SYSTEM_PROCESSOR={self.name}",
            f"-DCMAKE_C_COMPILER={self.triple}-gcc",
            f"-DCMAKE_CXX_COMPILER={self.triple}-g++",
        )

    def command(self, program: Path, *, cpu: str | None = None) -> list[str]:
        """Return the beginning of a command that runs a program on a kind of core."""
        chosen = [] if cpu is None else ["-cpu", cpu]
        return [self.emulator, "-L", f"/usr/{self.triple}", *chosen, str(program)]


AARCH64 = Target("aarch64", "aarch64-linux-gnu", "qemu-aarch64")
ARMV7 = Target("armv7", "arm-linux-gnueabihf", "qemu-arm")


def build(folder: Path, *options: str) -> Path:
    """Build the library and its check programs in a folder; return the folder."""
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), "-DAE_CHECKS=ON", *options]
    for command in (configure, ["cmake", "--build", str(folder), "--parallel", "2"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return folder
