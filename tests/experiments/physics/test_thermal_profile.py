import dataclasses

import pytest

from adaptive.config import load_board
from adaptive.graph import LayerWork
from adaptive.precision import Bits
from experiments.physics.thermal_profile import (
    ProfileConfig,
    arithmetic_share,
    draw,
    metrics,
    network_work,
    profile_table,
)
from experiments.study_config import read_config

CONFIG = dataclasses.replace(
    read_config("physics/thermal_profile", ProfileConfig), networks=("digits", "resnet8")
)
A15 = load_board("odroid-xu4").cluster("a15")


def test_the_share_is_multiplying_cycles_over_all_cycles() -> None:
    work = [LayerWork("conv", macs=8000, weights=1000, inputs=500, outputs=500)]
    cycles = 8000 / 8 + 2000 / 4 + A15.layer_overhead_cycles
    assert arithmetic_share(work, Bits.INT8, A15) == pytest.approx(1000 / cycles)


def test_a_network_that_moves_more_bytes_runs_cooler_and_lasts_longer() -> None:
    table = profile_table(CONFIG).sort_values("arithmetic_share")
    for column in ("activity", "power_w", "settled_degc"):
        assert table[column].is_monotonic_increasing
    assert table["t_safe_s"].is_monotonic_decreasing


def test_counts_of_the_reference_network_are_the_published_ones() -> None:
    assert sum(layer.macs for layer in network_work("resnet8")) == 12_501_632


def test_equal_capacitances_leave_no_spread() -> None:
    share = dataclasses.replace(CONFIG.memory_share, value=1.0)
    values = metrics(dataclasses.replace(CONFIG, memory_share=share))
    assert [metric.value for metric in values] == pytest.approx([0.0, 0.0], abs=1e-9)


def test_a_share_outside_reason_cannot_exist() -> None:
    with pytest.raises(ValueError, match=r"value is 1\.5"):
        dataclasses.replace(CONFIG.memory_share, value=1.5)


def test_the_picture_has_a_line_each_and_the_cap() -> None:
    (axis,) = draw(CONFIG, profile_table(CONFIG)).axes
    assert len(axis.lines) == 2 * len(CONFIG.networks) + 1
