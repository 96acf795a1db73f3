"""A virtual environment for each peer: their packages clash with each other and with ours."""

import os
import subprocess
import sys
from pathlib import Path

from adaptive.errors import ConfigError
from experiments.engine_bench.config import Peer

VARIABLE = "ADAPTIVE_CACHE"
# PyTorch's own index has builds without gigabytes of CUDA; where it is out of reach, any will do.
TORCH_INDEX = ("--retries", "0", "--extra-index-url", "https://download.pytorch.org/whl/cpu")
STAMP = "requirements.txt"
PYTHON = sys.executable


def cache_folder() -> Path:
    """Return where environments and models are kept: ``$ADAPTIVE_CACHE``, else a user's cache."""
    named = os.environ.get(VARIABLE)
    root = Path(named) if named else Path.home() / ".cache" / "adaptive"
    return root / "engine_bench"


def interpreter(peer: Peer, cache: Path) -> Path:
    """Return the Python that serves a peer: ours where it needs no packages.

    Raises
    ------
    ConfigError
        If its environment is not set up, or for other versions.
    """
    if not peer.requirements:
        return Path(PYTHON)
    folder = cache / "venvs" / peer.name
    stamp = folder / STAMP
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != _stamp(peer):
        raise ConfigError(
            f"peer {peer.name}: {folder} is not set up, expected --set-up-peers first"
        )
    return folder / "bin" / "python"


def set_up(peer: Peer, cache: Path) -> None:
    """Make a peer's environment, unless it is there.

    Raises
    ------
    ConfigError
        With pip's last line, if a package cannot be installed.
    """
    if not peer.requirements:
        return
    folder = cache / "venvs" / peer.name
    stamp = folder / STAMP
    if stamp.exists() and stamp.read_text(encoding="utf-8") == _stamp(peer):
        return
    stamp.unlink(missing_ok=True)
    _run([PYTHON, "-m", "venv", "--clear", str(folder)], peer)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    pip += ["--disable-pip-version-check"]
    if any(requirement.startswith("torch==") for requirement in peer.requirements):
        try:
            _run([*pip, *TORCH_INDEX, *peer.requirements], peer)
        except ConfigError:
            _run([*pip, *peer.requirements], peer)
    else:
        _run([*pip, *peer.requirements], peer)
    stamp.write_text(_stamp(peer), encoding="utf-8")


def _stamp(peer: Peer) -> str:
    return "".join(f"{requirement}\n" for requirement in peer.requirements)


def _run(command: list[str], peer: Peer) -> None:
    """Run a command; raises ConfigError with the last line it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ConfigError(f"peer {peer.name}: {command[0]}: {error.strerror}") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise ConfigError(f"peer {peer.name} cannot be installed: {said}")
