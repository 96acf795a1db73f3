import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from adaptive.engine.library import is_built
from adaptive.engine.native import StepProfile
from adaptive.errors import ConfigError
from experiments.engine_bench import contention, peak, switching
from experiments.engine_bench.config import NetworkEntry
from experiments.engine_bench.contention import measure_contention
from experiments.engine_bench.layers import LayerRow, kind_of, profile_layers
from experiments.engine_bench.networks import BenchNetwork, prepare
from experiments.engine_bench.peak import Peak
from experiments.engine_bench.switching import measure_all
from experiments.engine_bench.tables import tables_of

pytestmark = [
    pytest.mark.skipif(not is_built(), reason="native engine not built: ./run build"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="a C compiler: apt-get install gcc"),
]


@pytest.fixture
def network(tmp_path: Path) -> BenchNetwork:
    return prepare(NetworkEntry("resnet8", "resnet8_cifar10"), tmp_path, seed=0, images=1)


def test_every_step_is_a_row_with_its_kind_and_share(network: BenchNetwork, tmp_path: Path) -> None:
    shares: list[float] = []
    rows = profile_layers([network], Peak(tmp_path), rounds=1, progress=shares.append)
    assert shares == [1.0]
    assert {row.plan for row in rows} == {"all-8", "all-16"}
    work = {layer.name: layer.macs for layer in network.artifact.work}
    found = {row.layer: row.macs for row in rows if row.plan == "all-8" and row.macs}
    assert found == work
    for row in rows:
        assert row.median_ms >= 0.0
        assert row.gmacs_s == pytest.approx(1e-6 * row.macs / row.median_ms, rel=0.1, abs=0.02)
    table = tables_of([], rows, {})["layers"]
    assert "| resnet8 | all-8 | 3x3 small |" in table


def test_a_depthwise_layer_and_a_pool_are_named() -> None:
    from networks import small_artifact

    def step(name: str, macs: int, operation: str = "") -> StepProfile:
        return StepProfile(name, operation or name, 8, 1e-6, macs, 0)

    artifact = small_artifact()
    kinds = [kind_of(step(node.name, 1), artifact) for node in artifact.graph]
    assert kinds == ["3x3 small", "maxpool2d", "depthwise", "globalavgpool", "linear"]
    assert kind_of(step("stem", 10**7), artifact) == "3x3 large"
    assert kind_of(step("stem", 0, "weave"), artifact) == "weave"
    assert kind_of(step("input", 0, "load"), artifact) == "load"


def test_switching_and_contention_are_rows(
    network: BenchNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switching, "SWITCHES", 5)
    monkeypatch.setattr(switching, "PLANS", 4)
    monkeypatch.setattr(switching, "PAIRS", 3)
    monkeypatch.setattr(contention, "SECONDS", 0.02)
    switched = measure_all([network], seed=0)
    assert [row.changes for row in switched] == ["bits", *(["bits", "widths and heads"] * 2)]
    assert all(row.first_over_second > 0.0 for row in switched)
    busy = measure_contention(network, threads=(1, 2))
    assert [row.threads for row in busy] == [1, 2]
    assert all(row.worst_ms >= row.busy_ms > 0.0 for row in busy)
    assert all(row.yardstick_ratio > 0.0 for row in busy)
    tables = tables_of([], [*switched, *busy], {})
    assert list(tables) == ["switching", "contention"]
    for row in (*switched, *busy):
        assert json.loads(json.dumps(row.to_dict()))["check"] in ("switching", "contention")


def test_the_peak_is_a_rate_or_nothing_and_is_compiled_once(tmp_path: Path) -> None:
    first = Peak(tmp_path)
    assert first.macs_hz() >= 0.0
    files = list(tmp_path.iterdir())
    Peak(tmp_path)
    assert list(tmp_path.iterdir()) == files


def test_a_missing_compiler_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="no C compiler"):
        Peak(tmp_path)


def test_what_the_compiler_said_is_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "broken.c"
    source.write_text("int peak_run(", encoding="utf-8")
    monkeypatch.setattr(peak, "SOURCE", source)
    with pytest.raises(ConfigError, match=r"broken\.c does not compile: "):
        Peak(tmp_path)


def test_shares_of_a_kind_are_weighed_by_time() -> None:
    def row(ms: float, share: float) -> LayerRow:
        return LayerRow("net", 1, "native", "all-8", "a", "3x3 large", 10**7, ms, 1.0, share)

    table = tables_of([], [row(1.0, 0.5), row(3.0, 0.9)], {})["layers"]
    assert np.isclose((0.5 + 2.7) / 4, 0.8)
    assert table.splitlines()[-1].endswith("| 80% |")
