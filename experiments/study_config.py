"""What studies share: a YAML config beside the module, reference files, figures as JSON lines."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from adaptive.errors import AdaptiveError, ConfigError
from adaptive.strict_yaml import load_yaml
from experiments.metric import Metric
from experiments.reference import reference_folder

_Config = TypeVar("_Config")


def read_config(study: str, kind: type[_Config], path: Path | None = None) -> _Config:
    """Return a study's config.

    Parameters
    ----------
    study
        Module below `experiments`, e.g. ``"physics/real_heat"``; its config lies beside it.
    kind
        The dataclass to read it into; unknown values and wrong types are refused.
    path
        Another file to read.

    Raises
    ------
    ConfigError
        If the file cannot be read or is not such a config.
    """
    file = Path(__file__).parent / f"{study}.yaml" if path is None else path
    try:
        return msgspec.convert(load_yaml(file), kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: {error}") from error


def reference_path(name: str) -> Path:
    """Return a path named in a config: as it stands if it exists, else below the references."""
    path = Path(name)
    return path if path.exists() else reference_folder() / name


def print_metrics(metrics: Iterable[Metric]) -> None:
    """Print metrics, one JSON object a line."""
    for metric in metrics:
        print(metric.to_json(), flush=True)


def exit_code(main: Callable[[], int]) -> int:
    """Run a study's `main`; bad input is one line on standard error and exit code 2."""
    try:
        return main()
    except AdaptiveError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
