from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from cells import small_problem

from adaptive.errors import ConfigError
from dvfs.power import PowerModel
from dvfs.row_optimum import find_optimum
from dvfs.row_search import assign_rows
from experiments.physics.finevh_circuits import load_technology
from experiments.physics.finevh_exact import prove_optimum
from experiments.physics.finevh_solve import FineVhConfig, Headline, row_tables, study
from experiments.physics.finevh_study import (
    main,
    metrics,
    study_metrics,
    tabulate,
    with_percent,
    write,
)
from experiments.study_config import read_config

SHIPPED = Path(__file__).parents[3] / "experiments" / "physics"


@pytest.fixture(scope="module")
def config() -> FineVhConfig:
    return replace(
        read_config("physics/finevh_study", FineVhConfig),
        circuits=("mac",),
        rows=(6, 24),
        rails=("banded", "tracking"),
        bands=2,
        clocks_per_band=1,
        low_steps_v=(0.1, 0.15),
        rails_rows=6,
        restarts=2,
        headline=Headline(swing=False, placement="critical", rails="banded", rows=24),
    )


@pytest.fixture(scope="module")
def rows(config: FineVhConfig) -> pd.DataFrame:
    return study(config)


def test_every_case_is_solved_once(config: FineVhConfig, rows: pd.DataFrame) -> None:
    # modes x swing x placement x rails x clocks x rows
    assert len(rows) == 2 * 2 * 2 * 2 * 2 * 2
    key = ["circuit", "bits", "swing", "placement", "rails", "rows", "clock"]
    assert not rows.duplicated(key).any()
    assert (rows["proven"] == (rows["rows"] == 6)).all()


def test_no_assignment_draws_less_than_its_bound_or_more_than_all_high(rows: pd.DataFrame) -> None:
    assert (rows["finevh_w"] >= rows["best_w"] * (1 - 1e-9)).all()
    assert (rows["best_w"] >= rows["linear_w"] * (1 - 1e-9)).all()
    at_top = rows[(rows["clock"] == 1.0) & (rows["bits"] == 16)]
    assert (at_top["finevh_w"] <= 1.06 * at_top["ideal_w"] * (1 + 1e-9)).all()


def test_counting_the_swing_costs_power_at_the_same_rails(rows: pd.DataFrame) -> None:
    key = ["bits", "placement", "rails", "rows", "clock", "low_v"]
    both = rows[rows["swing"]].merge(rows[~rows["swing"]], on=key, suffixes=("_with", "_without"))
    exact = both[both["proven_with"]]
    assert len(exact)
    assert (exact["best_w_with"] >= exact["best_w_without"] * (1 - 1e-9)).all()


def test_hopping_between_the_rails_never_beats_ideal_dvfs_in_the_mode_they_are_made_for(
    rows: pd.DataFrame,
) -> None:
    wide = rows[rows["bits"] == 16]
    assert (wide["hopping_w"] >= wide["ideal_w"] * (1 - 1e-9)).all()
    assert (wide["dithering_w"] >= wide["hopping_w"] * (1 - 1e-9)).all()


def test_the_metrics_are_those_of_the_rows(config: FineVhConfig, rows: pd.DataFrame) -> None:
    found = {metric.metric: metric.value for metric in study_metrics(config, rows)}
    percent = with_percent(rows)
    case = percent.query(
        "bits == 16 and not swing and placement == 'critical' and rails == 'banded' and rows == 24"
    )
    assert found["finevh_saving_percent"] == pytest.approx(case["saving"].mean())
    few = percent["rows"] <= 20
    assert found["finevh_gap_percent"] == percent["gap"][few].max()
    assert found["finevh_gap_beyond_percent"] == percent["gap"][~few].max()
    assert found["finevh_saving_swing_percent"] <= found["finevh_saving_percent"] + 1e-9
    assert found["finevh_low_rows_8bit_percent"] > found["finevh_low_rows_16bit_percent"]


def test_the_heuristic_is_within_one_per_cent_of_the_optimum(rows: pd.DataFrame) -> None:
    assert with_percent(rows)["gap"][rows["proven"]].max() <= 1.0


@pytest.mark.parametrize("swing", [False, True])
def test_the_integer_programme_proves_what_listing_finds(swing: bool) -> None:
    problem = small_problem(12, clock=0.93, swing=swing)
    power, proven = prove_optimum(problem)
    assert proven
    assert power == pytest.approx(
        find_optimum(problem, start=assign_rows(problem)).power_w, rel=1e-9
    )


def test_a_proof_cut_short_is_a_bound() -> None:
    problem = small_problem(24, clock=0.93)
    power, proven = prove_optimum(problem, rounds=1)
    assert not proven
    assert 0.0 < power <= assign_rows(problem).power_w


def test_metrics_of_a_config_run_the_study_and_prove_more_rows_if_asked(
    config: FineVhConfig,
) -> None:
    short = replace(
        config,
        rows=(6, 22),
        proven_rows=22,
        swing=(False,),
        placements=("critical",),
        rails=("banded",),
        headline=Headline(swing=False, placement="critical", rails="banded", rows=6),
    )
    found = {metric.metric: metric.value for metric in metrics(short)}
    assert list(found)[:2] == ["finevh_gap_percent", "finevh_saving_percent"]
    assert "finevh_saving_swing_percent" not in found
    assert found["finevh_gap_beyond_percent"] <= 1.0


def test_the_governor_s_table_has_the_study_s_watts(
    config: FineVhConfig, rows: pd.DataFrame
) -> None:
    tables = row_tables(config, rows, circuit="mac")
    assert list(tables) == [16, 8]
    for bits, table in tables.items():
        model = PowerModel(("mac",), (table.block_power(),))
        mine = rows.query(
            f"bits == {bits} and not swing and placement == 'critical' "
            "and rails == 'banded' and rows == 24"
        ).sort_values("clock")
        for opp, watts in zip(table.island().table, mine["finevh_w"], strict=True):
            power = model.power_w(
                [opp.voltage_v], [opp.frequency_hz], utilisation=1.0, temps_degc=config.temp_degc
            )
            assert power[0] == pytest.approx(watts, rel=1e-9)


def test_the_report_holds_table_picture_and_islands(
    config: FineVhConfig, rows: pd.DataFrame, tmp_path: Path
) -> None:
    page = write(config, rows, tmp_path)
    assert "Row-level rails" in page.read_text()
    assert (tmp_path / "finevh_study.png").stat().st_size > 10_000
    assert len(pd.read_csv(tmp_path / "finevh_table.csv")) == len(tabulate(rows)) == 32
    assert len(pd.read_csv(tmp_path / "finevh_islands.csv")) == 4


def test_the_shipped_configs_are_valid() -> None:
    long = read_config("physics/finevh_study", FineVhConfig, SHIPPED / "finevh_full.yaml")
    assert {5, 20, 60} <= set(long.rows)
    short = read_config("physics/finevh_study", FineVhConfig)
    assert short.headline == long.headline


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"circuits": ("vax",)}, "circuits has"),
        ({"placements": ("random",)}, "placements is"),
        ({"rails": ("three",)}, "rails is"),
        ({"exact_rows": 30}, "exact_rows is 30"),
        ({"slowest": 1.5}, "slowest is 1.5"),
        ({"low_steps_v": ()}, "low_steps_v is empty"),
        ({"bands": 0}, "bands is 0"),
        ({"rows": (7,)}, "headline is"),
    ],
)
def test_an_impossible_study_is_refused(
    config: FineVhConfig, change: dict[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        replace(config, **change)


def test_a_cell_file_without_a_cell_is_refused_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "cells.yaml"
    file.write_text("cells: {}\n")
    with pytest.raises(ConfigError, match=r"cells\.yaml"):
        load_technology(file, temp_degc=60.0, area_overhead=0.0)


def test_a_wrong_config_is_one_line_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("circuits: [mac]\n")
    assert main(["--config", str(file)]) == 2
    assert capsys.readouterr().err.startswith("finevh_study: ")
