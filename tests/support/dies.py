"""Dies and packages for tests of the block model."""

from pathlib import Path

from hypothesis import strategies as st

from thermal.floorplan import Block, Floorplan
from thermal.package import Layer, Package

DATA = Path(__file__).parents[1] / "data" / "hotspot"

PACKAGE = Package(
    chip=Layer(2e-4, 120.0, 1.66e6),
    interface=Layer(5e-5, 2.5, 4e6),
    spreader=Layer(5e-4, 390.0, 3.45e6),
    sink=Layer(2e-3, 400.0, 3.55e6),
    spreader_side_m=0.008,
    sink_side_m=0.02,
    convection_k_per_w=12.0,
    convection_j_per_k=8.0,
)


@st.composite
def full_dies(draw: st.DrawFn) -> Floorplan:
    """Dies of at most 8 mm a side, cut into columns of blocks without gaps."""
    width = draw(st.floats(0.5e-3, 8e-3))
    height = draw(st.floats(0.5e-3, 8e-3))
    x, y = (draw(st.floats(-0.01, 0.01)) for _ in range(2))
    columns = draw(st.integers(1, 3))
    blocks = []
    for c in range(columns):
        rows = draw(st.integers(1, 3))
        for r in range(rows):
            w, h = width / columns, height / rows
            blocks.append(Block(f"b{c}{r}", w, h, x + c * w, y + r * h))
    return Floorplan(tuple(blocks))
