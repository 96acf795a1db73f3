from types import SimpleNamespace

import numpy as np
import pytest
from bounds import WORTH, hull_rate_hz, one_node_plant, one_node_points

from experiments.oracle import lp as oracle_lp
from experiments.oracle.heat import heat_steps, inflow_w
from experiments.oracle.lp import Board, OracleError, Plan, solve
from experiments.oracle.plant import list_activities
from experiments.oracle.steps import cut
from experiments.surroundings import SteadyAmbient
from experiments.workloads import Constant, Workload

PLANT = one_node_plant()
POINTS = one_node_points()
RUN = Workload("run", 100.0, Constant(300.0), SteadyAmbient(30.0))
STEPS = cut(RUN, PLANT)
ACTIVITIES = list_activities(POINTS, PLANT, worth=WORTH.of_frame, deadline_s=0.5)


def solved(*, start_degc: float = 80.0, cap_degc: float = 80.0, through: bool = False) -> Plan:
    k = len(STEPS.lengths_s)
    board = Board(
        heat=heat_steps(PLANT, STEPS, np.zeros((k, 1))),
        power_w=np.tile(ACTIVITIES.dynamic_w, (k, 1, 1)),
        inflow_w=STEPS.mean(inflow_w(PLANT, STEPS)),
        start_degc=np.array([start_degc]),
        junctions=np.array([0]),
        caps_degc=np.full((k, 1), cap_degc),
        through=through,
    )
    return solve(STEPS, ACTIVITIES, board, deadline_s=0.5)


def frames(plan: Plan) -> float:
    return float(plan.shares @ ACTIVITIES.frames_hz @ STEPS.lengths_s)


@pytest.mark.parametrize("through", [False, True])
def test_at_the_cap_the_plan_is_the_hull(through: bool) -> None:
    plan = solved(through=through)
    assert frames(plan) / 100.0 == pytest.approx(hull_rate_hz(2.5), rel=0.01)
    assert plan.shares.sum(axis=1) == pytest.approx(np.ones(len(STEPS.lengths_s)))
    assert plan.ends_degc[-1, 0] <= 80.0 + 1e-6


def test_ends_are_held_below_the_cap_or_else_means_and_the_last_end() -> None:
    ends, means = solved(start_degc=30.0), solved(start_degc=30.0, through=True)
    assert ends.ends_degc.max() <= 80.0 + 1e-6
    assert means.ends_degc[-1, 0] <= 80.0 + 1e-6
    assert means.ends_degc.max() > 80.0 + 1e-3
    assert not ends.through_price.any()
    assert means.through_price.any()


def test_the_price_of_heat_is_what_a_kelvin_more_buys() -> None:
    plan = solved()
    more = frames(solved(cap_degc=80.01)) - frames(plan)
    assert plan.heat_price.sum() * 0.01 == pytest.approx(0.9 * more, rel=1e-3)


def test_frames_have_a_price_only_where_they_are_scarce() -> None:
    assert solved().frame_price.max() < 1e-9  # more come than are answered
    few = Workload("run", 100.0, Constant(10.0), SteadyAmbient(30.0))
    steps = cut(few, PLANT)
    k = len(steps.lengths_s)
    board = Board(
        heat=heat_steps(PLANT, steps, np.zeros((k, 1))),
        power_w=np.tile(ACTIVITIES.dynamic_w, (k, 1, 1)),
        inflow_w=steps.mean(inflow_w(PLANT, steps)),
        start_degc=np.array([30.0]),
        junctions=np.array([0]),
        caps_degc=np.full((k, 1), 80.0),
    )
    plan = solve(steps, ACTIVITIES, board, deadline_s=0.5)
    assert plan.frame_price == pytest.approx(np.full(k, 0.9))
    assert not plan.heat_price.any()


def test_a_board_that_cannot_stay_below_the_cap_has_no_plan() -> None:
    with pytest.raises(OracleError, match=r"highs-ipm: .*highs-ds: "):
        solved(cap_degc=20.0)


def test_the_second_solver_steps_in_where_the_first_gives_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = frames(solved())
    real = oracle_lp.linprog
    asked = []

    def first_gives_up(*args: object, method: str, **kwargs: object) -> object:
        asked.append(method)
        if len(asked) == 1:
            return SimpleNamespace(status=4, message="numerical difficulties")
        return real(*args, method=method, **kwargs)

    monkeypatch.setattr(oracle_lp, "linprog", first_gives_up)
    assert frames(solved()) == pytest.approx(expected)
    assert asked == ["highs-ipm", "highs-ds"]
