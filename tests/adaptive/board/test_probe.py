import json
from pathlib import Path

import pytest

from adaptive.board.device_tree import read_opps
from adaptive.board.inventory import take_inventory
from adaptive.board.policies import parse_cpus
from adaptive.board.zones import find_zones, zone_name
from adaptive.cli import main
from adaptive.commands import probe
from adaptive.config import load_board, read_board
from experiments.stand_in import FakeBoard, write

PI = {0: "0xd08", 1: "0xd08", 2: "0xd08", 3: "0xd08"}


def run(*arguments: str) -> int:
    import argparse

    parser = argparse.ArgumentParser()
    probe.add_arguments(parser)
    return probe.run(parser.parse_args(arguments))


def test_everything_there_is_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = FakeBoard(tmp_path, meter_w=3.0, fan=True, flags="0x50000", parts=PI)
    assert run("--root", str(board.root), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["zones"]) == ["cpu-thermal"]
    assert found["zones"]["cpu-thermal"]["trips"][-1] == {"kind": "critical", "temp_degc": 110.0}
    assert found["policies"]["policy0"]["cores"] == "cortex-a72"
    assert found["policies"]["policy0"]["frequencies_hz"] == [5e8, 1e9, 1.5e9, 2e9]
    assert found["meters"] == {"ina231.power1": "power"}
    assert [device["fan"] for device in found["cooling"]] == [False, True]
    assert found["firmware_flags"].endswith("get_throttled")


def test_the_board_file_loads_and_keeps_measured_and_assumed_apart(tmp_path: Path) -> None:
    board = FakeBoard(tmp_path / "board", parts=PI)
    out = tmp_path / "mine.yaml"
    assert run("--root", str(board.root), "--out", str(out)) == 0
    plant = load_board(out)
    assert plant.critical_degc == 110.0
    assert plant.cap_degc == 85.0
    assert [zone.name for zone in plant.zones] == ["cpu-thermal"]
    blocks = read_board(out).sourced()
    assert {block.confidence for _, block in blocks} == {"A", "D"}
    for _, block in blocks:
        assert block.source.startswith("measured" if block.confidence == "A" else "assumed")


def test_voltages_come_from_the_device_tree(tmp_path: Path) -> None:
    board = FakeBoard(tmp_path / "board", parts=PI)
    node = board.root / "sys/devices/system/cpu/cpu0/of_node"
    table = board.root / "sys/firmware/devicetree/base/opp-table-0"
    node.mkdir(parents=True)
    (node / "operating-points-v2").write_bytes((7).to_bytes(4, "big"))
    table.mkdir(parents=True)
    (table / "phandle").write_bytes((7).to_bytes(4, "big"))
    for khz, microvolts in ((500_000, 800_000), (2_000_000, 1_200_000)):
        entry = table / f"opp-{khz}000"
        entry.mkdir()
        (entry / "opp-hz").write_bytes((khz * 1000).to_bytes(8, "big"))
        (entry / "opp-microvolt").write_bytes(microvolts.to_bytes(4, "big") * 3)
    assert list(read_opps(board.roots, 0).items()) == [(5e8, 0.8), (2e9, 1.2)], "slowest first"
    assert take_inventory(board.roots).voltages_v == {"policy0": {5e8: 0.8, 2e9: 1.2}}


def test_a_machine_with_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--root", str(tmp_path)) == 1
    assert "no thermal zone" in capsys.readouterr().out


def test_no_board_file_is_written_about_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "none.yaml"
    board = tmp_path / "board"
    board.mkdir()
    assert main(["probe", "--root", str(board), "--out", str(out)]) == 2
    assert "no board file without a thermal zone" in capsys.readouterr().err
    assert not out.exists()


def test_two_clusters_of_one_kind_get_names_apart(tmp_path: Path) -> None:
    board = FakeBoard(tmp_path / "board", policies={"policy0": (0, 1), "policy2": (2, 3)}, parts=PI)
    out = tmp_path / "mine.yaml"
    assert run("--root", str(board.root), "--out", str(out)) == 0
    assert [cluster.name for cluster in load_board(out).clusters] == ["a72-0", "a72-2"]


def test_a_hwmon_that_repeats_a_zone_is_not_read_twice(tmp_path: Path) -> None:
    board = FakeBoard(tmp_path)
    folder = tmp_path / "sys/class/hwmon/hwmon0"
    write(folder / "name", "cpu_thermal")
    write(folder / "temp1_input", 45_000)
    assert [zone.name for zone in find_zones(board.roots)] == ["cpu-thermal"]


def test_names_and_lists_are_read_as_kernels_write_them() -> None:
    assert zone_name("CPU_Thermal ") == "cpu-thermal"
    assert parse_cpus("0-3,6") == (0, 1, 2, 3, 6)
    assert parse_cpus("4 5") == (4, 5)
    assert parse_cpus("") == ()
