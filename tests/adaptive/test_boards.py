"""The bundled boards: physics, provenance, and that they say what their sources say."""

import numpy as np
import pytest
from documents import part, paths

from adaptive.board_file import Sourced
from adaptive.config import board_names, load_board, read_board
from adaptive.plant import Plant
from adaptive.precision import Bits
from dvfs.opp import Opp
from thermal.discretise import discretise
from thermal.headroom import SteadyState, settle, time_to_trip_s
from thermal.modes import decompose

NAMES = ("hikey960", "odroid-xu4", "rockpro64", "rpi4b", "rpi5b")
boards = pytest.mark.parametrize("name", NAMES)

# Gains of the DS3 model's "big" input on its four A15 cores, K per W (segemena/DS3 @056c9300c304).
DS3_GAIN_K_PER_W = (20.706, 17.171, 20.106, 16.078)
# Offsets of the cores from their mean, K per W of cluster power (gemstone-applypower).
CORE_OFFSET_K_PER_W = (-0.43, 0.70, 0.64, -0.92)


def settled(plant: Plant, cluster: str, opp: Opp, ambient_degc: float) -> SteadyState:
    islands = {plant.cluster(cluster).island: opp}
    return settle(
        plant.network,
        lambda temps: (
            plant.node_power_w(islands, {cluster: 1.0}, temps),
            plant.node_power_slope_w_per_k(islands, temps),
        ),
        ambient_degc,
    )


def test_exactly_these_boards_are_bundled() -> None:
    assert board_names() == NAMES


@boards
def test_a_board_is_called_what_its_file_is_called(name: str) -> None:
    board = read_board(name)
    assert board.name == load_board(name).name == name
    assert any("Nothing here was measured" in note for note in board.notes)


@boards
def test_every_number_has_a_source_a_confidence_and_an_uncertainty(name: str) -> None:
    board = read_board(name)
    sourced = board.sourced()
    assert all(isinstance(block, Sourced) for _, block in sourced)
    assert all(len(block.source) > 5 and block.uncertainty for _, block in sourced)
    counted = sum(block.numbers() for _, block in sourced)
    content = _plain(board)
    figures = [
        at
        for at in paths(content)
        if isinstance(part(content, at), int | float) and at[-1] not in {"schema", "bits"}
    ]
    assert counted == len(figures)


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    if hasattr(value, "__struct_fields__"):
        return {key: _plain(getattr(value, key)) for key in value.__struct_fields__}
    return value


@boards
def test_what_was_never_measured_is_called_an_assumption(name: str) -> None:
    for path, block in read_board(name).sourced():
        if path.endswith((".compute", ".leakage")) or "assumed" in block.source:
            assert block.confidence == "D", path
        if path.endswith(".compute"):
            assert "modelled" in block.source
            assert "never measured" in block.uncertainty


@boards
def test_heat_flows_and_settles(name: str) -> None:
    plant = load_board(name)
    rate = decompose(plant.network).rate
    assert 60.0 < 1.0 / rate[0] < 600.0
    assert 0.5 < 1.0 / rate[-1] < 30.0
    model = discretise(plant.network, 0.1)
    assert np.abs(np.linalg.eigvals(model.A)).max() < 1.0


@boards
def test_an_idle_board_stays_below_the_cap_in_a_warm_room(name: str) -> None:
    plant = load_board(name)
    state = settle(
        plant.network,
        lambda temps: (
            plant.node_power_w({}, {}, temps),
            plant.node_power_slope_w_per_k({}, temps),
        ),
        35.0,
    )
    assert not state.runaway
    assert plant.junctions(state.temps_degc).max() < plant.cap_degc - 5.0


@boards
def test_a_faster_opp_is_never_cooler_and_eight_bits_never_slower(name: str) -> None:
    plant = load_board(name)
    for cluster in plant.clusters:
        assert cluster.mac_per_cycle[Bits.INT8] >= cluster.mac_per_cycle[Bits.INT16]
        table = plant.islands.named(cluster.island).table
        peaks = [settled(plant, cluster.name, opp, 25.0).temps_degc.max() for opp in table]
        assert peaks == sorted(peaks)


@pytest.mark.parametrize("name", ["odroid-xu4", "rpi4b", "hikey960", "rockpro64"])
def test_full_speed_is_too_much_for_a_board_without_a_fan(name: str) -> None:
    plant = load_board(name)
    fastest = plant.islands.named(plant.clusters[0].island).table.fastest
    assert settled(plant, plant.clusters[0].name, fastest, 35.0).temps_degc.max() > plant.cap_degc


def test_the_xu4_has_the_gains_its_sources_give() -> None:
    network = load_board("odroid-xu4").network
    gain = np.linalg.inv(network.laplacian)
    cluster = gain[:4, :4].mean(axis=1)  # rise of each core per watt spread over the four
    assert cluster.mean() == pytest.approx(np.mean(DS3_GAIN_K_PER_W), abs=0.01)
    np.testing.assert_allclose(cluster - cluster.mean(), CORE_OFFSET_K_PER_W, atol=0.01)
    assert gain[network.index("gpu"), :4].mean() == pytest.approx(14.66, abs=0.1)


def test_the_xu4_has_one_slow_time_constant_and_fast_cores() -> None:
    times = 1.0 / decompose(load_board("odroid-xu4").network).rate
    assert times[0] == pytest.approx(120.0, abs=2.0)
    assert times[1] < 5.0
    assert times[-1] > 0.5


def test_the_xu4_sustains_about_1100_megahertz_at_35_degrees() -> None:
    plant = load_board("odroid-xu4")
    table = plant.islands.named("a15").table
    safe = [
        opp.frequency_hz
        for opp in table
        if settled(plant, "a15", opp, 35.0).temps_degc.max() <= plant.cap_degc
    ]
    assert 1.0e9 <= max(safe) <= 1.4e9
    temps = np.full(len(plant.network.nodes), 35.0)
    at_cap = plant.node_power_w({"a15": table.fastest}, {"a15": 1.0}, np.full_like(temps, 85.0))
    sprint_s = time_to_trip_s(
        plant.network, temps, power_w=at_cap, ambient_degc=35.0, trip_degc=plant.cap_degc
    )
    assert 10.0 < sprint_s < 60.0


def test_the_xu4_runs_away_at_2_gigahertz_with_the_fan_off() -> None:
    plant = load_board("odroid-xu4")
    assert settled(plant, "a15", plant.islands.named("a15").table.fastest, 25.0).runaway


def test_the_xu4s_power_is_near_the_measured_rails() -> None:
    # Odroid-XU3 rails, Cortex-A15, four cores of dhrystone (gemstone-applypower): Hz, V, W, degC.
    rails = ((6e8, 0.9079, 0.928, 52.0), (1e9, 0.9437, 1.655, 58.0), (1.8e9, 1.1741, 5.148, 80.0))
    plant = load_board("odroid-xu4")
    for frequency_hz, voltage_v, measured_w, temp_degc in rails:
        temps = np.full(len(plant.network.nodes), temp_degc)
        power = plant.node_power_w({"a15": Opp(frequency_hz, voltage_v)}, {"a15": 1.0}, temps)
        assert power[:4].sum() == pytest.approx(measured_w, rel=0.15)


def test_the_pi_5_settles_where_its_active_cooler_was_seen_to() -> None:
    # Phoronix: 56 degC on average under load with the active cooler.
    plant = load_board("rpi5b")
    state = settled(plant, "a76", plant.islands.named("a76").table.fastest, 25.0)
    assert state.temps_degc.max() == pytest.approx(56.0, abs=4.0)


def test_the_bare_pi_4_settles_where_it_was_seen_to() -> None:
    # sbc-bench 1MFf: 81.8 degC after 2.5 minutes of four busy cores at 1.5 GHz, ambient unknown.
    plant = load_board("rpi4b")
    state = settled(plant, "a72", Opp(1.5e9, 0.8438), 27.0)
    assert state.temps_degc.max() == pytest.approx(81.0, abs=3.0)
