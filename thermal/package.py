"""What a die is mounted on: interface, heat spreader, heat sink, moving air."""

from dataclasses import dataclass

# What is taken for a number about a package, SI units. Wide enough for any, narrow enough that no
# product of them over- or underflows.
LENGTH_M = (1e-9, 100.0)
CONDUCTIVITY_W_PER_M_K = (1e-6, 1e6)
CAPACITY_J_PER_M3_K = (1.0, 1e10)
CONVECTION_K_PER_W = (0.0, 1e9)
CONVECTION_J_PER_K = (0.0, 1e9)


def check_within(value: float, bounds: tuple[float, float], *, name: str) -> None:
    """Raise ValueError unless a value lies within bounds; not-a-number does not."""
    low, high = bounds
    if not low <= value <= high:
        raise ValueError(f"{name} is {value!r}, expected {low:g} to {high:g}")


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
        If a number is out of the bounds above.
    """

    thickness_m: float
    conductivity_w_per_m_k: float
    capacity_j_per_m3_k: float

    def __post_init__(self) -> None:
        check_within(self.thickness_m, LENGTH_M, name="thickness_m")
        check_within(
            self.conductivity_w_per_m_k, CONDUCTIVITY_W_PER_M_K, name="conductivity_w_per_m_k"
        )
        check_within(self.capacity_j_per_m3_k, CAPACITY_J_PER_M3_K, name="capacity_j_per_m3_k")


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
        If a number is out of the bounds above, or the sink is smaller than the spreader.

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
        check_within(self.spreader_side_m, LENGTH_M, name="spreader_side_m")
        check_within(self.sink_side_m, LENGTH_M, name="sink_side_m")
        check_within(self.convection_k_per_w, CONVECTION_K_PER_W, name="convection_k_per_w")
        check_within(self.convection_j_per_k, CONVECTION_J_PER_K, name="convection_j_per_k")
        if self.sink_side_m < self.spreader_side_m:
            raise ValueError(
                f"sink_side_m is {self.sink_side_m!r}, expected at least the spreader's "
                f"{self.spreader_side_m!r}"
            )
