"""What a die is mounted on: interface, heat spreader, heat sink, moving air."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layer:
    """A slab of one material.

    Attributes
    ----------
    thickness_m
        Thickness [m].
    conductivity_w_per_m_k
        Thermal conductivity [W/(m K)].
    capacity_j_per_m3_k
        Volumetric heat capacity [J/(m3 K)].

    Raises
    ------
    ValueError
        If a number is not finite or not positive.
    """

    thickness_m: float
    conductivity_w_per_m_k: float
    capacity_j_per_m3_k: float

    def __post_init__(self) -> None:
        for field in ("thickness_m", "conductivity_w_per_m_k", "capacity_j_per_m3_k"):
            value = getattr(self, field)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{field} is {value!r}, expected a finite number above 0")


@dataclass(frozen=True, slots=True)
class Package:
    """A die's layers and how its sink meets the air.

    Attributes
    ----------
    chip, interface, spreader, sink
        The layers, from the silicon outwards.
    spreader_side_m, sink_side_m
        Sides of the two squares [m].
    convection_k_per_w
        Thermal resistance from the whole sink to the air [K/W].
    convection_j_per_k
        Heat capacity of the air that moves with the sink [J/K].
    omit_lateral
        Whether heat may not pass sideways within the silicon.

    Raises
    ------
    ValueError
        If a number is not finite, a side not positive, a convection value negative, or the sink
        smaller than the spreader.

    Notes
    -----
    Limits: HotSpot's block model. Spreader and sink are centred squares of the layer's material,
    fins are part of `convection_k_per_w`, and no heat leaves towards the circuit board.
    """

    chip: Layer
    interface: Layer
    spreader: Layer
    sink: Layer
    spreader_side_m: float
    sink_side_m: float
    convection_k_per_w: float
    convection_j_per_k: float
    omit_lateral: bool = False

    def __post_init__(self) -> None:
        for field in ("spreader_side_m", "sink_side_m"):
            value = getattr(self, field)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{field} is {value!r}, expected a finite number above 0")
        for field in ("convection_k_per_w", "convection_j_per_k"):
            value = getattr(self, field)
            if not (math.isfinite(value) and value >= 0.0):
                raise ValueError(f"{field} is {value!r}, expected a finite number not below 0")
        if self.sink_side_m < self.spreader_side_m:
            raise ValueError(
                f"sink_side_m is {self.sink_side_m!r}, expected at least the spreader's "
                f"{self.spreader_side_m!r}"
            )
