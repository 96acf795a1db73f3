from pathlib import Path

import numpy as np
import pytest

from adaptive.errors import ConfigError
from experiments.physics.traces import activity, heat_trace, load_trace, trace_paths

HEADER = (
    "t_s,freq_mhz_fake_real_or_clusters,loadavg,cpu_pct,temp_c,vcore_v,pmic_w,dc_v,wall_mw,phase"
)


def write(folder: Path, *rows: str, name: str = "sbcbench_rk3588_x1.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def test_the_mean_since_boot_in_a_sections_first_row_is_not_used(tmp_path: Path) -> None:
    trace = load_trace(
        write(
            tmp_path,
            "0,1800/2000,0.9,40,30.0,,,,,one",
            "10,1800/2000,0.9,12,31.0,,,,,one",
            "20,1800/2000,0.9,13,31.0,,,,,one",
            "25,1800/2000,0.9,37,33.0,,,,,two",
            "35,1800/2000,0.9,90,40.0,,,,,two",
        )
    )
    assert trace.restarted.tolist() == [True, False, False, True, False]
    np.testing.assert_allclose(trace.utilisation, [0.12, 0.12, 0.13, 0.13, 0.9])


@pytest.mark.parametrize(
    ("name", "clocks", "expected"),
    [
        ("sbcbench_h616_a.csv", "1512", [[1512e6]]),
        ("sbcbench_rpi4_a.csv", "1500/1000", [[1000e6]]),
        ("sbcbench_rk3399_a.csv", "1800/1416", [[1800e6, 1416e6]]),
        ("sbcbench_rk3588_a.csv", "1800/2400/2350", [[1800e6, 2400e6, 2350e6]]),
    ],
)
def test_one_two_or_three_clocks_are_read_for_what_they_are(
    tmp_path: Path, name: str, clocks: str, expected: list[list[float]]
) -> None:
    rows = [f"{t},{clocks},0.9,12,30.0,,,,,one" for t in (0, 10)]
    trace = load_trace(write(tmp_path, *rows, name=name))
    np.testing.assert_allclose(trace.clocks_hz[:1], expected)
    assert trace.board == name.split("_")[1]
    assert trace.name == "a"


def test_a_pair_of_clocks_can_be_said_to_be_measured(tmp_path: Path) -> None:
    path = write(tmp_path, *(f"{t},900/800,1,12,30,,,,,one" for t in (0, 9)), name="mine.csv")
    assert load_trace(path, measured_pair=True).clocks_hz.shape == (2, 1)
    assert load_trace(path).clocks_hz.shape == (2, 2)
    assert load_trace(path).board == "mine"


def test_the_last_of_rows_at_one_time_counts_and_keeps_the_restart(tmp_path: Path) -> None:
    trace = load_trace(
        write(
            tmp_path,
            "0,1800,1,5,30.0,,,,,one",
            "10,1800,1,12,31.0,,,,,one",
            "20,1800,1,33,32.0,,,,,two",
            "20,1800,1,80,33.0,,,,,two",
            "30,1800,1,80,34.0,,,,,two",
        )
    )
    np.testing.assert_array_equal(trace.time_s, [0.0, 10.0, 20.0, 30.0])
    np.testing.assert_array_equal(trace.temps_degc, [30.0, 31.0, 33.0, 34.0])
    assert trace.restarted.tolist() == [True, False, True, False]


def test_a_meters_first_zero_is_no_reading(tmp_path: Path) -> None:
    trace = load_trace(
        write(
            tmp_path,
            "0,1800,1,5,30.0,0.9,,,0,one",
            "10,1800,1,12,31.0,0.9,5.5,,4200,one",
            "20,1800,1,12,31.0,0.9,5.0,,3690,one",
        )
    )
    np.testing.assert_array_equal(trace.meters_w["wall"], [np.nan, 4.2, 3.69])
    np.testing.assert_array_equal(trace.meters_w["pmic"], [np.nan, 5.5, 5.0])


def test_activity_falls_with_the_square_of_the_clock(tmp_path: Path) -> None:
    trace = load_trace(
        write(
            tmp_path,
            "0,2000/1000,1,5,30.0,,,,,one",
            "10,2000/1000,1,80,31.0,,,,,one",
            "20,1000/1000,1,80,31.0,,,,,one",
        )
    )
    np.testing.assert_allclose(activity(trace), [0.8, 0.8, 0.8 * (0.25 + 1.0) / 2.0])


def test_inputs_warm_the_interval_before_and_a_restart_splits_it(tmp_path: Path) -> None:
    trace = load_trace(
        write(
            tmp_path,
            "0,1800,1,50,30.0,,,,,one",
            "10,1800,1,20,31.0,,,,,one",
            "20,1800,1,99,35.0,,,,,two",
            "30,1800,1,90,40.0,,,,,two",
        )
    )
    heat = heat_trace(trace)
    np.testing.assert_allclose(heat.time_s, [0.0, 10.0, 18.0, 20.0, 30.0])
    np.testing.assert_array_equal(heat.temps_degc, [30.0, 31.0, np.nan, 35.0, 40.0])
    # What is worked after 18 s is what the row after the restart says.
    np.testing.assert_allclose(heat.inputs[:, 0], [0.2, 0.2, 0.2, 0.9, 0.9])
    other = heat_trace(trace, inputs=np.array([1.0, 2.0, 3.0, 4.0]), name="power")
    np.testing.assert_allclose(other.inputs[:, 0], [1.0, 2.0, 3.0, 4.0, 4.0])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["0,1800,1,5,30.0,,,,,one", "10,1800,1,x,31.0,,,,,one"], "cpu_pct is 'x' in row 3"),
        (["10,1800,1,5,30.0,,,,,one", "0,1800,1,5,31.0,,,,,one"], "t_s runs back"),
        (["0,1800,1,5,30.0,,,,,one"], "fewer than 2 rows"),
        (["0,1800/y,1,5,30,,,,,one", "9,1800/y,1,5,30,,,,,one"], "clock is 'y'"),
    ],
)
def test_a_damaged_file_is_refused_with_the_place(
    tmp_path: Path, rows: list[str], expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected):
        load_trace(write(tmp_path, *rows))


def test_a_missing_file_column_or_folder_of_traces_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_trace(tmp_path / "none.csv")
    (tmp_path / "short.csv").write_text("t_s,temp_c\n0,1\n")
    with pytest.raises(ConfigError, match="lacks the column"):
        load_trace(tmp_path / "short.csv")
    with pytest.raises(ConfigError, match=r"no sbcbench_\*\.csv"):
        trace_paths(tmp_path)
