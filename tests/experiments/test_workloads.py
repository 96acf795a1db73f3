from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive.errors import ConfigError
from experiments.camera import Trace, load_trace, trace_of_arrivals
from experiments.scenarios import Bursts
from experiments.surroundings import Fan, SteadyAmbient, Sun
from experiments.workloads import (
    Constant,
    Demand,
    Diurnal,
    Poisson,
    Video,
    Workload,
)

LENGTH_S = 1200.0
TIMES = np.arange(0.05, LENGTH_S, 0.1).tolist()


def sampled(demand: Demand) -> np.ndarray:
    profile = demand.profile(LENGTH_S)
    return np.array([profile(t) for t in TIMES])


@given(mean_hz=st.floats(0.5, 1000.0), seed=st.integers(0, 2**31))
def test_every_stream_brings_its_mean(mean_hz: float, seed: int) -> None:
    trace = Trace((0.0, 10.0), (1.0, 3.0), 40.0).scaled(mean_hz)
    for demand in (
        Constant(mean_hz),
        Diurnal(mean_hz),
        Bursts(mean_hz, seed=seed),
        trace,
        Video(mean_hz / 4.0, seed=seed),
    ):
        assert demand.mean_hz == pytest.approx(mean_hz)
        assert sampled(demand).mean() == pytest.approx(mean_hz, rel=0.01)
        assert sampled(demand).min() >= 0.0


def test_poisson_counts_vary_by_their_root() -> None:
    counts = sampled(Poisson(100.0, seed=4)) * 0.1
    assert counts.mean() == pytest.approx(10.0, rel=0.02)
    assert counts.var() == pytest.approx(10.0, rel=0.05)
    assert np.array_equal(counts.round(), counts.round(9))


@pytest.mark.parametrize("kind", [Poisson, Video])
def test_one_seed_is_one_stream(kind: type[Poisson] | type[Video]) -> None:
    first, again, other = (sampled(kind(10.0, seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_day_swells_and_ebbs() -> None:
    rates = sampled(Diurnal(10.0, swing=0.5))
    assert rates.max() == pytest.approx(15.0, rel=1e-3)
    assert rates.min() == pytest.approx(5.0, rel=1e-3)
    assert rates.argmax() * 0.1 == pytest.approx(300.0, abs=1.0)


def test_scenes_last_and_differ() -> None:
    rates = sampled(Video(10.0, scene_s=40.0, seed=3))
    changes = np.count_nonzero(np.diff(rates))
    assert 15 <= changes <= 50
    assert len(np.unique(rates)) == changes + 1


def test_a_trace_goes_round() -> None:
    profile = Trace((0.0, 1.0, 4.0), (5.0, 0.0, 2.0), 6.0).profile(LENGTH_S)
    assert [profile(t) for t in (0.5, 1.0, 3.9, 5.0, 6.5, 7.5)] == [5.0, 0.0, 0.0, 2.0, 5.0, 0.0]


def test_a_trace_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "camera.csv"
    path.write_text("start_s,rate_hz\n0,5\n1,0\n4,2\n6,0\n", encoding="utf-8")
    assert load_trace(path) == Trace((0.0, 1.0, 4.0), (5.0, 0.0, 2.0), 6.0)


@given(st.lists(st.floats(0.0, 60.0), min_size=1, max_size=200).map(sorted))
def test_every_frame_of_a_camera_arrives_in_its_interval(arrivals: list[float]) -> None:
    trace = trace_of_arrivals(tuple(arrivals))
    profile = trace.profile(60.0)
    middles = 0.1 * np.arange(round(trace.lap_s / 0.1)) + 0.05
    counts = np.array([profile(t) for t in middles.tolist()]) * 0.1
    assert counts.sum() == pytest.approx(len(arrivals))
    assert np.cumsum(counts)[-1] == pytest.approx(len(arrivals))
    assert trace.lap_s == pytest.approx(arrivals[-1], abs=0.1 + 1e-6)


def test_arrivals_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "camera.csv"
    path.write_text("arrival_s\n0.02\n0.05\n0.3\n", encoding="utf-8")
    assert load_trace(path).rates_hz == pytest.approx((20.0, 0.0, 10.0))
    path.write_text("arrival_s\n0.3\n0.02\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"camera\.csv.* falls from 0.3 to 0.02"):
        load_trace(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "arrival_s\n",
        "start_s,rate_hz\n",
        "start_s,rate_hz\n0,1\n",
        "start_s,rate_hz\n0,x\n1,1\n",
        "a,b\n1,2\n",
    ],
)
def test_a_file_that_is_no_trace_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "camera.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"camera\.csv"):
        load_trace(path)
    with pytest.raises(ConfigError, match="cannot read"):
        load_trace(tmp_path / "absent.csv")


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Constant(0.0), "mean_hz"),
        (lambda: Diurnal(1.0, swing=1.5), "swing"),
        (lambda: Diurnal(1.0, day_s=0.0), "day_s"),
        (lambda: Poisson(float("nan")), "mean_hz"),
        (lambda: Poisson(1.0, interval_s=0.0), "interval_s"),
        (lambda: Video(1.0, spread=0.0), "spread"),
        (lambda: Trace((1.0,), (1.0,), 2.0), "starts_s"),
        (lambda: Trace((0.0, 2.0), (1.0, 1.0), 2.0), "starts_s"),
        (lambda: Trace((0.0,), (1.0, 1.0), 2.0), "rates_hz"),
        (lambda: Trace((0.0,), (0.0,), 2.0), "rates_hz"),
        (lambda: Workload("w", 0.0, Constant(1.0), SteadyAmbient(25.0)), "length_s"),
        (lambda: Workload("w", 1.0, Constant(1.0), SteadyAmbient(25.0), deadline_s=0.0), "dead"),
        (lambda: Workload("w", 1.0, Constant(1.0), SteadyAmbient(25.0), period_s=0.0), "period"),
    ],
)
def test_streams_outside_reason_cannot_exist(make: object, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        make()  # type: ignore[operator]


def test_a_workload_gives_each_as_a_function_of_time() -> None:
    run = Workload(
        "w",
        100.0,
        Constant(7.0),
        SteadyAmbient(25.0),
        fan=Fan((0.0, 0.5), (1.0, 2.0)),
        sun=Sun({"sink": 1.5}, 0.5, 1.0),
    )
    assert run.periods == 1000
    assert (run.demand_hz()(3.0), run.ambient_degc()(3.0)) == (7.0, 25.0)
    assert [run.cooling_factor()(t) for t in (10.0, 60.0)] == [1.0, 2.0]
    assert [dict(run.heat_w()(t)) for t in (10.0, 60.0)] == [{}, {"sink": 1.5}]
