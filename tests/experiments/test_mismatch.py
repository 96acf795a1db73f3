import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plants import OPPS, make_point, two_node_plant

from adaptive.config import board_names, load_board
from adaptive.plant import Plant
from experiments.mismatch import NONE, Mismatch, draw_board
from experiments.surroundings import AmbientRamp, Fan, SteadyAmbient, Sun
from experiments.workloads import Constant, Workload


def ratios(drawn: np.ndarray, nominal: np.ndarray) -> np.ndarray:
    there = nominal > 0.0
    assert np.array_equal(there, drawn > 0.0)
    return drawn[there] / nominal[there]


@settings(max_examples=30)
@given(seed=st.integers(0, 2**31))
def test_draws_stay_within_their_ranges(seed: int) -> None:
    nominal = load_board("odroid-xu4")
    board = draw_board(nominal, seed=seed)
    true = board.plant
    net, was = true.network, nominal.network
    for drawn, reference in (
        (1.0 / net.conductance[net.conductance > 0], 1.0 / was.conductance[was.conductance > 0]),
        (1.0 / net.to_ambient[net.to_ambient > 0], 1.0 / was.to_ambient[was.to_ambient > 0]),
        (net.capacitance, was.capacitance),
        (np.array(list(true.constant_w.values())), np.array(list(nominal.constant_w.values()))),
        (
            np.array([part.C_active for part in true.power.parts]),
            np.array([part.C_active for part in nominal.power.parts]),
        ),
    ):
        assert (np.abs(ratios(drawn, reference) - 1.0) <= 0.15 + 1e-12).all()
    leak = {
        round(after.leakage.I_0 / before.leakage.I_0, 12)
        for after, before in zip(true.power.parts, nominal.power.parts, strict=True)
    }
    assert len(leak) == 1
    assert 0.5 <= leak.pop() <= 2.0
    assert 0.1 <= true.zones[0].resolution_k <= 1.0
    assert 0.1 <= board.sensing.noise_k <= 1.0
    assert 0.0 <= board.sensing.lag_s <= 1.0
    assert 0.0 <= board.actuator_delay_s <= 0.1


def test_many_draws_fill_their_ranges_around_the_board_file() -> None:
    nominal = two_node_plant()
    factors = [draw_board(nominal, seed=seed).factors for seed in range(400)]
    for name, low, high in (("capacitance", 0.86, 1.14), ("leakage", 0.55, 1.9)):
        values = np.array([entry[name] for entry in factors])
        assert values.min() < low
        assert values.max() > high
    assert np.mean([entry["power"] for entry in factors]) == pytest.approx(1.0, abs=0.02)
    assert np.median([entry["leakage"] for entry in factors]) == pytest.approx(1.0, abs=0.1)


def test_one_seed_is_one_board() -> None:
    nominal = two_node_plant()
    first, again, other = (draw_board(nominal, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.plant.network.laplacian, again.plant.network.laplacian)
    assert (first.sensing, first.factors) == (again.sensing, again.factors)
    assert first.factors != other.factors


@pytest.mark.parametrize("board", board_names())
def test_no_mismatch_is_the_board_itself(board: str) -> None:
    nominal = load_board(board)
    true = draw_board(nominal, seed=1, mismatch=NONE)
    assert np.allclose(true.plant.network.laplacian, nominal.network.laplacian, rtol=1e-12)
    assert np.array_equal(true.plant.network.capacitance, nominal.network.capacitance)
    assert true.plant.power.parts == nominal.power.parts
    assert true.plant.constant_w == nominal.constant_w
    assert all(value == pytest.approx(1.0) for value in true.factors.values())
    assert (true.sensing.lag_s, true.actuator_delay_s) == (0.0, 0.0)


def hottest_degc(plant: Plant, run: Workload) -> float:
    board = draw_board(plant, seed=0, mismatch=NONE)
    platform = board.platform(run, cap_degc=80.0, start_degc=np.full(2, 25.0), step_s=0.05)
    platform.apply(make_point(OPPS.opps[1]))
    platform.wait_until(run.length_s)
    return platform.truth[-1].hottest_degc


def test_the_platform_feels_ambient_fan_and_sun() -> None:
    ambient = SteadyAmbient(25.0)
    plain = Workload("w", 60.0, Constant(50.0), ambient)
    warm = Workload("w", 60.0, Constant(50.0), AmbientRamp(25.0, 45.0, begin=0.1))
    fan = Workload("w", 60.0, Constant(50.0), ambient, fan=Fan((0.0,), (3.0,)))
    sun = Workload("w", 60.0, Constant(50.0), ambient, sun=Sun({"sink": 2.0}))
    plant = two_node_plant()
    base = hottest_degc(plant, plain)
    assert hottest_degc(plant, fan) < base - 0.5
    assert hottest_degc(plant, warm) > base + 1.0
    assert hottest_degc(plant, sun) > base + 1.0


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"resistance": 1.0}, "resistance"),
        ({"power": -0.1}, "power"),
        ({"leakage": (0.0, 1.0)}, "leakage"),
        ({"noise_k": (1.0, 0.5)}, "noise_k"),
        ({"lag_s": (-1.0, 0.5)}, "lag_s"),
        ({"delay_s": (0.0, float("inf"))}, "delay_s"),
    ],
)
def test_ranges_outside_reason_cannot_exist(values: dict[str, float], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Mismatch(**values)  # type: ignore[arg-type]
