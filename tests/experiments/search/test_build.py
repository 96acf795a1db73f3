import json
from pathlib import Path

import numpy as np
import pytest

from adaptive.artifact import load_artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.errors import ConfigError
from adaptive.precision import Bits, Effort, PrecisionPlan
from adaptive.search.executors.serial import SerialExecutor
from experiments import search_table
from experiments.search.build import build_oracle, oracle_entries
from experiments.search.oracle_file import oracle_names
from experiments.search.requantised import requantised
from models.data import load_digits

SMALL = """
tiny:
  artifact: digits
  arithmetic: affine
  range_images: 50
  grouping: stage
  bits: [16, 8]
  images: 40
  cost: accelerator
"""


def test_every_bundled_oracle_can_be_built_again() -> None:
    assert set(oracle_names()) <= set(oracle_entries())


def test_an_oracle_holds_what_the_engine_answers(tmp_path: Path) -> None:
    (tmp_path / "oracles.yaml").write_text(SMALL)
    entry = oracle_entries(tmp_path / "oracles.yaml")["tiny"]
    oracle = build_oracle("tiny", entry, data_dir=None, executor=SerialExecutor())
    assert oracle.right.shape == (8, 40)
    artifact, data = load_artifact("digits"), load_digits("calibration")
    engine = ReferenceEngine(artifact)
    for mix in ((0, 0, 0), (1, 0, 1)):
        codes = engine.run(data.images[:40], oracle.space.effort(mix))
        right = codes.argmax(axis=1) == data.labels[:40]
        assert np.array_equal(oracle.right[oracle.row(mix)], right)


def test_bits_the_artifact_lacks_are_cut_from_the_same_weights() -> None:
    plain, data = load_artifact("digits"), load_digits("calibration")
    made = requantised(plain, plain.arithmetic, (Bits.INT16, Bits.INT4), images=data.images[:100])
    assert made.bits == (Bits.INT16, Bits.INT8, Bits.INT4)
    wide = Effort(PrecisionPlan.uniform(made.layers, Bits.INT16))
    codes = ReferenceEngine(made).run(data.images, wide)
    assert np.mean(codes.argmax(axis=1) == data.labels) > 0.97
    for layer in plain.layers:
        assert np.array_equal(made.tensors[layer].weight, plain.tensors[layer].weight)


def test_entries_that_are_wrong_are_refused(tmp_path: Path) -> None:
    (tmp_path / "oracles.yaml").write_text("tiny: {artifact: digits}")
    with pytest.raises(ConfigError, match=r"oracles\.yaml.*arithmetic"):
        oracle_entries(tmp_path / "oracles.yaml")


def test_real_searches_fill_a_table_and_go_on_where_they_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--network", "digits", "--images", "60", "--budget", "9"]
    said = []
    for _ in range(2):
        assert search_table.main([*arguments, "--work-dir", str(tmp_path), "--json"]) == 0
        said.append([json.loads(line) for line in capsys.readouterr().out.splitlines()])
    assert [row["arithmetic"] for row in said[0]] == ["radix", "affine"]
    for first, second in zip(*said, strict=True):
        assert first | {"cpu_s": 0} == second | {"cpu_s": 0}
        assert 0.0 <= first["saving_at_half"] <= 1.0
    assert search_table.main(["--images", "1"]) == 2
