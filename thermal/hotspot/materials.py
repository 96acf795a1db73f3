"""Material files (``.materials``)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from thermal.hotspot.text import HotSpotInputError, Line, lines, number

_SOLID = ("thermal conductivity", "volumetric heat capacity")
_PROPERTIES = {"solid": _SOLID, "fluid": (*_SOLID, "dynamic viscosity")}


@dataclass(frozen=True, slots=True)
class Material:
    """A material's thermal properties.

    Attributes
    ----------
    conductivity_w_per_m_k
        Thermal conductivity [W/(m K)].
    capacity_j_per_m3_k
        Volumetric heat capacity [J/(m3 K)].
    """

    conductivity_w_per_m_k: float
    capacity_j_per_m3_k: float


def parse_materials(text: str, file: str) -> Mapping[str, Material]:
    """Return the materials of a file, by name; of two with one name the first.

    Each is a name, ``solid`` or ``fluid``, thermal conductivity, volumetric heat capacity and, for
    a fluid, dynamic viscosity, one a line; what follows on a line is ignored.

    Raises
    ------
    HotSpotInputError
        If a record is cut short, or a value is not what it should be.
    """
    found: dict[str, Material] = {}
    rest = iter(lines(text, file))
    for head in rest:
        name = head.words[0]
        kind = _next(rest, head, "solid or fluid")
        if kind.words[0] not in _PROPERTIES:
            raise kind.error(f"{name!r} is {kind.words[0]!r}, expected solid or fluid")
        values = []
        for prop in _PROPERTIES[kind.words[0]]:
            line = _next(rest, head, prop)
            value = number(line.words[0], f"{prop} of {name!r}", where=line.where)
            if value < 0.0:
                raise line.error(f"{prop} of {name!r} is {value!r}, expected not below 0")
            values.append(value)
        found.setdefault(name, Material(values[0], values[1]))
    return found


def _next(rest: Iterator[Line], head: Line, wanted: str) -> Line:
    line = next(rest, None)
    if line is None:
        raise HotSpotInputError(
            f"{head.where}: {head.words[0]!r} ends with the file, expected its {wanted}"
        )
    return line
