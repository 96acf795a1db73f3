import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import block_powers, leakages

from dvfs.power import (
    BlockPower,
    Leakage,
    PowerModel,
    dynamic_power,
    leakage_power,
    leakage_slope,
)

LEAKAGE = Leakage(I_0=0.1, T_0=50.0, k_T=0.02, V_0=1.0, k_V=1.5)
TEMPS = st.floats(0.0, 150.0)
VOLTS = st.floats(0.6, 1.4)


def test_one_nanofarad_at_one_gigahertz_and_one_volt_is_one_watt() -> None:
    assert dynamic_power(1e-9, 1.0, f=1e9) == pytest.approx(1.0)
    assert dynamic_power(1e-9, 2.0, f=0.5e9) == pytest.approx(2.0)


def test_leakage_at_its_reference_is_volts_times_amperes() -> None:
    assert leakage_power(1.0, 50.0, leakage=LEAKAGE) == pytest.approx(0.1)


def test_leakage_grows_by_its_exponents() -> None:
    hot = leakage_power(1.0, 100.0, leakage=LEAKAGE)
    assert hot == pytest.approx(0.1 * math.exp(1.0))
    assert leakage_power(1.2, 50.0, leakage=LEAKAGE) == pytest.approx(0.12 * math.exp(0.3))


@given(leakages(), VOLTS, TEMPS)
def test_the_leakage_slope_is_the_derivative(leakage: Leakage, volts: float, temp: float) -> None:
    step = 1e-3
    above = leakage_power(volts, temp + step, leakage=leakage)
    below = leakage_power(volts, temp - step, leakage=leakage)
    slope = leakage_slope(volts, temp, leakage=leakage)
    np.testing.assert_allclose(slope, (above - below) / (2 * step), rtol=1e-5, atol=1e-9)


@given(block_powers(), VOLTS, st.floats(1e8, 2e9), st.floats(0.0, 1.0), TEMPS)
def test_the_model_is_the_sum_of_its_formulas(
    block: BlockPower, volts: float, clock: float, busy: float, temp: float
) -> None:
    model = PowerModel(("core",), (block,))
    switched = block.C_idle + busy * (block.C_active - block.C_idle)
    expected = dynamic_power(switched, volts, f=clock) + leakage_power(
        volts, temp, leakage=block.leakage
    )
    power = model.power_w([volts], [clock], utilisation=[busy], temps_degc=[temp])
    np.testing.assert_allclose(power, [expected], rtol=1e-12)
    slope = model.slope_w_per_k([volts], [temp])
    np.testing.assert_allclose(slope, [leakage_slope(volts, temp, leakage=block.leakage)])


@given(st.lists(block_powers(), min_size=2, max_size=4), VOLTS, TEMPS)
def test_power_never_falls_with_volts_clock_work_or_heat(
    blocks: list[BlockPower], volts: float, temp: float
) -> None:
    model = PowerModel(tuple(f"b{i}" for i in range(len(blocks))), tuple(blocks))

    def power(v: float, f: float, u: float, t: float) -> np.ndarray:
        n = len(blocks)
        return model.power_w(
            np.full(n, v), np.full(n, f), utilisation=np.full(n, u), temps_degc=np.full(n, t)
        )

    base = power(volts, 1e9, 0.5, temp)
    assert (base >= 0.0).all()
    assert (power(volts + 0.1, 1e9, 0.5, temp) >= base).all()
    assert (power(volts, 1.1e9, 0.5, temp) >= base).all()
    assert (power(volts, 1e9, 0.6, temp) >= base).all()
    assert (power(volts, 1e9, 0.5, temp + 5.0) >= base).all()


def test_settings_broadcast_over_leading_axes() -> None:
    model = PowerModel(("a", "b"), (BlockPower(1e-9, 1e-10, LEAKAGE),) * 2)
    volts = np.array([[0.9, 1.0], [1.0, 1.1], [1.1, 1.2]])
    many = model.power_w(volts, 1e9, utilisation=1.0, temps_degc=np.array([50.0, 60.0]))
    assert many.shape == (3, 2)
    one = model.power_w(volts[1], 1e9, utilisation=1.0, temps_degc=np.array([50.0, 60.0]))
    np.testing.assert_array_equal(many[1], one)


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
def test_utilisation_is_a_share(bad: float) -> None:
    model = PowerModel(("a",), (BlockPower(1e-9, 0.0, LEAKAGE),))
    with pytest.raises(ValueError, match=r"expected 0\.\.1"):
        model.power_w([1.0], [1e9], utilisation=[bad], temps_degc=[50.0])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("I_0", -0.1),
        ("I_0", math.nan),
        ("T_0", math.inf),
        ("k_T", -0.01),
        ("V_0", 0.0),
        ("k_V", -1.0),
    ],
)
def test_leakage_refuses_what_physics_does(field: str, value: float) -> None:
    numbers = {"I_0": 0.1, "T_0": 50.0, "k_T": 0.02, "V_0": 1.0, "k_V": 1.5}
    with pytest.raises(ValueError, match=f"{field} is"):
        Leakage(**{**numbers, field: value})


@pytest.mark.parametrize(
    ("active", "idle", "message"),
    [(math.inf, 0.0, "C_active is"), (1e-9, 2e-9, "C_idle is"), (1e-9, -1e-10, "C_idle is")],
)
def test_idling_never_switches_more_than_working(active: float, idle: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BlockPower(active, idle, LEAKAGE)


def test_a_power_model_names_each_block_once() -> None:
    block = BlockPower(1e-9, 0.0, LEAKAGE)
    with pytest.raises(ValueError, match="expected unique names"):
        PowerModel(("a", "a"), (block, block))
    with pytest.raises(ValueError, match="at least one"):
        PowerModel((), ())
    with pytest.raises(ValueError, match="one per block"):
        PowerModel(("a", "b"), (block,))
