from pathlib import Path

import pytest
from plants import make_points, two_node_plant

from adaptive.errors import ConfigError
from adaptive.governor.protocol import Governor
from adaptive.governor.static import Static
from adaptive.operating_point import OperatingPoint, OperatingPointTable
from adaptive.platform import Observation
from adaptive.safety import SafetyGuard
from experiments.scenarios import Scenario
from experiments.study import prepare, simulate
from experiments.user_governor import Spec, build_governor
from experiments.workloads import Constant

TABLE = OperatingPointTable("two-node", "none", "0", make_points())
MODULE = """
class Coolest:
    def __init__(self, points, *, cap_degc, depth=3):
        self.point = points.coolest

    def decide(self, observation):
        return self.point
"""


class Strange:
    """A policy that makes things up."""

    def decide(self, observation: Observation) -> OperatingPoint:
        return make_points()[0]


class Broken:
    def decide(self, observation: Observation) -> OperatingPoint:
        raise KeyError("zone")


def built(spec: Spec) -> Governor:
    return build_governor(
        spec, plant=two_node_plant(), points=TABLE, scenario=Scenario(25.0, 80.0, 60.0, Constant(1))
    )


def test_a_class_gets_the_arguments_it_names() -> None:
    seen = {}

    def make(points: OperatingPointTable, demand_hz: float, deadline_s: float = 9.0) -> Governor:
        seen.update(points=points, demand_hz=demand_hz, deadline_s=deadline_s)
        return Static(points.coolest)

    assert isinstance(built(make), SafetyGuard)
    assert seen == {"points": TABLE, "demand_hz": 1, "deadline_s": 0.5}


def test_a_module_of_the_current_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_policies.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    run = simulate(governor="my_policies:Coolest", minutes=0.1)
    assert run.summary.governor == "my_policies:Coolest"
    assert set(run.frame()["point"]) == {prepare(minutes=0.1).points.coolest.name}


@pytest.mark.parametrize(
    ("maker", "message"),
    [
        (lambda points, colour: Static(points.coolest), "asks for colour, expected arguments"),
        (lambda points: points.no_such_thing, "cannot be built at test_user_governor.py"),
        (lambda points: points, "has no decide(observation)"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(maker: Spec, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        built(maker)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_mistakes_while_running_end_the_run_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"Strange: decide.. returned .* expected one of the"):
        simulate(governor=Strange, minutes=0.1)
    with pytest.raises(ConfigError, match=r"Broken: decide.. failed at test_.*KeyError: 'zone'"):
        simulate(governor=Broken, minutes=0.1)
