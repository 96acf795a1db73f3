import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from adaptive.config import load_board, read_board
from adaptive.errors import ConfigError
from experiments.commands import identify

HEADER = (
    "t_s,freq_mhz_fake_real_or_clusters,loadavg,cpu_pct,temp_c,vcore_v,pmic_w,dc_v,wall_mw,phase"
)
TAU_S = 60.0


def record(folder: Path, rows: int = 160) -> Path:
    """A Raspberry Pi 5 whose zone rises 4 K per metered watt with one time constant."""
    rng = np.random.default_rng(5)
    temp, lines = 38.0, [HEADER]
    for i in range(rows):
        used = 96 if (i // 8) % 2 else 10
        power = 3.0 + 0.05 * used
        temp += (1 - np.exp(-10.0 / TAU_S)) * (26.0 + 4.0 * power - temp)
        shown = round(2.0 * (temp + rng.normal(0.0, 0.1))) / 2.0
        lines.append(f"{10 * i},2400/2400,1,{used},{shown},,{power:.2f},,,run")
    path = folder / "sbcbench_rpi5_made.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def call(*words: str) -> int:
    parser = argparse.ArgumentParser()
    identify.add_arguments(parser)
    return identify.run(parser.parse_args(words))


def test_a_metered_trace_gives_a_board_file_and_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    trace = str(record(tmp_path))
    assert call(trace, "--board", "rpi5b", "--meter", "pmic", "--out", str(out), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "excited"
    assert sum(found["resistance_k_per_w"]) == pytest.approx(4.0, rel=0.05)
    assert found["tau_s"][-1] == pytest.approx(TAU_S, rel=0.1)
    assert found["held_out_rms_k"] < 0.5 * found["hold_last_rms_k"]
    assert "Held-out" in Path(found["page"]).read_text()
    assert (out / "residuals.png").exists()
    plant, base = load_board(found["board_file"]), load_board("rpi5b")
    assert plant.name == "rpi5b-fitted"
    assert plant.power.blocks == base.power.blocks
    # 1 W into the chip settles 4 K above the ambient at the zone.
    watt = np.zeros(len(plant.network.nodes))
    watt[plant.network.index(plant.power.blocks[0])] = 1.0
    rise = np.linalg.solve(plant.network.laplacian, watt)
    assert rise[plant.network.index(plant.zones[0].node)] == pytest.approx(4.0, rel=0.05)
    source = read_board(found["board_file"]).thermal.to_ambient[0]
    assert source.confidence == "B"
    assert "held-out" in source.uncertainty


def test_without_a_meter_the_boards_power_model_stands_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert call(str(record(tmp_path)), "--board", "odroid-xu4", "--out", str(out)) == 0
    assert "held_out_rms_k" in capsys.readouterr().out
    board = out / "odroid-xu4-fitted.yaml"
    assert load_board(board).zones
    assert read_board(board).thermal.capacities[0].confidence == "D"


def test_a_short_trace_or_an_absent_meter_is_refused(tmp_path: Path) -> None:
    words = ["--board", "rpi5b", "--out", str(tmp_path / "out")]
    with pytest.raises(ConfigError, match="wall meter"):
        call(str(record(tmp_path)), "--meter", "wall", *words)
    with pytest.raises(ConfigError, match="fewer than 20"):
        call(str(record(tmp_path, rows=10)), *words)
