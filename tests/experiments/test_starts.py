import numpy as np
import pytest
from bounds import POINTS
from plants import two_node_plant

from adaptive.governor.static import settled_peak_degc
from experiments.starts import Start, settled, start_degc
from experiments.surroundings import AmbientRamp, Fan, SteadyAmbient, Sun
from experiments.workloads import Constant, Workload

PLANT = two_node_plant()
PAIR = (POINTS[0], POINTS[-1])


def workload(ambient_degc: float = 30.0, **kwargs: object) -> Workload:
    ambient = SteadyAmbient(ambient_degc)
    return Workload("run", 60.0, Constant(50.0), ambient, **kwargs)  # type: ignore[arg-type]


def test_a_cold_start_is_the_ambient_at_the_start() -> None:
    run = Workload("run", 60.0, Constant(50.0), AmbientRamp(22.0, 45.0))
    start = start_degc(PLANT, POINTS, run, start=Start.COLD, below_degc=69.0)
    assert np.array_equal(start, [22.0, 22.0])


def test_a_hot_start_is_a_steady_state_at_the_temperature_asked_for() -> None:
    start = start_degc(PLANT, POINTS, workload(), start=Start.HOT, below_degc=69.0)
    assert float(PLANT.junctions(start).max()) == pytest.approx(69.0, abs=1e-6)
    assert float(PLANT.junctions(start).max()) <= 69.0
    assert 30.0 < start[1] < 69.0


def test_a_board_that_cannot_get_that_hot_starts_as_hot_as_it_gets() -> None:
    start = start_degc(PLANT, POINTS[:3], workload(0.0), start=Start.HOT, below_degc=90.0)
    warmest = max(POINTS[:3], key=lambda point: point.power_w)
    expected = settled_peak_degc(PLANT, warmest, ambient_degc=0.0)
    assert float(start[0]) == pytest.approx(expected)


def test_a_board_too_hot_at_its_coolest_starts_there_as_well_as_one_that_runs_away() -> None:
    start = start_degc(PLANT, POINTS, workload(75.0), start=Start.HOT, below_degc=69.0)
    assert float(start[0]) == pytest.approx(settled_peak_degc(PLANT, POINTS[0], ambient_degc=75.0))
    runaway = two_node_plant(leak_a=4.0)
    start = start_degc(runaway, POINTS, workload(60.0), start=Start.HOT, below_degc=69.0)
    assert np.array_equal(start, [69.0, 69.0])


def test_shares_of_time_settle_between_their_points() -> None:
    peaks = [
        float(settled(PLANT, workload(), points=PAIR, share=share).temps_degc[0])
        for share in (0.0, 0.3, 0.6)
    ]
    assert peaks == sorted(peaks)
    assert peaks[0] == pytest.approx(settled_peak_degc(PLANT, PAIR[0], ambient_degc=30.0))


def test_a_fan_cools_and_the_sun_heats_at_their_time() -> None:
    plain, fan, sun = (
        [
            float(settled(PLANT, run, points=PAIR, share=0.2, time_s=t).temps_degc[0])
            for t in (10.0, 50.0)
        ]
        for run in (
            workload(),
            workload(fan=Fan((0.0, 0.5), (1.0, 2.0))),
            workload(sun=Sun({"sink": 0.5}, 0.5, 1.0)),
        )
    )
    assert plain[0] == plain[1] == fan[0] == sun[0]
    assert fan[1] < plain[1] < sun[1]
