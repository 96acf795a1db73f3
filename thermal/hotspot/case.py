"""A HotSpot run: floorplan, power trace and configuration, read together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thermal.block_model import BlockModel, build_block_model
from thermal.floorplan import Floorplan
from thermal.hotspot.config import Entry, HotSpotConfig, file_named, make_config, parse_entries
from thermal.hotspot.flp import parse_floorplan
from thermal.hotspot.materials import parse_materials
from thermal.hotspot.ptrace import parse_ptrace
from thermal.hotspot.temperatures import parse_temperatures, scaled_to
from thermal.hotspot.text import HotSpotInputError, load_text
from thermal.network import Matrix, Vector


@dataclass(frozen=True, slots=True, eq=False)
class HotSpotCase:
    """What a set of HotSpot files describes.

    Attributes
    ----------
    floorplan
        The die.
    config
        Package, ambient, sampling.
    model
        The block model of the two.
    power_w
        Power of each block during each sample, in floorplan order, shape (samples, n) [W].
    start_degc
        Temperatures before the first sample, in the model's node order, shape (4 n + 12,) [degC].
    """

    floorplan: Floorplan
    config: HotSpotConfig
    model: BlockModel
    power_w: Matrix
    start_degc: Vector


def load_case(
    flp: Path,
    ptrace: Path,
    *,
    config: Path | None = None,
    materials: Path | None = None,
    options: Mapping[str, str] | None = None,
) -> HotSpotCase:
    """Read the files of a HotSpot run with the block model.

    Parameters
    ----------
    flp, ptrace
        Floorplan and power trace.
    config
        Configuration; HotSpot's defaults without one.
    materials
        Material properties; by default what ``materials_file`` names, if anything.
    options
        What would be on HotSpot's command line, without the dash; goes before the configuration.

    Returns
    -------
    HotSpotCase
        Everything a run needs.

    Raises
    ------
    HotSpotInputError
        If a file is missing or malformed, does not fit the others, or asks for something else than
        the block model. Files that a configuration names are looked for beside it, then as given.
    """
    entries = {name.lower(): Entry(v, f"option {name}") for name, v in (options or {}).items()}
    if config is not None:
        entries = {**parse_entries(load_text(config), str(config)), **entries}
    beside = Path() if config is None else config.parent
    named = file_named(entries, "materials_file")
    if materials is None and named is not None:
        materials = _beside(beside, named)
    known = {} if materials is None else parse_materials(load_text(materials), str(materials))
    settings = make_config(entries, known, file=str(config or "defaults"))
    floorplan = parse_floorplan(load_text(flp), str(flp))
    try:
        model = build_block_model(floorplan, settings.package)
    except ValueError as error:
        raise HotSpotInputError(f"{flp}: {error}") from error
    trace = parse_ptrace(load_text(ptrace), str(ptrace))
    return HotSpotCase(
        floorplan,
        settings,
        model,
        trace.in_order_of(floorplan, file=str(ptrace)),
        _start(settings, floorplan, beside=beside),
    )


def _start(config: HotSpotConfig, floorplan: Floorplan, *, beside: Path) -> Vector:
    blocks = len(floorplan.blocks)
    if config.initial_file is None:
        return np.full(4 * blocks + 12, config.initial_degc)
    path = _beside(beside, config.initial_file)
    temps_degc = parse_temperatures(load_text(path), str(path), floorplan=floorplan)
    if not config.clip_initial:
        return temps_degc
    return scaled_to(
        temps_degc, blocks, limit_degc=config.threshold_degc, ambient_degc=config.ambient_degc
    )


def _beside(folder: Path, name: str) -> Path:
    path = folder / name
    return path if path.exists() else Path(name)
