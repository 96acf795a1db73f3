"""Hypothesis strategies for physics: OPP tables, leakage, passive RC networks."""

import numpy as np
from hypothesis import strategies as st

from dvfs.opp import Opp, OppTable
from dvfs.power import BlockPower, Leakage
from thermal.network import RcNetwork

MAX_NODES = 5


@st.composite
def opp_tables(draw: st.DrawFn) -> OppTable:
    """OPP tables whose voltages may fall."""
    clocks = draw(st.lists(st.integers(100, 3000), min_size=1, max_size=8, unique=True))
    voltages = st.floats(0.6, 1.4)
    return OppTable(tuple(Opp(mhz * 1e6, draw(voltages)) for mhz in sorted(clocks)))


def leakages() -> st.SearchStrategy[Leakage]:
    """Leakage of the size small boards have."""
    return st.builds(
        Leakage,
        I_0=st.floats(0.0, 0.5),
        T_0=st.floats(25.0, 85.0),
        k_T=st.floats(0.0, 0.04),
        V_0=st.floats(0.7, 1.2),
        k_V=st.floats(0.0, 3.0),
    )


@st.composite
def block_powers(draw: st.DrawFn) -> BlockPower:
    """Blocks of up to two nanofarads."""
    active = draw(st.floats(0.0, 2e-9))
    return BlockPower(active, active * draw(st.floats(0.0, 1.0)), draw(leakages()))


@st.composite
def rc_networks(draw: st.DrawFn, max_nodes: int = MAX_NODES) -> RcNetwork:
    """Passive networks: a chain to the ambient, with any further links and leaks beside it."""
    n = draw(st.integers(1, max_nodes))
    size = st.floats(0.05, 50.0)
    conductance = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            if i == j + 1 or draw(st.booleans()):
                conductance[i, j] = conductance[j, i] = draw(st.floats(0.01, 5.0))
    to_ambient = np.array([draw(st.one_of(st.just(0.0), st.floats(0.01, 1.0))) for _ in range(n)])
    to_ambient[-1] = draw(st.floats(0.01, 1.0))
    capacitance = np.array([draw(size) for _ in range(n)])
    return RcNetwork(tuple(f"node{i}" for i in range(n)), capacitance, conductance, to_ambient)


def vectors(n: int, low: float, high: float) -> st.SearchStrategy[np.ndarray]:
    """Vectors of n numbers in a range."""
    return st.lists(st.floats(low, high), min_size=n, max_size=n).map(np.array)
