"""What the device tree tells of a processor: voltages of its OPPs, its power coefficient."""

from collections.abc import Iterator
from pathlib import Path

from adaptive.board.roots import Roots

_HZ_PER_MHZ = 1e6
_MICRO = 1e-6
_UV_PER_V = 1e6


def read_opps(roots: Roots, cpu: int) -> dict[float, float]:
    """Return the voltage [V] at each frequency [Hz] of a processor, slowest first.

    Empty where the device tree does not tell.
    """
    node = roots.cpu / f"cpu{cpu}/of_node"
    handle = _bytes(node / "operating-points-v2")
    if handle is None:
        return {}
    for table in _tables(roots):
        if handle[:4] in (_bytes(table / "phandle"), _bytes(table / "linux,phandle")):
            return dict(sorted(_entries(table)))
    return {}


def read_power_coefficient(roots: Roots, cpu: int) -> float | None:
    """Return a core's switched capacitance [F], from `dynamic-power-coefficient` in uW/MHz/V^2."""
    content = _bytes(roots.cpu / f"cpu{cpu}/of_node/dynamic-power-coefficient")
    if content is None or len(content) != 4:
        return None
    return int.from_bytes(content, "big") * _MICRO / _HZ_PER_MHZ


def _tables(roots: Roots) -> Iterator[Path]:
    base = roots.root / "sys/firmware/devicetree/base"
    for pattern in ("opp-table*", "opp_table*", "cpu*opp*", "*/opp-table*", "*/opp_table*"):
        yield from sorted(base.glob(pattern))


def _entries(table: Path) -> Iterator[tuple[float, float]]:
    for entry in table.glob("opp*"):
        hertz, microvolts = _bytes(entry / "opp-hz"), _bytes(entry / "opp-microvolt")
        if hertz and microvolts and len(microvolts) >= 4:
            yield (
                float(int.from_bytes(hertz, "big")),
                int.from_bytes(microvolts[:4], "big") / _UV_PER_V,
            )


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
