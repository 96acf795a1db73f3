from pathlib import Path

import numpy as np
import pytest

from experiments.outcome import waiting
from experiments.study import prepare, simulate

COLUMNS = [
    "time_s",
    "point",
    "plan",
    "bits",
    "level",
    "cores",
    "frequency_hz",
    "duty",
    "sensor_degc",
    "hottest_degc",
    "power_w",
    "arrived",
    "served",
    "dropped",
    "backlog",
    "latency_s",
    "earned",
]


def test_one_call_gives_a_table_with_units_in_its_columns() -> None:
    frame = simulate("odroid-xu4", "look-ahead", "digits", "bursts", 3, minutes=0.5).frame()
    assert list(frame.columns) == COLUMNS
    assert len(frame) == 300
    assert frame["time_s"].iloc[-1] == pytest.approx(30.0)
    assert frame["arrived"].sum() == (
        frame["served"].sum() + frame["dropped"].sum() + frame["backlog"].iloc[-1]
    )


def test_the_table_earns_what_the_summary_says() -> None:
    run = simulate("rpi4b", "budget", "digits", "steady", 1, minutes=0.5)
    frame = run.frame()
    assert frame["earned"].sum() / frame["arrived"].sum() == pytest.approx(run.summary.score.reward)


def test_a_network_without_images_is_scored_by_its_measured_accuracies() -> None:
    run = simulate("rpi4b", "static-fastest", "resnet8_cifar10", "camera", minutes=0.2)
    leaf = run.summary.accuracy["leaf"]
    measured = {m.accuracy["leaf"] for m in prepare(artifact="resnet8_cifar10").artifact.measured}
    assert min(measured) <= leaf <= max(measured)
    assert run.summary.images_per_frame == 1


def test_latency_counts_every_frame_once() -> None:
    run = simulate("odroid-xu4", "static-safe", minutes=1.0)
    delays = np.repeat(
        [batch.delay_s for period in run.truth for batch in period.served],
        [batch.count for period in run.truth for batch in period.served],
    )
    got = waiting(run.truth)
    assert got.mean_s == pytest.approx(delays.mean())
    assert got.p99_s == pytest.approx(np.quantile(delays, 0.99, method="inverted_cdf"))
    assert got.longest_s == delays.max()
    assert got.backlog == max(period.backlog for period in run.truth)
    assert waiting([]).p99_s == 0.0


def test_mismatch_draws_another_board_for_each_seed(tmp_path: Path) -> None:
    path = tmp_path / "drawn.yaml"
    path.write_text(
        "length_s: 6\ndemand: {kind: constant, load: 1}\nambient: {kind: steady, degc: 30}\n"
        "mismatch: true\nstart: hot\n",
        encoding="utf-8",
    )
    first, again, other = (simulate(scenario=path, seed=seed).frame() for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first["power_w"].equals(other["power_w"])
    study = prepare(scenario=path, seed=1)
    peak = float(study.plant.junctions(study.start_degc).max())
    assert peak == pytest.approx(study.plant.cap_degc - 1.0, abs=1e-6)
