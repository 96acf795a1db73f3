"""The core's peak: byte products a second that its dot product reaches on registers alone."""

import ctypes
import hashlib
import shutil
import subprocess
import time
from pathlib import Path

from adaptive.errors import ConfigError

SOURCE = Path(__file__).with_name("peak.c")
ROUNDS = 20_000
"""About a tenth of a millisecond."""


class Peak:
    """A small kernel compiled for this machine.

    Parameters
    ----------
    folder
        Where to keep it.

    Raises
    ------
    ConfigError
        If there is no C compiler, or it fails.
    """

    def __init__(self, folder: Path) -> None:
        source = SOURCE.read_bytes()
        library = folder / f"peak-{hashlib.sha256(source).hexdigest()[:12]}.so"
        if not library.exists():
            _compile(library)
        self._run = ctypes.CDLL(str(library)).peak_run
        self._run.restype, self._run.argtypes = ctypes.c_int64, (ctypes.c_long,)

    def macs_hz(self) -> float:
        """Return byte multiply-accumulates a second, measured now [Hz]; 0 without a dot product."""
        start = time.perf_counter()
        macs = int(self._run(ROUNDS))
        return macs / (time.perf_counter() - start)


def _compile(library: Path) -> None:
    """Compile the kernel; raises ConfigError."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise ConfigError("peak: no C compiler (cc) on the path; on Debian: apt-get install gcc")
    partial = library.with_suffix(".partial")
    command = [compiler, "-O2", "-shared", "-fPIC", str(SOURCE), "-o", str(partial)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"peak: {SOURCE.name} does not compile: {done.stderr.splitlines()[0]}")
    partial.replace(library)
