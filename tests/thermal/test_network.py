import numpy as np
import pytest
from hypothesis import given
from strategies import rc_networks

from thermal.network import RcNetwork, network_from_resistances

PAIR = np.array([[0.0, 2.0], [2.0, 0.0]])


def build(
    nodes: tuple[str, ...] = ("die", "sink"),
    capacitance: object = (1.0, 10.0),
    conductance: object = PAIR,
    to_ambient: object = (0.0, 0.5),
) -> RcNetwork:
    return RcNetwork(
        nodes, np.asarray(capacitance), np.asarray(conductance), np.asarray(to_ambient)
    )


def test_the_laplacian_of_two_nodes() -> None:
    np.testing.assert_allclose(build().laplacian, [[2.0, -2.0], [-2.0, 2.5]])


@given(rc_networks())
def test_every_network_is_passive(network: RcNetwork) -> None:
    assert np.linalg.eigvalsh(network.laplacian).min() > 0.0
    np.testing.assert_array_equal(network.laplacian, network.laplacian.T)


def test_nodes_are_found_by_name() -> None:
    assert build().index("sink") == 1
    with pytest.raises(ValueError, match="'gpu', expected one of"):
        build().index("gpu")


def test_resistances_become_conductances() -> None:
    network = network_from_resistances(
        {"die": 1.0, "sink": 10.0}, {("die", "sink"): 0.5}, to_ambient_k_per_w={"sink": 2.0}
    )
    np.testing.assert_allclose(network.laplacian, build().laplacian)


def test_arrays_are_copies_that_cannot_be_written() -> None:
    capacitance = np.array([1.0, 10.0])
    network = build(capacitance=capacitance)
    capacitance[0] = -1.0
    assert network.capacitance[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        network.capacitance[0] = 2.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nodes": ()}, "at least one"),
        ({"nodes": ("die", "die")}, "repeats"),
        ({"capacitance": (1.0,)}, "capacitance has shape"),
        ({"conductance": np.zeros((3, 3))}, "conductance has shape"),
        ({"to_ambient": (1.0, 1.0, 1.0)}, "to_ambient has shape"),
        ({"capacitance": (1.0, np.nan)}, "capacitance is .* finite"),
        ({"to_ambient": (0.0, np.inf)}, "to_ambient is .* finite"),
        ({"capacitance": (1.0, 0.0)}, "all above 0"),
        ({"conductance": -PAIR}, "no negative entry"),
        ({"conductance": PAIR + np.eye(2)}, "zero diagonal"),
        ({"conductance": [[0.0, 2.0], [1.0, 0.0]]}, "expected symmetric"),
        ({"to_ambient": (-0.1, 0.5)}, "none below 0"),
        ({"to_ambient": (0.0, 0.0)}, r"\['die', 'sink'\] have no path to the ambient"),
    ],
)
def test_what_is_not_a_passive_network_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**changes)  # type: ignore[arg-type]


def test_one_stranded_node_among_connected_ones_is_named() -> None:
    conductance = np.zeros((4, 4))
    conductance[0, 1] = conductance[1, 0] = 1.0
    conductance[2, 3] = conductance[3, 2] = 1.0
    with pytest.raises(ValueError, match=r"nodes \['c', 'd'\] have no path"):
        RcNetwork(("a", "b", "c", "d"), np.ones(4), conductance, np.array([0.0, 1.0, 0.0, 0.0]))


@pytest.mark.parametrize(
    ("links", "to_ambient", "message"),
    [
        ({("die", "gpu"): 1.0}, {"sink": 1.0}, "node is 'gpu'"),
        ({("die", "die"): 1.0}, {"sink": 1.0}, "each pair once"),
        ({("die", "sink"): 1.0, ("sink", "die"): 1.0}, {"sink": 1.0}, "each pair once"),
        ({("die", "sink"): 0.0}, {"sink": 1.0}, "'die' to 'sink' is 0.0 K/W"),
        ({("die", "sink"): 1.0}, {"sink": -1.0}, "'sink' to the ambient is -1.0 K/W"),
        ({("die", "sink"): 1.0}, {"gpu": 1.0}, "node is 'gpu'"),
    ],
)
def test_bad_resistances_are_named(
    links: dict[tuple[str, str], float], to_ambient: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        network_from_resistances({"die": 1.0, "sink": 9.0}, links, to_ambient_k_per_w=to_ambient)
