import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from adaptive.artifact import Artifact, load_artifact, save_artifact
from adaptive.config import load_board
from adaptive.cost import bytes_of, macs_of
from adaptive.cost_table import load_costs
from adaptive.errors import ConfigError
from adaptive.precision import Bits, Effort, Onward, PrecisionPlan
from experiments import effort_table
from experiments.commands import escalate, evaluate
from experiments.efforts import alone
from experiments.efforts.answered import Answered, answered, uniform_efforts
from experiments.efforts.escalations import choose_escalations, with_escalations, with_share
from experiments.efforts.front import front_figures
from experiments.efforts.governed import GovernedRow, tables_of
from experiments.efforts.rows import escalation_row
from models.calibrate import calibrate_ranges
from models.convert import convert
from models.data import load_digits
from models.export import export_network, measure, with_measurements
from models.nested import cut, nest

TREE = load_artifact("digits").labels
COARSE = TREE.levels[1]


class Digits(nn.Module):
    """A network of random weights for 8 x 8 digits, with a head after its first layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.conv, self.norm2 = nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16)
        self.pool, self.flatten = nn.AdaptiveAvgPool2d(1), nn.Flatten()
        self.early = nn.Linear(8, len(TREE.nodes(COARSE)))
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.norm(self.stem(x)).relu()
        early = self.early(self.flatten(self.pool(x)))
        x = self.norm2(self.conv(x)).relu()
        return {"early": early, "leaf": self.head(self.flatten(self.pool(x)))}


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    torch.manual_seed(0)
    network = convert(nest(Digits(), (0.5,)), (8, 8, 1))
    calibrate_ranges(network, load_digits("calibration").images[:20])
    return export_network(
        network, name="nested", labels=TREE, provenance={}, head_levels={"early": COARSE}
    )


@pytest.fixture
def path(artifact: Artifact, tmp_path: Path) -> str:
    save_artifact(artifact, tmp_path / "nested.npz")
    return str(tmp_path / "nested.npz")


def test_each_effort_has_a_row_for_each_level_it_tells(
    artifact: Artifact, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert effort_table.main(["--artifact", path, "--json", "--images", "40"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    plain = [row for row in rows if ">" not in row["effort"]]
    assert len(plain) == 2 * 2 * (len(TREE.levels) + len(TREE.levels) - 1)
    assert set(rows[0]) == {"artifact", "effort", "macs", "bytes", "level", "top1", "low", "high"}
    assert all(row["low"] <= row["top1"] <= row["high"] for row in rows)
    for effort in uniform_efforts(artifact):
        mine = [row for row in plain if row["effort"] == effort.code]
        assert {row["macs"] for row in mine} == {macs_of(artifact, effort)}
        assert {row["bytes"] for row in mine} == {bytes_of(artifact, effort)}
    assert effort_table.main(["--artifact", path, "--images", "40"]) == 0
    assert "all-8-w0.5-early" in capsys.readouterr().out


def test_the_table_agrees_with_evaluate(artifact: Artifact) -> None:
    few = next(iter(load_digits("test").batches(50)))
    plan = PrecisionPlan.uniform(artifact.layers, Bits.INT8)
    efforts = [Effort(plan, 0.5), Effort(plan, 0.5, "early")]
    found = answered(artifact, efforts, few)
    for row in evaluate.evaluate(artifact, efforts, few):
        effort = next(effort for effort in efforts if effort.code == row["plan"])
        assert row["accuracy"] == found[effort].right[str(row["level"])].mean()


def test_the_front_of_all_efforts_is_never_below_that_of_bits(artifact: Artifact) -> None:
    few = next(iter(load_digits("test").batches(50)))
    found = answered(artifact, uniform_efforts(artifact), few)
    artifact = replace(artifact, measured=tuple(choose_escalations(artifact, found)))
    assert artifact.measured
    figures = {
        m.metric: m.value
        for m in front_figures(artifact, found, load_costs("accelerator", artifact))
    }
    volumes = [
        figures[f"nested {name} hypervolume"]
        for name in ("bits", "efforts", "efforts and escalations")
    ]
    assert volumes == sorted(volumes)
    for name, value in figures.items():
        if "bits energy" in name:
            assert figures[name.replace("bits", "efforts")] <= value


def of(right: list[int], confidence: list[float]) -> Answered:
    return Answered({COARSE: np.array(right, bool)}, {COARSE: np.array(confidence)})


def test_an_escalation_is_chosen_on_one_set_and_reported_on_another(artifact: Artifact) -> None:
    plan = PrecisionPlan.uniform(artifact.layers, Bits.INT8)
    early, leaf = Effort(plan, head="early"), Effort(plan)
    known = {
        early: of([1, 1, 1, 0], [0.9, 0.8, 0.7, 0.4]),
        leaf: of([1, 1, 1, 1], [1.0] * 4),
    }
    (rule,) = choose_escalations(artifact, known)  # those of all losses are the same
    assert rule.effort.first == early
    assert rule.effort.onward == Onward(leaf, 0.7, 0.5)
    assert (rule.images, dict(rule.correct)) == (4, {COARSE: 4})
    fresh = {early: of([1, 0, 0, 0], [0.9, 0.8, 0.6, 0.5]), leaf: of([0, 1, 1, 0], [1.0] * 4)}
    row = escalation_row(artifact, rule, fresh)
    assert row.top1 == 0.5
    assert row.macs == macs_of(artifact, with_share(rule.effort, 0.5))
    assert bytes_of(artifact, early) < row.bytes < bytes_of(artifact, leaf) + 10


def test_the_threshold_of_one_half_is_counted_on_the_other(artifact: Artifact) -> None:
    plan = PrecisionPlan.uniform(artifact.layers, Bits.INT8)
    early, leaf = Effort(plan, head="early"), Effort(plan)
    # Even images put the threshold at 0.5, odd ones at 0.8: each half is held to the other's.
    known = {
        early: of([0, 1, 1, 0, 1, 1], [0.4, 0.9, 0.5, 0.6, 0.9, 0.8]),
        leaf: of([1, 1, 1, 1, 1, 1], [1.0] * 6),
    }
    (rule,) = choose_escalations(artifact, known)
    assert rule.effort.onward is not None
    assert rule.effort.onward.threshold == 0.8
    assert dict(rule.correct) == {COARSE: 5}  # one is wrong at 0.6, sure enough for the even


def test_escalations_come_into_the_artifact_and_its_table(
    path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    escalate.add_arguments(parser)
    out = str(tmp_path / "made.npz")
    arguments = ["--artifact", "digits_early", "-o", out, "--json"]
    assert escalate.run(parser.parse_args(arguments)) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    made = load_artifact(out)
    onward = [m for m in made.measured if m.effort.onward is not None]
    assert [row["effort"] for row in rows] == [entry.effort.code for entry in onward]
    for entry in onward:
        (level,) = entry.correct
        assert macs_of(made, entry.effort) < macs_of(made, Effort(entry.effort.plan))
        plain = made.measurement(entry.effort.first)
        assert plain is not None
        assert entry.accuracy[level] >= plain.accuracy[level] - 0.02
    parsed = parser.parse_args(["--artifact", "digits", "-o", out])
    with pytest.raises(ConfigError, match="has one width and one head"):
        escalate.run(parsed)
    assert effort_table.main(["--artifact", out, "--images", "50", "--json"]) == 0
    codes = {json.loads(line)["effort"] for line in capsys.readouterr().out.splitlines()}
    assert {">" in code for code in codes} == {True, False}
    assert path


def test_a_table_without_efforts_and_wrong_counts_are_refused(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effort_table, "artifact_names", lambda: ("digits",))
    with pytest.raises(ConfigError, match=r"none of the bundled networks \(digits\)"):
        effort_table.main([])
    with pytest.raises(ConfigError, match="--images is 0"):
        effort_table.main(["--artifact", path, "--images", "0"])


def test_widths_are_held_against_networks_of_their_own_image_by_image(
    artifact: Artifact,
    path: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(alone, "MEASURED", tmp_path / "alone.json")
    monkeypatch.setattr(alone.note_alone, "__defaults__", (tmp_path / "alone.json",))
    paths = []
    for width in artifact.widths:
        torch.manual_seed(1)
        own = convert(cut(nest(Digits(), artifact.widths[1:]), width, (8, 8, 1)), (8, 8, 1))
        calibrate_ranges(own, load_digits("calibration").images[:20])
        made = export_network(
            own,
            name=f"alone{100 * width:g}",
            labels=TREE,
            provenance={},
            head_levels={"early": COARSE},
        )
        few = next(iter(load_digits("calibration").batches(30)))
        made = with_escalations(
            with_measurements(made, measure(made, uniform_efforts(made), few)), few
        )
        paths.append(str(tmp_path / f"{made.name}.npz"))
        save_artifact(made, paths[-1])
        assert alone.width_of(artifact, made) == width
    arguments = ["--artifact", path, "--images", "50", "--alone", *paths]
    assert effort_table.main([*arguments, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["effort"] for row in rows] == ["all-16", "all-8", "all-16-w0.5", "all-8-w0.5"]
    for row in rows:
        assert row["difference"] == pytest.approx(row["nested"] - row["alone"])
        assert row["low"] <= row["difference"] <= row["high"]
    separate = alone.separate_networks(artifact, tmp_path / "alone.json")
    assert replace(artifact, measured=separate).measured == separate
    assert [(m.effort.width, m.images) for m in separate] == [(1.0, 30)] * 2 + [(0.5, 30)] * 2
    assert alone.separate_networks(replace(artifact, name="other"), tmp_path / "alone.json") == ()
    with pytest.raises(ConfigError, match="are those of no width of nested"):
        alone.width_of(artifact, load_artifact("digits"))


def test_a_governor_with_efforts_is_held_against_one_with_bits_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--artifact", "digits_early", "--governed", "--board", "odroid-xu4"]
    arguments += ["--seeds", "1"]
    assert effort_table.main([*arguments, "--minutes", "0.5", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["ambient_degc"], r["points"], r["governor"]) for r in rows] == [
        (ambient, points, governor)
        for ambient in (40.0, 55.0)
        for points in ("bits", "efforts")
        for governor in ("predictive", "tvfs")
    ]
    assert all(0.0 < row["reward"] <= 1.0 + 1e-9 for row in rows)
    assert all(row["share"] <= 1.01 for row in rows if row["time_above_cap_s"] == 0.0)
    tables = tables_of(load_board("odroid-xu4"), "digits_early", images_per_frame=64)
    assert {p.effort.width for p in tables["bits"]} == {1.0}
    assert {p.effort.onward is None for p in tables["efforts"]} == {True, False}
    assert tables["bits"].checksum == tables["efforts"].checksum


def test_a_board_that_is_too_hot_is_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    too_hot = ConfigError("board b: no operating point can be sustained")

    def refuse(*_arguments: object, **_options: object) -> list[GovernedRow]:
        raise too_hot

    monkeypatch.setattr(effort_table, "governed_rows", refuse)
    with pytest.raises(ConfigError, match="board b"):
        effort_table.main(["--artifact", "digits_early", "--governed"])
    row = GovernedRow("digits_early", "b", 40.0, "bits", "tvfs", 0, 0.5, 0.6, 0.7, None, 0.0)

    def half(
        _name: str, _board: str, *, ambient_degc: float, seed: int, **_options: object
    ) -> list[GovernedRow]:
        if ambient_degc != 40.0:
            raise too_hot
        return [replace(row, seed=seed, share=0.6 + 0.1 * seed)]

    monkeypatch.setattr(effort_table, "governed_rows", half)
    assert effort_table.main(["--artifact", "digits_early", "--governed", "--board", "b"]) == 0
    printed = capsys.readouterr()
    assert "left out: board b: no operating point" in printed.err
    assert printed.out.splitlines()[-1].split() == [
        "b", "40", "bits", "tvfs", "0.500", "0.700", "(0.600", "..", "0.800)", "0.700", "-", "0.0",
    ]  # fmt: skip
