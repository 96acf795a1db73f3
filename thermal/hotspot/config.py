"""Configuration files (``.config``)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from thermal.hotspot.materials import Material
from thermal.hotspot.text import ZERO_CELSIUS_K, HotSpotInputError, lines, number
from thermal.package import (
    CAPACITY_J_PER_M3_K,
    CONDUCTIVITY_W_PER_M_K,
    CONVECTION_J_PER_K,
    CONVECTION_K_PER_W,
    LENGTH_M,
    Layer,
    Package,
    check_within,
)

NO_FILE = "(null)"
_PARTS = ("chip", "interface", "spreader", "sink")
_KELVIN = (0.0, 1e5)
# HotSpot's default_thermal_config, temperature.c, and what is taken for each; kelvin, SI units.
_PARAMETERS: Mapping[str, tuple[float, tuple[float, float]]] = MappingProxyType(
    {
        "t_chip": (0.15e-3, LENGTH_M),
        "k_chip": (100.0, CONDUCTIVITY_W_PER_M_K),
        "p_chip": (1.75e6, CAPACITY_J_PER_M3_K),
        "t_interface": (20e-6, LENGTH_M),
        "k_interface": (4.0, CONDUCTIVITY_W_PER_M_K),
        "p_interface": (4.0e6, CAPACITY_J_PER_M3_K),
        "s_spreader": (30e-3, LENGTH_M),
        "t_spreader": (1e-3, LENGTH_M),
        "k_spreader": (400.0, CONDUCTIVITY_W_PER_M_K),
        "p_spreader": (3.55e6, CAPACITY_J_PER_M3_K),
        "s_sink": (60e-3, LENGTH_M),
        "t_sink": (6.9e-3, LENGTH_M),
        "k_sink": (400.0, CONDUCTIVITY_W_PER_M_K),
        "p_sink": (3.55e6, CAPACITY_J_PER_M3_K),
        "c_convec": (140.4, CONVECTION_J_PER_K),
        "r_convec": (0.1, CONVECTION_K_PER_W),
        "ambient": (45.0 + ZERO_CELSIUS_K, _KELVIN),
        "init_temp": (60.0 + ZERO_CELSIUS_K, _KELVIN),
        "thermal_threshold": (81.8 + ZERO_CELSIUS_K, _KELVIN),
        "sampling_intvl": (3.333e-6, (1e-15, 1e9)),
    }
)
# Switches that leave the block model or its constant convection resistance.
_REFUSED = MappingProxyType(
    {
        "model_secondary": "no secondary heat path",
        "package_model_used": "r_convec instead of the fan and fin model",
        "use_microchannels": "no microchannels",
        "use_microfluidic_cooling": "no microchannels",
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and where it was set."""

    value: str
    where: str


@dataclass(frozen=True, slots=True)
class HotSpotConfig:
    """What of a configuration the block model uses.

    Attributes
    ----------
    package
        Layers, spreader, sink, convection.
    ambient_degc, initial_degc, threshold_degc
        Ambient, start of every node, and the limit initial temperatures are scaled to [degC].
    sampling_s
        Length of a sample of the power trace [s].
    initial_file
        Name of the file of initial temperatures, or None.
    clip_initial
        Whether initial temperatures are scaled to the limit (``dtm_used``).
    """

    package: Package
    ambient_degc: float
    initial_degc: float
    threshold_degc: float
    sampling_s: float
    initial_file: str | None
    clip_initial: bool


def parse_entries(text: str, file: str) -> Mapping[str, Entry]:
    """Return the ``-name value`` lines of a file; names in lower case, the first of each counts.

    Raises
    ------
    HotSpotInputError
        If a line has no value or its name no dash.
    """
    entries: dict[str, Entry] = {}
    for line in lines(text, file):
        name = line.words[0]
        if len(line.words) < 2 or not name.startswith("-"):
            raise line.error(f"{' '.join(line.words)!r}, expected -name value")
        entries.setdefault(name[1:].lower(), Entry(line.words[1], line.where))
    return entries


def make_config(
    entries: Mapping[str, Entry], materials: Mapping[str, Material], *, file: str
) -> HotSpotConfig:
    """Return what the entries of a configuration mean.

    Parameters
    ----------
    entries
        The entries; names HotSpot's block model does not use are ignored.
    materials
        Materials that ``material_chip`` and its like may name.
    file
        Name for errors about values that no line sets.

    Raises
    ------
    HotSpotInputError
        If a value is out of range, a material is unknown, or the configuration asks for something
        else than the block model.
    """
    _refuse_other_models(entries)
    values = {name: _real(entries, name) for name in _PARAMETERS}
    layers = {part: _layer(part, entries, values=values, materials=materials) for part in _PARTS}
    if values["s_sink"] < values["s_spreader"]:
        raise HotSpotInputError(
            f"{_where(entries, ('s_sink', 's_spreader'), file)}: s_sink is {values['s_sink']!r}, "
            f"expected at least the s_spreader of {values['s_spreader']!r}"
        )
    package = Package(
        **layers,
        spreader_side_m=values["s_spreader"],
        sink_side_m=values["s_sink"],
        convection_k_per_w=values["r_convec"],
        convection_j_per_k=values["c_convec"],
        omit_lateral=_switch(entries, "block_omit_lateral"),
    )
    return HotSpotConfig(
        package=package,
        ambient_degc=values["ambient"] - ZERO_CELSIUS_K,
        initial_degc=values["init_temp"] - ZERO_CELSIUS_K,
        threshold_degc=values["thermal_threshold"] - ZERO_CELSIUS_K,
        sampling_s=values["sampling_intvl"],
        initial_file=file_named(entries, "init_file"),
        clip_initial=_switch(entries, "dtm_used"),
    )


def _refuse_other_models(entries: Mapping[str, Entry]) -> None:
    model = entries.get("model_type")
    if model and model.value.lower() != "block":
        raise HotSpotInputError(
            f"{model.where}: model_type is {model.value!r}, expected block: "
            "the grid model is not read here"
        )
    for name, expected in _REFUSED.items():
        if _switch(entries, name):
            entry = entries[name]
            raise HotSpotInputError(
                f"{entry.where}: {name} is {entry.value!r}, expected 0: {expected}"
            )
    for name, expected in (("grid_layer_file", NO_FILE), ("detailed_3d", "off")):
        entry = entries.get(name, Entry(expected, ""))
        if entry.value.lower() != expected:
            raise HotSpotInputError(
                f"{entry.where}: {name} is {entry.value!r}, expected {expected}: "
                "stacked dies are not read here"
            )


def _real(entries: Mapping[str, Entry], name: str) -> float:
    default, bounds = _PARAMETERS[name]
    if name not in entries:
        return default
    entry = entries[name]
    value = number(entry.value, name, where=entry.where)
    _check_within(value, bounds, name=name, where=entry.where)
    return value


def _check_within(value: float, bounds: tuple[float, float], *, name: str, where: str) -> None:
    try:
        check_within(value, bounds, name=name)
    except ValueError as error:
        raise HotSpotInputError(f"{where}: {error}") from error


def _switch(entries: Mapping[str, Entry], name: str) -> bool:
    entry = entries.get(name, Entry("0", ""))
    value = number(entry.value, name, where=entry.where)
    if not value.is_integer():
        raise HotSpotInputError(f"{entry.where}: {name} is {entry.value!r}, expected 0 or 1")
    return value != 0.0


def file_named(entries: Mapping[str, Entry], name: str) -> str | None:
    """Return the file an entry names; None if it is absent or ``(null)``."""
    entry = entries.get(name)
    return None if entry is None or entry.value == NO_FILE else entry.value


def _layer(
    part: str,
    entries: Mapping[str, Entry],
    *,
    values: Mapping[str, float],
    materials: Mapping[str, Material],
) -> Layer:
    k, p = values[f"k_{part}"], values[f"p_{part}"]
    name = f"material_{part}"
    if entry := entries.get(name):
        if entry.value not in materials:
            raise HotSpotInputError(
                f"{entry.where}: {name} is {entry.value!r}, expected one of "
                f"{sorted(materials)} of the materials file"
            )
        k = materials[entry.value].conductivity_w_per_m_k
        p = materials[entry.value].capacity_j_per_m3_k
        for value, bounds, what in (
            (k, CONDUCTIVITY_W_PER_M_K, "conductivity"),
            (p, CAPACITY_J_PER_M3_K, "heat capacity"),
        ):
            _check_within(value, bounds, name=f"{what} of {entry.value!r}", where=entry.where)
    return Layer(values[f"t_{part}"], k, p)


def _where(entries: Mapping[str, Entry], names: tuple[str, ...], file: str) -> str:
    return next((entries[name].where for name in names if name in entries), file)
