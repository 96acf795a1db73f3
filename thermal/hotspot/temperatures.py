"""Files of temperatures (``.init``, ``.steady``): where a run ends and another starts."""

import numpy as np

from thermal.floorplan import Floorplan
from thermal.hotspot.text import ZERO_CELSIUS_K, HotSpotInputError, lines, number
from thermal.network import Vector

_LAYERS = ("", "iface_", "hsp_", "hsink_")
_RIM_NODES = 12


def file_names(floorplan: Floorplan) -> tuple[str, ...]:
    """Return the names HotSpot's files give the nodes of a block model, in its order."""
    blocks = tuple(f"{layer}{name}" for layer in _LAYERS for name in floorplan.names)
    return blocks + tuple(f"inode_{k}" for k in range(_RIM_NODES))


def parse_temperatures(text: str, file: str, *, floorplan: Floorplan) -> Vector:
    """Return the temperature of each node, shape (4 n + 12,) [degC]; the file holds kelvin.

    Raises
    ------
    HotSpotInputError
        If a node is missing, unknown or given twice, or a temperature is not a number above 0 K.
    """
    names = file_names(floorplan)
    position = {name.casefold(): k for k, name in enumerate(names)}
    found: dict[int, float] = {}
    for line in lines(text, file):
        name = line.words[0]
        k = position.get(name.casefold())
        if k is None or k in found or len(line.words) != 2:
            raise line.error(
                f"{' '.join(line.words)!r}, expected a node of the floorplan, once, and kelvin"
            )
        value = number(line.words[1], name, where=line.where)
        if value <= 0.0:
            raise line.error(f"{name} is {value!r} K, expected above 0")
        found[k] = value - ZERO_CELSIUS_K
    if missing := [name for k, name in enumerate(names) if k not in found]:
        raise HotSpotInputError(f"{file}: lacks {missing}, expected every node of the floorplan")
    return np.array([found[k] for k in range(len(names))])


def format_temperatures(temps_degc: Vector, floorplan: Floorplan) -> str:
    """Return temperatures as such a file, in kelvin, to the last digit."""
    pairs = zip(file_names(floorplan), temps_degc + ZERO_CELSIUS_K, strict=True)
    return "".join(f"{name}\t{kelvin:.17g}\n" for name, kelvin in pairs)


def scaled_to(temps_degc: Vector, blocks: int, *, limit_degc: float, ambient_degc: float) -> Vector:
    """Return temperatures drawn towards the ambient until no block is above a limit [degC].

    What HotSpot does to initial temperatures where ``dtm_used`` is set.
    """
    hottest = float(temps_degc[:blocks].max())
    if hottest <= max(limit_degc, ambient_degc):
        return temps_degc
    share = max(0.0, limit_degc - ambient_degc) / (hottest - ambient_degc)
    return np.asarray(ambient_degc + share * (temps_degc - ambient_degc))
