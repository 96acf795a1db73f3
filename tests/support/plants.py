"""Small made-up boards and points, with numbers that are easy to check by hand."""

import numpy as np

from adaptive.operating_point import OperatingPoint
from adaptive.plant import Cluster, Plant, Zone
from adaptive.precision import Bits, Effort, PrecisionPlan
from dvfs.islands import IslandMap, VoltageIsland
from dvfs.opp import Opp, OppTable
from dvfs.power import BlockPower, Leakage, PowerModel
from thermal.network import RcNetwork

OPPS = OppTable((Opp(0.5e9, 0.8), Opp(1.0e9, 0.9), Opp(1.5e9, 1.0), Opp(2.0e9, 1.2)))


def two_node_plant(
    *, cap_degc: float = 80.0, resolution_k: float = 1.0, leak_a: float = 0.1
) -> Plant:
    """One core on a sink: 4 K/W to the sink, 10 K/W on to the ambient."""
    leakage = Leakage(I_0=leak_a, T_0=50.0, k_T=0.02, V_0=1.0, k_V=1.5)
    return Plant(
        name="two-node",
        title="one core on a sink",
        clusters=(
            Cluster(
                name="cpu",
                core="made-up",
                cores=1,
                island="cpu",
                blocks=("cpu",),
                mac_per_cycle={Bits.INT8: 8.0, Bits.INT16: 4.0},
                bytes_per_cycle=4.0,
                layer_overhead_cycles=0.0,
            ),
        ),
        islands=IslandMap((VoltageIsland("cpu", ("cpu",), OPPS),)),
        power=PowerModel(("cpu",), (BlockPower(C_active=1.6e-9, C_idle=0.1e-9, leakage=leakage),)),
        constant_w={"sink": 0.2},
        network=RcNetwork(
            nodes=("cpu", "sink"),
            capacitance=np.array([0.5, 8.0]),
            conductance=np.array([[0.0, 0.25], [0.25, 0.0]]),
            to_ambient=np.array([0.0, 0.1]),
        ),
        zones=(Zone("cpu-thermal", "cpu", resolution_k),),
        cap_degc=cap_degc,
        critical_degc=110.0,
    )


def make_point(
    opp: Opp, bits: Bits = Bits.INT8, *, duty: float = 1.0, accuracy: float = 0.9
) -> OperatingPoint:
    """A point on the two-node board; latency halves with the bits, as its rates do."""
    plan = PrecisionPlan(("conv", "head"), (bits, bits))
    return OperatingPoint(
        name=f"{opp.frequency_hz / 1e6:.0f}MHz/{int(bits)}/{duty:g}",
        effort=Effort(plan),
        level="leaf",
        cores="cpu",
        islands={"cpu": opp},
        duty=duty,
        accuracy=accuracy,
        latency_s=0.01 * (int(bits) / 8) * (1e9 / opp.frequency_hz),
        power_w=0.3 + duty * 1.6e-9 * opp.voltage_v**2 * opp.frequency_hz,
    )


def make_points() -> tuple[OperatingPoint, ...]:
    """Every OPP at 8 and 16 bits, and idle."""
    busy = [
        make_point(opp, bits, accuracy=0.90 if bits is Bits.INT8 else 0.92)
        for opp in OPPS
        for bits in (Bits.INT8, Bits.INT16)
    ]
    return (make_point(OPPS.slowest, duty=0.0), *busy)
