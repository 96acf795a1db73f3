"""What tests of the offline bound share: boards of closed form and short runs."""

import numpy as np
from plants import make_points, two_node_plant

from adaptive.governor.protocol import Governor
from adaptive.loop import run
from adaptive.operating_point import OperatingPoint
from adaptive.plant import Cluster, Plant, Zone
from adaptive.precision import Bits, Effort, PrecisionPlan
from adaptive.simulation import SimulatedPlatform
from dvfs.islands import IslandMap, VoltageIsland
from dvfs.opp import Opp, OppTable
from dvfs.power import BlockPower, Leakage, PowerModel
from experiments.oracle.search import Bound, offline_bound
from experiments.reward import Worth
from experiments.workloads import Workload
from thermal.network import RcNetwork

OPPS = OppTable((Opp(0.5e9, 0.7), Opp(1.0e9, 0.8), Opp(2.0e9, 1.2)))
RESISTANCE_K_PER_W = 20.0
WORTH = Worth({"leaf": 1.0})
POINTS = make_points()


def one_node_plant(*, leak_a: float = 0.0) -> Plant:
    """One core with nothing between it and the ambient but 20 K/W; it idles at no power at all."""
    leakage = Leakage(I_0=leak_a, T_0=50.0, k_T=0.02, V_0=1.0, k_V=1.5)
    return Plant(
        name="one-node",
        title="one core alone",
        clusters=(
            Cluster(
                name="cpu",
                core="made-up",
                cores=1,
                island="cpu",
                blocks=("cpu",),
                mac_per_cycle={Bits.INT8: 8.0},
                bytes_per_cycle=4.0,
                layer_overhead_cycles=0.0,
            ),
        ),
        islands=IslandMap((VoltageIsland("cpu", ("cpu",), OPPS),)),
        power=PowerModel(("cpu",), (BlockPower(C_active=2e-9, C_idle=0.0, leakage=leakage),)),
        constant_w={},
        network=RcNetwork(
            nodes=("cpu",),
            capacitance=np.array([0.5]),
            conductance=np.zeros((1, 1)),
            to_ambient=np.array([1.0 / RESISTANCE_K_PER_W]),
        ),
        zones=(Zone("cpu-thermal", "cpu", 1.0),),
        cap_degc=80.0,
        critical_degc=120.0,
    )


def one_node_points() -> tuple[OperatingPoint, ...]:
    """Idle, and a point at each OPP: 0.49, 1.28 and 5.76 W for 50, 100 and 200 frames a second."""
    return tuple(
        OperatingPoint(
            name=f"{opp.frequency_hz / 1e6:.0f}MHz/{duty:g}",
            effort=Effort(PrecisionPlan(("conv",), (Bits.INT8,))),
            level="leaf",
            cores="cpu",
            islands={"cpu": opp},
            duty=duty,
            accuracy=0.9,
            latency_s=0.01 * 1e9 / opp.frequency_hz,
            power_w=1e-6 + duty * 2e-9 * opp.voltage_v**2 * opp.frequency_hz,
        )
        for opp, duty in [(OPPS.slowest, 0.0), *((opp, 1.0) for opp in OPPS)]
    )


def hull_rate_hz(power_w: float) -> float:
    """Most frames a second for a mean power, by sharing time among the one-node points."""
    return float(np.interp(power_w, [0.0, 0.49, 1.28, 5.76], [0.0, 50.0, 100.0, 200.0]))


def bound_of(
    workload: Workload,
    *,
    plant: Plant | None = None,
    points: tuple[OperatingPoint, ...] = POINTS,
    start_degc: float | np.ndarray | None = None,
    cap_degc: float = 70.0,
) -> Bound:
    """Bound a run, of the two-node board from a cold start by default."""
    board = plant or two_node_plant()
    begin = workload.ambient_degc()(0.0) if start_degc is None else start_degc
    return offline_bound(
        board,
        points,
        workload,
        worth=WORTH,
        start_degc=np.broadcast_to(begin, len(board.network.nodes)),
        cap_degc=cap_degc,
    )


def drive(platform: SimulatedPlatform, governor: Governor, workload: Workload) -> None:
    """Run a governor to the end of a workload."""
    run(
        platform,
        governor,
        period_s=workload.period_s,
        stop=lambda: len(platform.truth) >= workload.periods,
        record=lambda _sample: None,
    )
