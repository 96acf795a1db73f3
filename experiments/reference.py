"""Where the references lie that studies are checked against: beside the repository, if at all."""

import os
from pathlib import Path

from adaptive.errors import ConfigError

VARIABLE = "ADAPTIVE_REFERENCE"


def reference_folder() -> Path:
    """Return the folder of reference data.

    It holds ``thermal/`` (HotSpot inputs and results) and ``boards/traces/`` (recorded traces):
    ``$ADAPTIVE_REFERENCE`` if set, else the folder ``shared`` beside the checkout.

    Raises
    ------
    ConfigError
        If there is no such folder.
    """
    named = os.environ.get(VARIABLE)
    folder = Path(named) if named else Path(__file__).parents[2] / "shared"
    if not (folder / "thermal").is_dir() or not (folder / "boards").is_dir():
        raise ConfigError(
            f"{folder}: not a folder of reference data (thermal/, boards/); set {VARIABLE} to one"
        )
    return folder
