import csv
import json
import math
from pathlib import Path

import pytest
from plants import OPPS, make_point

from adaptive.errors import ConfigError
from adaptive.loop import Sample
from adaptive.platform import Observation
from adaptive.telemetry import open_telemetry, to_row


def sample(time_s: float, temp: float = 50.0) -> Sample:
    seen = Observation(time_s, {"cpu": temp}, {"cpu": 0.0}, None, 10.0, 9.0, 0.2, 1, {}, None)
    return Sample(seen, make_point(OPPS.fastest))


def test_every_physical_column_says_its_unit() -> None:
    bare = {"point", "plan", "level", "cores", "duty", "backlog"}
    units = ("_s", "_hz", "_w", "_degc")
    assert all(name in bare or name.endswith(units) for name in to_row(sample(0.0)))


def test_csv_comes_back_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    with open_telemetry(path) as record:
        record(sample(0.0))
        record(sample(0.1))
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [float(row["time_s"]) for row in rows] == [0.0, 0.1]
    assert rows[0]["zone_cpu_degc"] == "50.0"


def test_json_lines_carry_null_for_what_is_no_temperature(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with open_telemetry(path) as record:
        record(sample(0.0, math.nan))
    (row,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert row["zone_cpu_degc"] is None
    assert row["power_w"] is None


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match=r"expected \.csv or \.jsonl"),
        open_telemetry(tmp_path / "run.xml"),
    ):
        pass


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="absent"),
        open_telemetry(tmp_path / "absent" / "run.csv"),
    ):
        pass


def test_a_run_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def fail() -> None:
        with open_telemetry(tmp_path / "run.csv") as record:
            record(sample(0.0))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []
