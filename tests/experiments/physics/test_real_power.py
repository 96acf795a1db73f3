from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adaptive.errors import ConfigError
from dvfs.power import Leakage, leakage_power
from experiments.physics.real_power import (
    RealPowerConfig,
    held_out_errors,
    load_rails,
    mape,
    tabulate,
    write,
)
from experiments.reference import reference_folder
from experiments.study_config import read_config

EVENTS = (
    "CycleCount",
    "Event 0x1b",
    "Event 0x50",
    "Event 0x6a",
    "Event 0x73",
    "Event 0x14",
    "Event 0x19",
)


@pytest.fixture
def config() -> RealPowerConfig:
    return read_config("physics/real_power", RealPowerConfig)


def table(workloads: int = 12, seed: int = 0) -> pd.DataFrame:
    """A made rail whose power obeys the models; columns as the real table's."""
    rng = np.random.default_rng(seed)
    rows = []
    line = {200: 0.91, 600: 0.912, 1000: 0.95, 1400: 1.04, 1800: 1.18}
    leakage = Leakage(I_0=0.15, T_0=60.0, k_T=0.02, V_0=1.0, k_V=3.0)
    for index in range(workloads):
        mix = rng.uniform(0.1, 1.0, len(EVENTS))
        for mhz, volts in line.items():
            f, used, temp = mhz * 1e6, rng.uniform(0.4, 1.0), rng.uniform(45.0, 80.0)
            rates = mix * used * f
            rates[0] = used * f
            rates[1] += rates[4]  # 0x73 is part of 0x1b
            switched = 6e-10 * rates[0] + 5e-10 * (rates[1] - rates[4]) + 1.5e-10 * f
            power = switched * volts**2 + float(leakage_power(volts, temp, leakage=leakage))
            rows.append(
                {
                    "Workload Name": f"w{index:02d}",
                    "Core Mask": "4,5",
                    "Frequency A15": mhz,
                    "Voltage A15": volts,
                    "Power A15": power,
                    "Average Temperature A15": temp,
                    "A15 Average Utilisation": 100.0 * used,
                }
                | {f"Average A15 {e}": r for e, r in zip(EVENTS, rates, strict=True)}
            )
    return pd.DataFrame(rows)


def written(folder: Path, rows: pd.DataFrame) -> Path:
    path = folder / "rails.tsv"
    rows.to_csv(path, sep="\t", index=False)
    return path


def test_every_row_is_predicted_by_a_fit_that_has_not_seen_its_workload(
    tmp_path: Path, config: RealPowerConfig
) -> None:
    errors = held_out_errors(load_rails(written(tmp_path, table()), config), config)
    assert len(errors) == 60
    assert errors["counters"].notna().all()
    reference = errors["frequency_hz"] == 1e9
    assert errors.loc[reference, ["constant", "scaled"]].isna().all().all()
    assert errors.loc[~reference, ["constant", "scaled"]].notna().all().all()
    assert errors.groupby("workload")["fold"].nunique().max() == 1
    found = mape(errors)
    assert found["scaled"] < 1.0
    assert found["counters"] < 1.0
    assert found["constant"] > found["scaled"]


def test_a_row_off_the_measured_line_is_refused_and_counted(
    tmp_path: Path, config: RealPowerConfig
) -> None:
    rows = table()
    rows.loc[4, "Voltage A15"] = 1.35
    # Alone in its clock and fold the row is beyond what the other folds were measured on.
    errors = held_out_errors(load_rails(written(tmp_path, rows), config), config)
    assert errors.loc[4, ["constant", "scaled", "counters"]].isna().all()
    assert tabulate(errors)["refused"].tolist() == [1, 1, 1]


def test_the_page_and_the_rows_are_written(tmp_path: Path, config: RealPowerConfig) -> None:
    errors = held_out_errors(load_rails(written(tmp_path, table()), config), config)
    page = write(errors, tmp_path / "out")
    assert "Power of real rails" in page.read_text()
    assert len(pd.read_csv(tmp_path / "out" / "real_power.csv")) == 60


def test_what_is_no_such_table_is_refused(tmp_path: Path, config: RealPowerConfig) -> None:
    with pytest.raises(ConfigError, match="Power A15"):
        load_rails(written(tmp_path, table().drop(columns="Power A15")), config)
    with pytest.raises(ConfigError, match=r"rails\.tsv"):
        load_rails(tmp_path / "rails.tsv.none" / "rails.tsv", config)
    with pytest.raises(ConfigError, match="at least 6"):
        held_out_errors(load_rails(written(tmp_path, table(workloads=3)), config), config)
    with pytest.raises(ValueError, match="busy"):
        replace(config, busy="guess")
    with pytest.raises(ValueError, match="folds"):
        replace(config, folds=1)


def test_real_rails_are_predicted_within_the_bounds(config: RealPowerConfig) -> None:
    try:
        path = reference_folder() / config.table
    except ConfigError as error:
        pytest.skip(str(error))
    found = mape(held_out_errors(load_rails(path, config), config))
    assert found["constant"] <= 6.0
    assert found["scaled"] <= 3.0
    assert found["counters"] <= 4.0
    by_utilisation = replace(config, busy="utilisation")
    scaled = mape(held_out_errors(load_rails(path, by_utilisation), by_utilisation))["scaled"]
    assert scaled <= 3.0
