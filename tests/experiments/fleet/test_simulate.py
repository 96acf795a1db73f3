"""A fleet is so many single boards, whatever they run and whatever is around them."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from adaptive.errors import ConfigError
from experiments.fleet import simulate as fleet_module
from experiments.fleet.simulate import FleetRequest, reseeded, simulate_boards, simulate_fleet
from experiments.mismatch import Mismatch, draw_board
from experiments.starts import start_degc
from experiments.study import Study, prepare

SCENARIO = """
length_s: 8
demand: {kind: poisson, load: 0.9}
ambient: {kind: ramp, from_degc: 30, to_degc: 45, begin: 0.5, rise: 0.3}
fan: {starts: [0.0, 0.3], factors: [1.0, 2.0]}
sun: {case_w: 1.5, begin: 0.2, end: 0.8}
start: hot
mismatch: {ambient_k: [-5, 5], delay_s: [0.0, 0.25]}
"""
SEEDS = (3, 4, 5, 6)


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("scenarios") / "rich.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return str(path)


def check_against_single_runs(study: Study, mismatch: Mismatch, governor: str) -> None:
    boards = [draw_board(study.plant, seed=seed, mismatch=mismatch) for seed in SEEDS]
    fleet = simulate_boards(study, boards, seeds=SEEDS, governor=governor)
    for row, (board, seed) in enumerate(zip(boards, SEEDS, strict=True)):
        workload = reseeded(study.workload, seed)
        single = replace(
            study,
            board=board,
            workload=workload,
            start_degc=start_degc(
                board.plant,
                study.points,
                board.surrounded(workload),
                start=study.start,
                below_degc=study.scenario.cap_degc - 1.0,
            ),
        )
        run = single.simulate(governor, single.governor(governor))
        got, want = fleet.results, run.summary
        assert got.reward[row] == pytest.approx(want.score.reward, rel=1e-9)
        assert got.answered[row] == pytest.approx(want.score.answered, rel=1e-12)
        assert got.energy_j[row] == pytest.approx(want.energy_j, rel=1e-9)
        assert got.peak_degc[row] == pytest.approx(want.peak_degc, abs=1e-7)
        assert got.time_above_cap_s[row] == pytest.approx(want.time_above_cap_s, abs=1e-9)
        assert got.backlog_peak[row] == want.waiting.backlog
        assert 0.0 <= got.latency_p99_s[row] - want.waiting.p99_s <= 0.002 + 1e-9
        assert fleet.course.hottest_degc[:, row].max() == got.peak_degc[row]


@pytest.mark.parametrize(
    "governor", ["static-fastest", "step-wise", "reactive", "look-ahead", "budget"]
)
def test_boards_of_a_fleet_run_as_they_would_alone(rich: str, governor: str) -> None:
    request = FleetRequest(scenario=rich, governor=governor)
    check_against_single_runs(request.study(), request.spread(), governor)


def test_boards_that_shut_down_do_so_as_they_would_alone(rich: str) -> None:
    request = FleetRequest(scenario=rich)
    study = request.study()
    fragile = replace(study, plant=replace(study.plant, critical_degc=86.0))
    check_against_single_runs(fragile, request.spread(), "static-fastest")
    boards = [draw_board(fragile.plant, seed=s, mismatch=request.spread()) for s in SEEDS]
    fleet = simulate_boards(fragile, boards, seeds=SEEDS, governor="static-fastest")
    assert fleet.results.shut_down.any()


def test_long_periods_and_deadlines_keep_to_single_boards(tmp_path: Path) -> None:
    path = tmp_path / "slow.yaml"
    path.write_text(
        "length_s: 12\nperiod_s: 0.3\ndeadline_s: 1.1\nmismatch: true\n"
        "demand: {kind: video, load: 0.8}\nambient: {kind: steady, degc: 40}\n",
        encoding="utf-8",
    )
    request = FleetRequest(scenario=str(path), board="rpi4b")
    check_against_single_runs(request.study(), request.spread(), "step-wise")


def test_a_fleet_board_is_the_board_of_its_seed(rich: str) -> None:
    fleet = simulate_fleet(FleetRequest(scenario=rich), boards=2, seed=7)
    study = prepare(scenario=rich, seed=8)
    alone = study.simulate("look-ahead", study.governor("look-ahead"))
    assert fleet.results.reward[1] == pytest.approx(alone.summary.score.reward, rel=1e-9)
    assert fleet.draws["leakage"][1] == study.board.factors["leakage"]


def test_how_boards_are_parted_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    request = FleetRequest(governor="step-wise", minutes=0.1)
    whole = simulate_fleet(request, boards=5, seed=1)
    shares: list[float] = []
    monkeypatch.setattr(fleet_module, "SQUAD", 2)
    parted = simulate_fleet(request, boards=5, seed=1, progress=shares.append)
    assert shares == pytest.approx([1 / 3, 2 / 3, 1.0])
    pd.testing.assert_frame_equal(whole.frame(), parted.frame(), rtol=1e-12)
    assert pickle.loads(pickle.dumps(parted)).frame().equals(parted.frame())


def test_percentiles_are_over_the_boards() -> None:
    fleet = simulate_fleet(FleetRequest(governor="static-safe", minutes=0.1), boards=20)
    table, frame = fleet.percentiles((50, 100)), fleet.frame()
    assert table.loc[100, "peak_degc"] == frame["peak_degc"].max()
    assert frame["drawn_leakage"].nunique() == 20
    assert fleet.frame()["seed"].tolist() == list(range(20))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: simulate_fleet(FleetRequest(), boards=0), "boards is 0"),
        (lambda: simulate_fleet(FleetRequest(), boards=1, seed=-1), "seed is -1"),
        (lambda: simulate_fleet(FleetRequest(governor="toaster"), boards=1), "'toaster'"),
        (lambda: simulate_fleet(FleetRequest(board="toaster"), boards=1), "'toaster'"),
    ],
)
def test_bad_requests_are_refused_before_any_work(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call()
