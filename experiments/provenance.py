"""Where results come from: commit, versions, and the sha256 of what went in and came out."""

import hashlib
import platform
import subprocess
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGE = "thermal-adaptive-inference"
_LIBRARIES = ("numpy", "scipy", "pandas", "matplotlib")
_ROOT = Path(__file__).parents[1]


def sha256(path: Path) -> str:
    """Return the sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sha256_of(paths: Iterable[Path]) -> dict[str, str]:
    """Return the sha256 of files by their paths, in order."""
    return {str(path): sha256(path) for path in paths}


@lru_cache(maxsize=1)
def commit() -> str | None:
    """Return the commit this code is at, ``+changes`` where it is not quite; None if unknown."""
    try:
        head, changes = (
            subprocess.run(
                ["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True, check=True
            ).stdout.strip()
            for arguments in (("rev-parse", "HEAD"), ("status", "--porcelain", "-uno"))
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{head}+changes" if changes else head


def versions() -> dict[str, str]:
    """Return the versions of this package, of Python and of the libraries results depend on."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in (_PACKAGE, *_LIBRARIES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
