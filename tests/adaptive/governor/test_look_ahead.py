import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plants import OPPS, make_point, make_points, two_node_plant

from adaptive.governor.look_ahead import LookAhead, undominated
from adaptive.governor.protocol import Governor
from adaptive.governor.static import Static, best_safe
from adaptive.loop import Sample, run
from adaptive.platform import Observation
from adaptive.precision import Bits
from adaptive.simulation import SimulatedPlatform, Truth


def seen(
    temp: float, *, demand_hz: float = 100.0, backlog: int = 0, time_s: float = 0.0
) -> Observation:
    temps = {"cpu-thermal": temp}
    return Observation(
        time_s, temps, {"cpu-thermal": 0.0}, None, demand_hz, 0, 0, backlog, {}, None
    )


def governor(*, ambient: float = 25.0, cap: float = 80.0, **kwargs: float) -> LookAhead:
    return LookAhead(
        make_points(),
        two_node_plant(),
        ambient_degc=ambient,
        cap_degc=cap,
        period_s=0.1,
        **kwargs,
    )


def drive(
    *,
    ambient: float,
    cap: float,
    demand_hz: float,
    resolution_k: float,
    seconds: float,
    policy: Governor | None = None,
) -> tuple[list[Sample], list[Truth]]:
    plant = two_node_plant(cap_degc=cap, resolution_k=resolution_k)
    board = SimulatedPlatform(
        plant,
        ambient_degc=ambient,
        cap_degc=cap,
        demand_hz=lambda t: demand_hz * (2.0 if t % 20 < 6 else 0.6),
    )
    policy = policy or LookAhead(
        make_points(), plant, ambient_degc=ambient, cap_degc=cap, period_s=0.1
    )
    rows: list[Sample] = []
    run(
        board,
        policy,
        period_s=0.1,
        stop=lambda: len(rows) >= 10 * seconds,
        record=rows.append,
    )
    return rows, board.truth


def right_frames(truth: list[Truth]) -> float:
    return sum(b.count * b.point.accuracy for period in truth for b in period.served)


def test_a_cool_board_gives_the_most_accurate_answer_that_keeps_up() -> None:
    point = governor().decide(seen(26.0, demand_hz=50.0))
    assert point.effort.plan.bits[0] is Bits.INT16
    assert point.frames_hz >= 50.0


def test_among_equals_the_cooler_point_wins() -> None:
    point = governor().decide(seen(26.0, demand_hz=20.0))
    slowest = min(
        (p for p in make_points() if p.accuracy == 0.92 and p.frames_hz >= 20.0),
        key=lambda p: p.power_w,
    )
    assert point.name == slowest.name


def test_a_backlog_counts_as_demand() -> None:
    calm = governor().decide(seen(26.0, demand_hz=50.0))
    behind = governor().decide(seen(26.0, demand_hz=50.0, backlog=60))
    assert behind.frames_hz > calm.frames_hz


def test_a_board_at_its_cap_gets_the_coolest_prediction() -> None:
    assert governor(cap=60.0).decide(seen(61.0)).duty == 0.0


@settings(max_examples=12)
@given(
    ambient=st.floats(0.0, 55.0),
    headroom=st.floats(15.0, 50.0),
    demand_hz=st.floats(5.0, 400.0),
    resolution_k=st.sampled_from([0.1, 0.5, 1.0]),
)
def test_the_true_junction_never_passes_the_cap(
    ambient: float, headroom: float, demand_hz: float, resolution_k: float
) -> None:
    cap = ambient + headroom
    _, truth = drive(
        ambient=ambient, cap=cap, demand_hz=demand_hz, resolution_k=resolution_k, seconds=120
    )
    assert max(period.hottest_degc for period in truth) <= cap
    assert sum(period.over_cap_s for period in truth) == 0.0


def test_it_rides_close_to_the_cap_under_more_demand_than_it_can_serve() -> None:
    _, truth = drive(ambient=35.0, cap=75.0, demand_hz=1000.0, resolution_k=0.5, seconds=200)
    assert max(period.hottest_degc for period in truth[-500:]) > 70.0


def test_precision_that_cannot_last_is_not_bought_with_headroom() -> None:
    # 100 frames a second at 16 bits need 2 GHz: fine for a while from cold, never for long.
    wanted = {"demand_hz": 100.0}
    assert governor(cap=60.0).decide(seen(26.0, **wanted)).effort.plan.bits[0] is Bits.INT8
    patient = governor(cap=60.0, sustain_s=3.0).decide(seen(26.0, **wanted))
    assert patient.effort.plan.bits[0] is Bits.INT16


def test_it_answers_more_than_the_best_single_safe_point() -> None:
    plant = two_node_plant(cap_degc=75.0, resolution_k=0.5)
    safe = best_safe(make_points(), plant, ambient_degc=35.0, cap_degc=75.0, demand_hz=90.0)
    _, truth = drive(ambient=35.0, cap=75.0, demand_hz=90.0, resolution_k=0.5, seconds=200)
    _, fixed = drive(
        ambient=35.0, cap=75.0, demand_hz=90.0, resolution_k=0.5, seconds=200, policy=Static(safe)
    )
    assert right_frames(truth) > 1.05 * right_frames(fixed)


def test_it_starts_afresh_after_a_gap_in_time() -> None:
    policy = governor(cap=80.0)
    policy.decide(seen(79.0))
    policy.decide(seen(78.0, time_s=0.1))
    after = policy.decide(seen(26.0, time_s=600.0, demand_hz=50.0))
    assert after.frames_hz >= 50.0


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"horizon_s": 0.01}, "horizon_s"),
        ({"sustain_s": 1.0}, "sustain_s"),
        ({"margin_k": -1.0}, "margin_k"),
    ],
)
def test_a_horizon_or_margin_outside_reason_cannot_exist(
    kwargs: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        governor(**kwargs)


def test_dominated_points_are_left_out_and_one_of_equals_stays() -> None:
    good = make_point(OPPS.opps[1], accuracy=0.9)
    worse = make_point(OPPS.opps[1], accuracy=0.8)
    assert undominated((worse, good, good)) == (good,)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(1, 3)), min_size=1))
def test_every_point_left_out_is_beaten_by_one_that_stays(rows: list[tuple[int, int, int]]) -> None:
    points = [
        make_point(OPPS.opps[opp], duty=duty / 3, accuracy=accuracy / 3)
        for opp, duty, accuracy in rows
    ]
    kept = undominated(points)
    assert kept
    for point in points:
        assert any(
            k.power_w <= point.power_w
            and k.frames_hz >= point.frames_hz
            and k.accuracy >= point.accuracy
            for k in kept
        )
