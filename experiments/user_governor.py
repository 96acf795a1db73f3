"""Governors by name or by import path: bundled ones, or a class of the user's own.

A governor of one's own is any object with ``decide(observation) -> OperatingPoint``. It is made by
calling its class (or a function) with those of these keyword arguments that it names:

==============  ================================================================
points          what it may choose from, an `OperatingPointTable`
plant           the board's model, an `adaptive.plant.Plant`
ambient_degc    hottest ambient to be expected [degC]
cap_degc        junction temperature not to be passed [degC]
demand_hz       mean demand to be expected [Hz]
period_s        control period [s]
deadline_s      how long a frame may wait [s]
==============  ================================================================
"""

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adaptive.errors import ConfigError
from adaptive.governor.protocol import Governor
from adaptive.operating_point import OperatingPoint, OperatingPointTable
from adaptive.plant import Plant
from adaptive.platform import Observation
from adaptive.safety import SafetyGuard, SafetyLimits
from experiments.governors import GOVERNORS, make_governor
from experiments.scenarios import Scenario

Spec = str | Callable[..., Governor]


def governor_name(spec: Spec) -> str:
    """Return what to call a governor in tables."""
    return spec if isinstance(spec, str) else getattr(spec, "__name__", type(spec).__name__)


def check_governor(spec: Spec) -> None:
    """Raise ConfigError unless there is such a governor; nothing is built."""
    if isinstance(spec, str) and spec not in GOVERNORS:
        _load(spec)


def build_governor(
    spec: Spec, *, plant: Plant, points: OperatingPointTable, scenario: Scenario
) -> Governor:
    """Build a governor with the safety guard around it.

    Parameters
    ----------
    spec
        Name of a bundled one, ``package.module:Class``, or the class itself.
    plant, points, scenario
        What it is built from.

    Raises
    ------
    ConfigError
        If there is no such governor, or it cannot be built from what there is.
    """
    if isinstance(spec, str) and spec in GOVERNORS:
        return make_governor(spec, plant=plant, points=points, scenario=scenario)
    name = governor_name(spec)
    maker = _load(spec) if isinstance(spec, str) else spec
    offered = {
        "points": points,
        "plant": plant,
        "ambient_degc": scenario.ambient_degc,
        "cap_degc": scenario.cap_degc,
        "demand_hz": scenario.demand.mean_hz,
        "period_s": scenario.period_s,
        "deadline_s": scenario.deadline_s,
    }
    wanted = inspect.signature(maker).parameters
    strange = [
        key
        for key, parameter in wanted.items()
        if key not in offered
        and parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if strange:
        raise ConfigError(
            f"governor {name}: asks for {', '.join(strange)}, expected arguments among "
            f"{', '.join(offered)}, or with defaults"
        )
    with _blamed(name, "cannot be built"):
        governor = maker(**{key: value for key, value in offered.items() if key in wanted})
    if not callable(getattr(governor, "decide", None)):
        raise ConfigError(f"governor {name}: has no decide(observation), expected one")
    return SafetyGuard(
        _Checked(name, governor, points),
        points.coolest,
        zones=tuple(zone.name for zone in plant.zones),
        limits=SafetyLimits(critical_degc=plant.critical_degc, watched=True),
    )


class _Checked:
    """A governor of the user's own, whose mistakes end the run in one line."""

    def __init__(self, name: str, governor: Governor, points: OperatingPointTable) -> None:
        self._name, self._governor = name, governor
        self._known = {id(point) for point in points}

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return its point, if it is one of the table."""
        with _blamed(self._name, "decide() failed"):
            point = self._governor.decide(observation)
        if id(point) not in self._known:
            raise ConfigError(
                f"governor {self._name}: decide() returned {str(point)[:60]!r}, expected one of "
                "the points it was given"
            )
        return point


@contextmanager
def _blamed(name: str, what: str) -> Iterator[None]:
    """Turn whatever the user's code raises into one line that says where."""
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        raise ConfigError(
            f"governor {name}: {what} at {where}: {type(error).__name__}: {error}"
        ) from error


def _load(spec: str) -> Callable[..., Governor]:
    """Import ``package.module:Class``; modules of the current folder are found too."""
    module_name, colon, class_name = spec.partition(":")
    if not (colon and module_name and class_name):
        raise ConfigError(
            f"governor {spec!r} is unknown, expected one of {', '.join(GOVERNORS)} or "
            "package.module:Class"
        )
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        with _blamed(spec, "cannot be imported"):
            module = importlib.import_module(module_name)
    except ConfigError as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise ConfigError(
                f"governor {spec}: {error.__cause__}, expected a module installed or in {here}"
            ) from error
        raise
    finally:
        sys.path.remove(here)
    maker = getattr(module, class_name, None)
    if not callable(maker):
        raise ConfigError(
            f"governor {spec}: {module.__file__} has no class or function {class_name!r}"
        )
    return maker  # type: ignore[no-any-return]
