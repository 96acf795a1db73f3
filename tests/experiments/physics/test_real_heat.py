from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adaptive.errors import ConfigError
from experiments.physics.real_heat import (
    RealHeatConfig,
    markdown,
    score_trace,
    score_traces,
    tabulate,
    write,
)
from experiments.physics.traces import load_trace
from experiments.reference import reference_folder
from experiments.study_config import read_config

HEADER = (
    "t_s,freq_mhz_fake_real_or_clusters,loadavg,cpu_pct,temp_c,vcore_v,pmic_w,dc_v,wall_mw,phase"
)


@pytest.fixture
def config() -> RealHeatConfig:
    return read_config("physics/real_heat", RealHeatConfig)


def made(folder: Path, name: str, *, late: bool) -> None:
    """A board of one time constant; worked from the start, or only in the last third."""
    rng = np.random.default_rng(3)
    temp, rows = 35.0, [HEADER]
    for i in range(60):
        busy = (i >= 42) if late else (i // 6) % 2
        used = 95 if busy else 12
        temp += (1 - np.exp(-12.0 / 60.0)) * (35.0 + 0.3 * used - temp)
        shown = round(temp + rng.normal(0.0, 0.2))
        rows.append(f"{12 * i},1800,1,{used},{shown},,,,,run")
    (folder / f"sbcbench_{name}_a.csv").write_text("\n".join(rows) + "\n")


def test_a_worked_board_is_forecast_better_than_by_holding_the_last_reading(
    tmp_path: Path, config: RealHeatConfig
) -> None:
    made(tmp_path, "worked", late=False)
    score = score_trace(load_trace(tmp_path / "sbcbench_worked_a.csv"), config)
    assert score.blocks.rms_k < 0.5 * score.blocks.hold_rms_k
    assert score.last.rms_k < score.last.hold_rms_k
    assert score.rolling.rms_k < score.rolling.hold_rms_k
    # One time constant made it, two were fitted: hot enough, but the second is anybody's guess.
    assert score.verdict == "weakly excited"
    assert any("time constants" in reason for reason in score.excitation.reasons)


def test_a_board_that_idles_until_the_last_third_is_not_excited(
    tmp_path: Path, config: RealHeatConfig
) -> None:
    made(tmp_path, "late", late=True)
    (score,) = score_traces(config, tmp_path)
    assert score.excitation.hot_share == 0.0
    assert score.verdict == "not excited"


def test_the_table_is_written_once_as_csv_markdown_and_page(
    tmp_path: Path, config: RealHeatConfig
) -> None:
    made(tmp_path, "worked", late=False)
    table = tabulate(score_traces(config, tmp_path))
    page = write(table, tmp_path / "out")
    assert page.exists()
    text = (tmp_path / "out" / "real_heat.md").read_text()
    assert text == markdown(table)
    assert text.splitlines()[2].startswith("| worked | a | 60 |")
    assert (tmp_path / "out" / "real_heat.csv").exists()


def test_short_traces_are_left_out_and_none_is_refused(
    tmp_path: Path, config: RealHeatConfig
) -> None:
    made(tmp_path, "worked", late=False)
    with pytest.raises(ConfigError, match="61 readings"):
        score_traces(replace(config, fewest_readings=61), tmp_path)
    with pytest.raises(ValueError, match="blocks"):
        replace(config, blocks=1)
    with pytest.raises(ValueError, match="last_share"):
        replace(config, last_share=0.9)


@pytest.mark.parametrize("run", ["rpi5_frdzAn", "rk3588_41BH", "h616_4CPF", "rpi4_3FlD"])
def test_free_runs_beat_hold_last_on_recorded_boards(run: str, config: RealHeatConfig) -> None:
    try:
        folder = reference_folder() / config.traces
    except ConfigError as error:
        pytest.skip(str(error))
    score = score_trace(load_trace(folder / f"sbcbench_{run}.csv"), config)
    assert score.blocks.rms_k < score.blocks.hold_rms_k
