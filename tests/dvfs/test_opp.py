import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import opp_tables

from dvfs.opp import Opp, OppTable

# Kernel device tree arm/samsung/exynos5422-odroidxu3.dts (v7.1-dts), Cortex-A15, MHz and mV.
MAINLINE_A15 = (
    (1500, 1100.0),
    (1600, 1250.0),
    (1700, 1250.0),
    (1800, 1237.5),
    (1900, 1262.5),
    (2000, 1312.5),
)


def table(*rows: tuple[float, float]) -> OppTable:
    return OppTable(tuple(Opp(mhz * 1e6, mv / 1e3) for mhz, mv in rows))


def test_the_kernels_falling_voltages_are_kept_and_flagged() -> None:
    mainline = table(*MAINLINE_A15)
    assert len(mainline) == 6
    assert [opp.frequency_hz for opp in mainline.falling] == [1.6e9, 1.7e9]


def test_a_fall_across_an_equal_voltage_is_flagged_too() -> None:
    assert [o.frequency_hz for o in table((1, 900), (2, 900), (3, 800)).falling] == [1e6, 2e6]


def test_a_monotone_table_has_nothing_to_flag() -> None:
    assert table((1, 900), (2, 900), (3, 950)).falling == ()


def test_neighbours_of_a_frequency() -> None:
    two = table((600, 900), (1200, 1000))
    assert two.at_most(1.1e9) == two.slowest
    assert two.at_most(1.2e9) == two.fastest
    assert two.at_most(1.0) == two.slowest
    assert two.at_least(0.7e9) == two.fastest
    assert two.at_least(0.6e9) == two.slowest
    assert two.at_least(9e9) == two.fastest


@given(opp_tables(), st.floats(1e6, 4e9))
def test_at_most_and_at_least_bracket_a_frequency(opps: OppTable, frequency_hz: float) -> None:
    below, above = opps.at_most(frequency_hz), opps.at_least(frequency_hz)
    between = [o for o in opps if below.frequency_hz < o.frequency_hz < above.frequency_hz]
    assert not between
    if opps.slowest.frequency_hz <= frequency_hz <= opps.fastest.frequency_hz:
        assert below.frequency_hz <= frequency_hz <= above.frequency_hz


@given(opp_tables())
def test_without_the_flagged_opps_voltages_never_fall(opps: OppTable) -> None:
    kept = [opp.voltage_v for opp in opps if opp not in opps.falling]
    assert kept == sorted(kept)
    assert opps.fastest not in opps.falling


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_an_opp_must_be_finite_and_positive(bad: float) -> None:
    with pytest.raises(ValueError, match="frequency_hz is"):
        Opp(bad, 1.0)
    with pytest.raises(ValueError, match="voltage_v is"):
        Opp(1e9, bad)


def test_a_table_must_not_be_empty() -> None:
    with pytest.raises(ValueError, match="at least one OPP"):
        OppTable(())


@pytest.mark.parametrize("second", [600, 500])
def test_frequencies_must_rise(second: float) -> None:
    with pytest.raises(ValueError, match="strictly rise"):
        table((600, 900), (second, 1000))
