from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adaptive.errors import ConfigError
from experiments.physics.identification import judge_dull, metrics, run_study, run_trial, write
from experiments.physics.synthetic_board import Load, SyntheticConfig, draw_trace
from experiments.study_config import read_config, reference_path


@pytest.fixture
def config() -> SyntheticConfig:
    return read_config("physics/identification", SyntheticConfig)


def test_a_drawn_trace_is_coarse_irregular_and_close_to_its_truth(config: SyntheticConfig) -> None:
    drawn = draw_trace(config, 1, length_s=300.0)
    read = drawn.metered.read
    steps = drawn.metered.temps_degc[read] / config.resolution_k
    np.testing.assert_allclose(steps, np.round(steps))
    gaps = np.diff(drawn.metered.time_s[read])
    assert gaps.min() == pytest.approx(config.sample_s[0])
    assert gaps.max() == pytest.approx(config.sample_s[1])
    error = drawn.metered.temps_degc[read] - drawn.truth_degc[read]
    assert np.abs(error).max() < 0.25 + 5.0 * config.noise_k
    again = draw_trace(config, 1, length_s=300.0)
    np.testing.assert_array_equal(drawn.truth_degc, again.truth_degc)


def test_a_constant_load_is_constant(config: SyntheticConfig) -> None:
    drawn = draw_trace(config, 0, load=Load(constant=True), length_s=100.0)
    assert np.ptp(drawn.unmetered.inputs[1:]) == 0.0


def test_held_out_errors_meet_the_bounds_with_and_without_a_meter(config: SyntheticConfig) -> None:
    assert run_trial(config, 1, "metered").rms_k <= 0.05
    assert run_trial(config, 1, "unmetered").rms_k <= 0.5


def test_every_dull_trace_is_refused_and_says_why(config: SyntheticConfig) -> None:
    found = judge_dull(replace(config, length_s=1200.0), 2)
    assert len(found) == 4
    assert all(found.values())


def test_the_study_counts_worst_median_and_verdicts(
    tmp_path: Path, config: SyntheticConfig
) -> None:
    small = replace(config, seeds=(4,))
    rows = {m.metric: m.value for m in metrics(small)}
    assert rows["metered_rms_k"] == rows["metered_rms_k_median"] <= 0.05
    assert rows["excitation_verdicts_right"] == 1.0
    assert write(*run_study(small), tmp_path).exists()


def test_a_config_of_another_shape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("seeds: hello\n")
    with pytest.raises(ConfigError, match=r"wrong\.yaml"):
        read_config("physics/identification", SyntheticConfig, path)
    assert reference_path(str(path)) == path
