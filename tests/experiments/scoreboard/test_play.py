from dataclasses import replace

import pytest

from experiments.scoreboard.bounds import KnownBound, bound_key, find_bound
from experiments.scoreboard.cells import Cell, ScoreboardConfig, cells, prepare
from experiments.scoreboard.play import (
    JSON_FIELDS,
    OURS,
    Played,
    Work,
    build,
    play,
    play_cell,
    static_safe,
)
from experiments.starts import Start
from experiments.study_config import read_config

CONFIG = replace(
    read_config("scoreboard/scoreboard", ScoreboardConfig),
    baselines=("static-safe", "static-fastest"),
    boards=("odroid-xu4",),
    length_s=60.0,
)


def cell_of(scenario: str, start: Start = Start.COLD) -> Cell:
    found = next(c for c in cells(CONFIG) if c.scenario.name == scenario)
    return replace(found, start=start, stress=0.25, ambient_degc=40.0)


@pytest.fixture(scope="module")
def played() -> Played:
    cell = cell_of("steady")
    with_preview = replace(cell.scenario, preview=True)
    return play_cell(Work(CONFIG, {}, {}), replace(cell, scenario=with_preview))


def test_a_cell_is_played_by_all_and_by_ours_with_a_preview_too(played: Played) -> None:
    assert [(row.governor, row.preview) for row in played.rows] == [
        (OURS, False),
        ("static-safe", False),
        ("static-fastest", False),
        (OURS, True),
    ]
    assert len(played.bounds) == 2


def test_ours_keeps_the_cap_where_full_speed_is_void(played: Played) -> None:
    ours, _, fast, preview = played.rows
    assert not ours.void
    assert not preview.void
    assert ours.time_above_cap_1k == 0.0
    assert fast.void
    assert fast.time_above_cap > 0.01


def test_shares_are_of_the_bound_at_the_cap_and_a_kelvin_below(played: Played) -> None:
    ours = played.rows[0]
    assert ours.share_of_bound is not None
    assert ours.share_cap is not None
    assert 0.7 < ours.share_cap <= 1.001
    assert ours.share_cap <= ours.share_of_bound


def test_what_json_prints_is_what_was_asked_for() -> None:
    assert set(JSON_FIELDS) == {
        *("governor", "board", "scenario", "start", "seed", "preview", "reward"),
        *("share_of_bound", "share_cap", "bound_gap", "void", "infeasible"),
        *("time_above_cap", "time_above_cap_1k", "energy_per_correct_j"),
    }


def test_an_infeasible_run_is_neither_scored_nor_void() -> None:
    cell = cell_of("steady")
    none = KnownBound(0.0, 0.0, True)
    work = Work(CONFIG, {}, {})
    row = play(
        work,
        cell,
        prepare(CONFIG, cell),
        governor="static-fastest",
        preview=False,
        at_cap=none,
        below=none,
    )
    assert row.infeasible
    assert not row.void
    assert row.share_of_bound is None


def test_a_bound_with_a_wide_gap_scores_nothing() -> None:
    cell = cell_of("steady")
    wide = KnownBound(0.5, 0.4, False)
    row = play(
        Work(CONFIG, {}, {}),
        cell,
        prepare(CONFIG, cell),
        governor=OURS,
        preview=False,
        at_cap=wide,
        below=wide,
    )
    assert row.share_of_bound is None
    assert row.bound_gap == pytest.approx(0.2)


def test_known_bounds_are_not_found_again() -> None:
    cell = cell_of("steady")
    setting = prepare(CONFIG, cell)
    cap = setting.case.plant.cap_degc
    known = {bound_key(setting, degc): KnownBound(0.7, 0.7, False) for degc in (cap, cap - 1.0)}
    again = play_cell(Work(CONFIG, {}, known), cell)
    assert again.bounds == {}
    assert again.rows[0].bound_gap == 0.0


def test_a_bound_is_kept_under_all_that_it_depends_on() -> None:
    cell = cell_of("steady")
    setting = prepare(CONFIG, cell)
    keys = {
        bound_key(prepare(CONFIG, other), degc)
        for other in (cell, replace(cell, seed=5), replace(cell, start=Start.HOT))
        for degc in (85.0, 84.0)
    }
    assert len(keys) == 6
    assert bound_key(setting, 85.0) in keys
    assert find_bound(setting, 84.0).gap < 0.015


def test_a_lower_trip_is_built_where_it_was_tuned() -> None:
    cell = cell_of("steady")
    setting = prepare(CONFIG, cell)
    high, low = (
        build(CONFIG, cell, setting, governor="reactive", below_k=k)._governor  # type: ignore[attr-defined]
        for k in (0.0, 5.0)
    )
    assert high._trip_degc - low._trip_degc == pytest.approx(5.0)


def test_the_static_point_is_safe_on_every_board_drawn_for_tuning() -> None:
    few = replace(CONFIG, tuning=replace(CONFIG.tuning, draws=3))
    point = static_safe(few, "odroid-xu4", 0.35, 40.0, demand_hz=1e6)
    more = static_safe(CONFIG, "odroid-xu4", 0.35, 40.0, demand_hz=1e6)
    assert more.frames_hz <= point.frames_hz
