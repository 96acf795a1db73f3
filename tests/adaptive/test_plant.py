import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plants import OPPS, two_node_plant

from adaptive.plant import Cluster, Plant, Zone
from adaptive.precision import Bits
from dvfs.islands import IslandMap, VoltageIsland
from dvfs.opp import Opp, OppTable
from dvfs.power import BlockPower, Leakage, PowerModel, leakage_power
from thermal.network import network_from_resistances

PLANT = two_node_plant()
FAST = {"cpu": OPPS.fastest}
SLOW_TABLE = OppTable((Opp(0.2e9, 0.7), Opp(1.0e9, 1.0)))


def cluster(name: str, *blocks: str, island: str) -> Cluster:
    return Cluster(name, "made-up", len(blocks), island, blocks, {Bits.INT8: 8.0}, 4.0, 100.0)


def big_little() -> Plant:
    """Two blocks on one island, one on another, in an order of its own, and a sink."""
    leakage = Leakage(I_0=0.05, T_0=50.0, k_T=0.02, V_0=1.0, k_V=1.5)
    big, little = BlockPower(5e-10, 5e-11, leakage), BlockPower(2e-10, 2e-11, leakage)
    return Plant(
        name="big-little",
        title="made up",
        clusters=(
            cluster("big", "big.0", "big.1", island="vdd_big"),
            cluster("little", "little", island="vdd_little"),
        ),
        islands=IslandMap(
            (
                VoltageIsland("vdd_big", ("big.0", "big.1"), OPPS),
                VoltageIsland("vdd_little", ("little",), SLOW_TABLE),
            )
        ),
        power=PowerModel(("little", "big.1", "big.0"), (little, big, big)),
        constant_w={"sink": 0.3, "big.0": 0.1},
        network=network_from_resistances(
            {"sink": 8.0, "big.0": 0.2, "big.1": 0.2, "little": 0.2},
            {("big.0", "sink"): 8.0, ("big.1", "sink"): 8.0, ("little", "sink"): 8.0},
            to_ambient_k_per_w={"sink": 10.0},
        ),
        zones=(Zone("z0", "big.0", 1.0),),
        cap_degc=85.0,
        critical_degc=110.0,
    )


def test_power_lands_on_the_node_of_its_block() -> None:
    plant = big_little()
    temps = np.array([40.0, 70.0, 60.0, 50.0])
    power = plant.node_power_w({"vdd_big": Opp(1e9, 1.0)}, {"big": 1.0}, temps)
    leakage = plant.power.parts[0].leakage
    expected = [
        0.3,
        0.1 + 0.5 + float(leakage_power(1.0, 70.0, leakage=leakage)),
        0.5 + float(leakage_power(1.0, 60.0, leakage=leakage)),
        2e-11 * 0.49 * 0.2e9 + float(leakage_power(0.7, 50.0, leakage=leakage)),
    ]
    np.testing.assert_allclose(power, expected, rtol=1e-12)
    np.testing.assert_array_equal(plant.junctions(temps), [50.0, 60.0, 70.0])


def test_an_unnamed_island_idles_at_its_slowest_opp() -> None:
    temps = np.full(2, 60.0)
    left_out = PLANT.node_power_w({}, {}, temps)
    np.testing.assert_array_equal(left_out, PLANT.node_power_w({"cpu": OPPS.slowest}, {}, temps))


def test_the_slope_is_the_derivative_of_the_power() -> None:
    plant = big_little()
    temps, step = np.array([40.0, 70.0, 60.0, 50.0]), 1e-3
    islands = {"vdd_big": OPPS.fastest}
    slope = plant.node_power_slope_w_per_k(islands, temps)
    above = plant.node_power_w(islands, {"big": 0.5}, temps + step)
    below = plant.node_power_w(islands, {"big": 0.5}, temps - step)
    np.testing.assert_allclose(slope, (above - below) / (2 * step), rtol=1e-6, atol=1e-9)
    assert slope[0] == 0.0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(tuple(OPPS)),
            st.sampled_from(tuple(SLOW_TABLE)),
            st.floats(0.0, 1.0),
            st.floats(0.0, 1.0),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_many_settings_at_once_equal_one_by_one(
    settings: list[tuple[Opp, Opp, float, float]],
) -> None:
    plant = big_little()
    islands = [{"vdd_big": big, "vdd_little": little} for big, little, _, _ in settings]
    busy = [{"big": big, "little": little} for _, _, big, little in settings]
    temps = np.array([40.0, 70.0, 60.0, 50.0])
    voltage, frequency = plant.block_arrays(islands)
    utilisation = plant.utilisation_array(busy)
    assert voltage.shape == frequency.shape == utilisation.shape == (len(settings), 3)
    many = plant.node_power(voltage, frequency, utilisation=utilisation, temps_degc=temps)
    each = [plant.node_power_w(i, u, temps) for i, u in zip(islands, busy, strict=True)]
    np.testing.assert_allclose(many, each, rtol=1e-14)
    per_setting = plant.node_power(
        voltage,
        frequency,
        utilisation=utilisation,
        temps_degc=np.broadcast_to(temps, (len(settings), 4)),
    )
    np.testing.assert_array_equal(per_setting, many)
    slopes = plant.node_slope(voltage, temps_degc=temps)
    np.testing.assert_allclose(slopes[0], plant.node_power_slope_w_per_k(islands[0], temps))


def test_no_settings_give_empty_arrays() -> None:
    voltage, frequency = PLANT.block_arrays([])
    assert voltage.shape == frequency.shape == (0, 1)


@given(st.floats(-20.0, 130.0), st.sampled_from([1.0, 0.487, 0.55, 0.625]))
def test_a_zone_reads_the_nearest_step(temp_degc: float, resolution_k: float) -> None:
    reading = Zone("z", "die", resolution_k).reading_degc(temp_degc)
    assert abs(reading - temp_degc) <= resolution_k / 2 + 1e-9
    assert reading / resolution_k == pytest.approx(round(reading / resolution_k))


def test_unknown_names_are_refused() -> None:
    temps = np.full(2, 50.0)
    with pytest.raises(ValueError, match="island is 'gpu', expected one of"):
        PLANT.node_power_w({"gpu": OPPS.fastest}, {}, temps)
    with pytest.raises(ValueError, match="cluster is 'gpu', expected one of"):
        PLANT.node_power_w(FAST, {"gpu": 1.0}, temps)
    assert PLANT.cluster("cpu").cores == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clusters": ()}, "clusters is"),
        ({"clusters": PLANT.clusters * 2}, "clusters is"),
        ({"zones": ()}, "zones is"),
        ({"zones": (Zone("z", "gpu", 1.0),)}, "zone node is 'gpu'"),
        ({"zones": (Zone("z", "cpu", 1.0),) * 2}, "zones is"),
        ({"constant_w": {"gpu": 1.0}}, "constant_w is 'gpu'"),
        ({"constant_w": {"sink": -1.0}}, "constant_w of 'sink' is -1.0"),
        ({"cap_degc": 110.0}, "cap_degc is 110.0, expected below critical_degc"),
        ({"cap_degc": float("nan")}, "cap_degc is nan"),
        ({"critical_degc": float("inf")}, "both finite"),
        ({"clusters": (cluster("cpu", "cpu", island="gpu"),)}, "island is 'gpu'"),
        ({"clusters": (cluster("cpu", "sink", island="cpu"),)}, "block of cluster 'cpu' is 'sink'"),
        (
            {"clusters": (cluster("a", "cpu", island="cpu"), cluster("b", "cpu", island="cpu"))},
            "blocks of the clusters",
        ),
        (
            {"power": PowerModel(("sink",), PLANT.power.parts)},
            "expected the blocks of the islands",
        ),
        (
            {"network": network_from_resistances({"die": 1.0}, {}, to_ambient_k_per_w={"die": 1})},
            "power block is 'cpu'",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PLANT, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cores": 0}, "cores is 0"),
        ({"blocks": ()}, "blocks is"),
        ({"blocks": ("a", "a")}, "blocks is"),
        ({"mac_per_cycle": {}}, "mac_per_cycle is empty"),
        ({"mac_per_cycle": {Bits.INT8: 0.0}}, "mac_per_cycle at 8 bits is 0.0"),
        ({"bytes_per_cycle": float("nan")}, "bytes_per_cycle is nan"),
        ({"layer_overhead_cycles": -1.0}, "layer_overhead_cycles is -1.0"),
    ],
)
def test_a_cluster_needs_cores_blocks_and_rates(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PLANT.clusters[0], **changes)  # type: ignore[arg-type]


def test_a_zone_needs_a_step() -> None:
    with pytest.raises(ValueError, match=r"resolution_k is 0\.0"):
        Zone("z", "cpu", 0.0)
