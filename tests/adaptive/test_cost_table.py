import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from adaptive.artifact import load_artifact
from adaptive.cli import main
from adaptive.config import load_board
from adaptive.cost import plan_cycles
from adaptive.cost_table import Objective, board_costs, find_opp, load_costs
from adaptive.errors import ConfigError
from adaptive.precision import Bits, Effort, PrecisionPlan, random_plans

DIGITS = load_artifact("digits")
WIDE = Effort(PrecisionPlan.uniform(DIGITS.layers, Bits.INT16))


def test_the_accelerator_charges_multiplies_and_bytes() -> None:
    table = load_costs("accelerator", DIGITS)
    work = DIGITS.work[3]  # conv2: 147456 MAC; 9216 weights, 512 inputs, 512 outputs
    cost = table.layers[1.0][work.name][Bits.INT8]
    assert cost.cycles == max(147456 / 128, 10240 / 64)
    assert cost.energy_j == pytest.approx(147456 * 0.23e-12 + 10240 * 12.5e-12)
    assert cost.latency_s == pytest.approx(cost.cycles / 4e8)


def test_a_board_costs_what_the_operating_points_say() -> None:
    plant = load_board("rpi4b")
    cluster, opp = find_opp(plant, cluster=None, frequency_hz=None)
    table = board_costs(DIGITS, plant, cluster, opp)
    for plan in random_plans(DIGITS.layers, 5, seed=0):
        cycles = plan_cycles(DIGITS.work, plan, cluster)
        assert table.of(Effort(plan), Objective.CYCLES) == pytest.approx(cycles)
        latency_s = table.of(Effort(plan), Objective.LATENCY)
        assert latency_s == pytest.approx(cycles / (cluster.cores * opp.frequency_hz))
        assert table.of(Effort(plan), Objective.ENERGY) > 0.0


def test_a_slower_clock_costs_time() -> None:
    plant = load_board("rpi4b")
    slow = board_costs(DIGITS, plant, *find_opp(plant, cluster="a72", frequency_hz=6e8))
    fast = board_costs(DIGITS, plant, *find_opp(plant, cluster="a72", frequency_hz=1.8e9))
    ratio = slow.of(WIDE, Objective.LATENCY) / fast.of(WIDE, Objective.LATENCY)
    assert ratio == pytest.approx(3.0)


def listed(**changes: object) -> dict[str, object]:
    cost = {"cycles": 10.0, "latency_s": 0.5, "energy_j": 2.0}
    layers = {layer: {16: cost, 8: {"latency_s": 0.25}} for layer in DIGITS.layers}
    content = {"schema": 1, "kind": "layers", "name": "bench", "source": "by hand"}
    return content | {"layers": layers} | changes


def saved(tmp_path: Path, content: object) -> str:
    path = tmp_path / "costs.yaml"
    # Without aliases, which the strict reader refuses.
    yaml.Dumper.ignore_aliases = lambda *_: True
    path.write_text(yaml.dump(content, Dumper=yaml.Dumper))
    return str(path)


def test_a_measured_table_is_summed_over_layers(tmp_path: Path) -> None:
    table = load_costs(saved(tmp_path, listed()), DIGITS)
    assert table.of(WIDE, Objective.ENERGY) == 2.0 * len(DIGITS.layers)
    narrow = Effort(PrecisionPlan.uniform(DIGITS.layers, Bits.INT8))
    assert table.of(narrow, Objective.LATENCY) == 0.25 * len(DIGITS.layers)
    with pytest.raises(ConfigError, match=r"layers\.stem\.8\.energy_j is missing"):
        table.of(narrow, Objective.ENERGY)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": {}}, r"layers\.stem\.16 is missing"),
        ({"layers": {"elsewhere": {}}}, r"layers\.elsewhere is unknown"),
        ({"layers": {"stem": {16: {"energy_j": -1.0}}}}, "energy_j|>= 0"),
        ({"widths": {0.5: {}}}, r"widths\.0\.5 is unknown, expected one of none"),
        ({"schema": 2}, "schema|invalid"),
        ({"kind": "guess"}, "kind|Invalid"),
    ],
)
def test_tables_that_do_not_fit_are_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_costs(saved(tmp_path, listed(**changes)), DIGITS)
    assert "costs.yaml" in str(caught.value)


def test_missing_files_cores_and_clocks_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        load_costs("nowhere.yaml", DIGITS)
    plant = load_board("rpi4b")
    with pytest.raises(ConfigError, match="--cores is 'm4', expected one of a72"):
        find_opp(plant, cluster="m4", frequency_hz=None)
    with pytest.raises(ConfigError, match="--mhz is 5, expected one of 600"):
        find_opp(plant, cluster=None, frequency_hz=5e6)


def test_points_take_measured_cycles_on_their_cluster_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact = load_artifact("digits")
    layers = {name: {16: {"cycles": 3e6}, 8: {"cycles": 1e6}} for name in artifact.layers}
    document = {"schema": 1, "kind": "layers", "name": "here", "source": "measured: by hand"}
    path = tmp_path / "costs.yaml"
    path.write_text(yaml.safe_dump({**document, "layers": layers}))
    command = ["points", "--json", "--all", "--images-per-frame", "2"]

    def rows(*more: str) -> dict[str, dict[str, Any]]:
        assert main([*command, *more]) == 0
        lines = capsys.readouterr().out.splitlines()
        return {row["name"]: row for row in map(json.loads, lines)}

    plain, measured = rows(), rows("--cost", str(path))
    plant = load_board("odroid-xu4")
    first, *others = plant.clusters
    for name, row in measured.items():
        if row["cores"] == first.name and row["plan"] in ("all-8", "all-16"):
            each = 1e6 if row["plan"] == "all-8" else 3e6
            cycles = 2 * each * len(artifact.layers)
            assert row["latency_s"] == pytest.approx(cycles / first.cores / row["frequency_hz"])
        elif name in plain and row["cores"] != first.name:
            assert row["latency_s"] == plain[name]["latency_s"]
    assert {row["cores"] for row in measured.values()} == {first.name, *(o.name for o in others)}
    assert main(["points", "--cost", str(path)]) == 0
    assert "as in cost table here (measured: by hand)" in capsys.readouterr().out
    assert main(["points", "--cost", str(path), "--cores", "none"]) == 2
    assert "--cores is 'none'" in capsys.readouterr().err
