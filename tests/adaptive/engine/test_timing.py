"""Times of plans and layers, and the commands that print them; no time is asserted."""

import json
from pathlib import Path

import pytest
from commands import parsed

from adaptive.artifact import load_artifact
from adaptive.commands import bench, profile
from adaptive.cost_table import Objective, load_costs
from adaptive.engine.library import is_built
from adaptive.engine.native import NativeEngine
from adaptive.engine.timing import measure_latency, measure_layers
from adaptive.errors import ConfigError
from adaptive.precision import Bits, Effort, Onward, PrecisionPlan, all_plans

pytestmark = pytest.mark.skipif(not is_built(), reason="native engine not built: ./run build")
DIGITS = load_artifact("digits")


def test_each_layer_is_timed_at_each_precision() -> None:
    rows = measure_layers(NativeEngine(DIGITS), repeats=3)
    assert {(row.layer, row.bits) for row in rows} == {
        (layer, bits) for layer in DIGITS.layers for bits in DIGITS.bits
    }
    work = {layer.name: layer.macs for layer in DIGITS.work}
    assert all(row.macs == work[row.layer] and row.cycles >= 0.0 for row in rows)


def test_percentiles_of_latency_rise() -> None:
    efforts = [Effort(plan) for plan, _ in zip(all_plans(DIGITS.layers), range(3), strict=False)]
    rows = measure_latency(NativeEngine(DIGITS), efforts, repeats=5)
    assert [row.effort for row in rows] == efforts
    for row in rows:
        assert 0.0 < row.median_s <= row.p90_s <= row.p99_s <= row.worst_s


def test_the_measured_table_is_one_that_a_search_loads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "costs.yaml"
    assert profile.run(parsed(profile, "--repeats", "3", "-o", str(out))) == 0
    assert "MAC/cycle" in capsys.readouterr().out
    costs = load_costs(str(out), DIGITS)
    effort = Effort(next(all_plans(DIGITS.layers)))
    assert costs.of(effort, Objective.CYCLES) > 0.0
    assert costs.of(effort, Objective.LATENCY) > 0.0
    assert profile.run(parsed(profile, "--repeats", "1", "--json")) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 2 * len(DIGITS.layers)


def test_every_width_and_head_is_in_the_measured_table(tmp_path: Path) -> None:
    network = load_artifact("digits_early")
    out = tmp_path / "costs.yaml"
    arguments = ("--artifact", "digits_early", "--repeats", "1", "-o", str(out))
    assert profile.run(parsed(profile, *arguments)) == 0
    costs = load_costs(str(out), network)
    plan = PrecisionPlan.uniform(network.layers, Bits.INT8)
    whole = costs.of(Effort(plan), Objective.LATENCY)
    for width in network.widths:
        early = costs.of(Effort(plan, width, "early"), Objective.LATENCY)
        onward = Effort(plan, width, "early", Onward(Effort(plan), 0.5, 0.0))
        assert 0.0 < early == costs.of(onward, Objective.LATENCY)
    both = Effort(plan, 0.5, onward=Onward(Effort(plan), 0.5, 1.0))
    alone = costs.of(Effort(plan, 0.5), Objective.LATENCY)
    assert costs.of(both, Objective.LATENCY) == pytest.approx(alone + whole)


def test_bench_prints_a_row_for_each_plan(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.run(parsed(bench, "--repeats", "3", "--plan", "all-8")) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("all-8 ")
    assert bench.run(parsed(bench, "--repeats", "3", "--json", "--mode", "fast")) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["plan"] for row in rows] == ["all-16", "all-8"]
    assert rows[0]["arena_bytes"] > rows[1]["arena_bytes"]


@pytest.mark.parametrize("command", [bench, profile])
def test_no_repeats_are_refused(command: object) -> None:
    with pytest.raises(ConfigError, match="--repeats is 0, expected at least 1"):
        command.run(parsed(command, "--repeats", "0"))  # type: ignore[attr-defined]
