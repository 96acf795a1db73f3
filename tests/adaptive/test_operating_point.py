import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plants import make_point, make_points

from adaptive.errors import ConfigError
from adaptive.operating_point import (
    OperatingPoint,
    OperatingPointTable,
    load_points,
    save_points,
)
from dvfs.opp import Opp


@pytest.fixture
def table() -> OperatingPointTable:
    return OperatingPointTable("two-node", "net", "c0ffee", make_points())


def test_frames_and_energy_follow_from_duty_latency_and_power() -> None:
    point = make_point(Opp(1e9, 0.9), duty=0.5)
    assert point.frames_hz == pytest.approx(0.5 / 0.01)
    assert point.energy_j == pytest.approx(point.power_w / 50.0)


def test_an_idle_point_answers_nothing_and_its_frames_cost_infinitely_much() -> None:
    idle = make_point(Opp(1e9, 0.9), duty=0.0)
    assert idle.frames_hz == 0.0
    assert idle.energy_j == float("inf")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("duty", 1.2),
        ("accuracy", -0.1),
        ("latency_s", 0.0),
        ("power_w", float("nan")),
        ("accuracy_interval", (0.0, 1e-9)),
        ("accuracy_interval", (0.0, 1.1)),
        ("name", ""),
    ],
)
def test_a_point_outside_physics_cannot_exist(field: str, value: object) -> None:
    good = make_point(Opp(1e9, 0.9))
    fields = {name: getattr(good, name) for name in OperatingPoint.__dataclass_fields__}
    with pytest.raises(ValueError, match=field):
        OperatingPoint(**{**fields, field: value})


def test_a_point_sets_the_island_of_its_own_cluster() -> None:
    good = make_point(Opp(1e9, 0.9))
    fields = {name: getattr(good, name) for name in OperatingPoint.__dataclass_fields__}
    with pytest.raises(ValueError, match="no OPP for the working cluster"):
        OperatingPoint(**{**fields, "islands": {}})


def test_a_table_survives_the_disk(table: OperatingPointTable, tmp_path: Path) -> None:
    save_points(table, tmp_path / "points.json")
    assert load_points(tmp_path / "points.json") == table
    assert [path.name for path in tmp_path.iterdir()] == ["points.json"]


def test_the_coolest_point_is_the_idle_one(table: OperatingPointTable) -> None:
    assert table.coolest.duty == 0.0


def test_a_table_refuses_two_points_of_one_name() -> None:
    point = make_points()[0]
    with pytest.raises(ValueError, match="not unique"):
        OperatingPointTable("b", "a", "c", (point, point))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 99}, "schema is 99, expected 1"),
        ({"points": []}, "at least one point"),
        ({"extra": 1}, "extra"),
        ({"layers": ["conv"]}, "points[0]"),
    ],
)
def test_a_wrong_file_is_named_with_its_field(
    table: OperatingPointTable, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = tmp_path / "points.json"
    save_points(table, path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ConfigError) as caught:
        load_points(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.json"):
        load_points(tmp_path / "absent.json")


def test_a_folder_that_is_not_there_leaves_nothing_half_written(
    table: OperatingPointTable, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="cannot write"):
        save_points(table, tmp_path / "absent" / "points.json")


@given(data=st.data())
def test_damaged_bytes_raise_nothing_but_a_config_error(data: st.DataObject) -> None:
    import tempfile

    table = OperatingPointTable("two-node", "net", "c0ffee", make_points()[:2])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.json"
        save_points(table, path)
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            position = data.draw(st.integers(0, len(content) - 1))
            content[position] = data.draw(st.integers(0, 255))
        path.write_bytes(bytes(content))
        try:
            load_points(path)
        except ConfigError as error:
            assert str(path) in str(error)  # noqa: PT017 - a mutation may be harmless


def test_an_interval_is_kept_with_its_point(table: OperatingPointTable, tmp_path: Path) -> None:
    first = table.points[0]
    known = replace(first, accuracy_interval=(first.accuracy / 2, 1.0))
    save_points(replace(table, points=(known, *table.points[1:])), tmp_path / "points.json")
    loaded = load_points(tmp_path / "points.json")
    assert loaded.points == (known, *table.points[1:])
    assert (tmp_path / "points.json").read_text().count("accuracy_interval") == 1
