import pytest

from experiments.surroundings import (
    NO_SUN,
    STILL_FAN,
    AmbientDay,
    AmbientRamp,
    Fan,
    SteadyAmbient,
    Sun,
)


def test_a_steady_ambient_is_the_same_throughout() -> None:
    assert {SteadyAmbient(31.0).profile(100.0)(t) for t in (0.0, 50.0, 99.0)} == {31.0}


def test_a_ramp_of_no_length_is_a_step() -> None:
    profile = AmbientRamp(25.0, 45.0).profile(100.0)
    assert [profile(t) for t in (0.0, 49.9, 50.0, 99.0)] == [25.0, 25.0, 45.0, 45.0]


def test_a_ramp_goes_straight() -> None:
    profile = AmbientRamp(20.0, 40.0, begin=0.2, rise=0.5).profile(100.0)
    assert [profile(t) for t in (10.0, 20.0, 45.0, 70.0, 90.0)] == [20.0, 20.0, 30.0, 40.0, 40.0]


def test_a_day_is_coolest_at_its_ends() -> None:
    profile = AmbientDay(15.0, 35.0).profile(1000.0)
    assert profile(0.0) == pytest.approx(15.0)
    assert profile(500.0) == pytest.approx(35.0)
    assert profile(1000.0) == pytest.approx(15.0)
    short = AmbientDay(15.0, 35.0, day_s=200.0).profile(1000.0)
    assert short(300.0) == pytest.approx(35.0)


def test_a_fan_turns_in_steps() -> None:
    profile = Fan((0.0, 0.25, 0.75), (1.0, 1.5, 0.8)).profile(400.0)
    assert [profile(t) for t in (0.0, 99.0, 100.0, 299.0, 301.0)] == [1.0, 1.0, 1.5, 1.5, 0.8]
    assert STILL_FAN.profile(10.0)(5.0) == 1.0


def test_the_sun_shines_between_its_times() -> None:
    profile = Sun({"sink": 2.0}, 0.1, 0.6).profile(100.0)
    assert [dict(profile(t)) for t in (5.0, 10.0, 59.0, 60.0)] == [
        {},
        {"sink": 2.0},
        {"sink": 2.0},
        {},
    ]
    assert dict(NO_SUN.profile(10.0)(5.0)) == {}


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: SteadyAmbient(-300.0), "degc"),
        (lambda: AmbientRamp(25.0, float("nan")), "to_degc"),
        (lambda: AmbientRamp(25.0, 30.0, begin=2.0), "begin"),
        (lambda: AmbientDay(30.0, 20.0), "coolest_degc"),
        (lambda: AmbientDay(20.0, 30.0, day_s=0.0), "day_s"),
        (lambda: Fan((0.1,), (1.0,)), "starts"),
        (lambda: Fan((0.0, 0.5), (1.0,)), "factors"),
        (lambda: Fan((0.0,), (0.0,)), "factors"),
        (lambda: Sun({"sink": -1.0}), "heat_w"),
        (lambda: Sun({}, 0.7, 0.3), "begin"),
    ],
)
def test_surroundings_outside_reason_cannot_exist(make: object, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        make()  # type: ignore[operator]
