import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from thermal.discretise import discretise
from thermal.identify.belief import Belief
from thermal.identify.drift import Drift, identify_drift
from thermal.identify.excitation import judge_excitation
from thermal.identify.fit import identify_foster
from thermal.identify.foster import FosterModel, scan
from thermal.identify.held_out import hold_out_blocks, hold_out_last, hold_out_rolling
from thermal.identify.identify import identify_heat
from thermal.identify.ladder import foster_to_ladder
from thermal.identify.trace import HeatTrace, make_trace, smallest_step_k
from thermal.network import network_from_resistances


def model(**changes: object) -> FosterModel:
    given_ = {
        "tau_s": np.array([4.0, 90.0]),
        "share": np.array([0.4, 0.6]),
        "gain": np.array([8.0]),
        "ambient_degc": 25.0,
        "leak_k": 0.0,
        "leak_per_k": 0.02,
        "leak_degc": 60.0,
        "start_k": np.zeros(2),
    }
    return FosterModel(**(given_ | changes))  # type: ignore[arg-type]


def trace(count: int = 600, seed: int = 0, *, low: float = 0.2, high: float = 5.0) -> HeatTrace:
    """Irregular times, power in steps, temperatures still empty but for placeholders."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.5, 2.0, count))
    power = np.repeat(rng.uniform(low, high, count // 30 + 1), 30)[:count]
    return make_trace(
        times, np.full(count, 25.0), power[:, np.newaxis], names=("power",), resolution_k=0.5
    )


def recorded(source: HeatTrace, truth: FosterModel, seed: int = 1) -> HeatTrace:
    rng = np.random.default_rng(seed)
    temps = truth.respond(source) + rng.normal(0.0, 0.2, len(source.time_s))
    rounded = np.round(temps / 0.5) * 0.5
    return make_trace(source.time_s, rounded, source.inputs, names=source.names, resolution_k=0.5)


def test_a_step_of_power_gives_the_sum_of_exponentials_at_any_times() -> None:
    times = np.array([0.0, 0.3, 5.0, 5.1, 60.0, 400.0])
    power = np.array([0.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    step = make_trace(times, np.full(6, 25.0), power[:, np.newaxis], names=("p",), resolution_k=1.0)
    closed = 25.0 + 16.0 * (0.4 * (1 - np.exp(-times / 4.0)) + 0.6 * (1 - np.exp(-times / 90.0)))
    np.testing.assert_allclose(model().respond(step), closed, rtol=0, atol=1e-12)


def test_steady_inputs_keep_the_temperature_where_it_settles() -> None:
    still = make_trace(
        np.arange(5.0), np.full(5, 25.0), np.full((5, 1), 3.0), names=("p",), resolution_k=1.0
    )
    np.testing.assert_allclose(model().respond(still), model().steady_degc(np.array([3.0])))


@given(
    st.integers(1, 40).flatmap(
        lambda n: st.tuples(
            st.lists(st.floats(0.0, 1.0), min_size=n, max_size=n),
            st.lists(st.floats(-5.0, 5.0), min_size=n, max_size=n),
        )
    )
)
@settings(deadline=None, max_examples=60)
def test_the_scan_is_the_recursion(values: tuple[list[float], list[float]]) -> None:
    decay, drive = (np.array(v) for v in values)
    x, expected = 0.0, []
    for a, b in zip(decay, drive, strict=True):
        x = a * x + b
        expected.append(x)
    np.testing.assert_allclose(scan(decay, drive), expected, atol=1e-12)


def test_leakage_follows_the_differential_equation() -> None:
    leaky = model(
        leak_k=6.0, leak_per_k=0.03, tau_s=np.array([20.0]), share=np.ones(1), start_k=np.zeros(1)
    )
    times = np.arange(0.0, 200.0, 0.25)
    power = np.where(times < 100.0, 4.0, 1.0)
    first = 60.0
    source = make_trace(
        times, np.full(len(times), first), power[:, np.newaxis], names=("p",), resolution_k=1.0
    )
    start = 25.0 + 8.0 * power[0] + 6.0

    def slope(t: float, T: np.ndarray) -> np.ndarray:
        drive = 8.0 * power[min(int(np.ceil(t / 0.25 - 1e-9)), len(power) - 1)]
        return (25.0 + drive + 6.0 * np.exp(0.03 * (T - 60.0)) - T) / 20.0

    exact = solve_ivp(slope, (0.0, times[-1]), [start], t_eval=times, rtol=1e-8, max_step=0.25)
    np.testing.assert_allclose(leaky.respond(source), exact.y[0], atol=2e-3)


def test_the_sensitivity_is_the_derivative() -> None:
    source = trace(200)
    base = model(leak_k=4.0, start_k=np.array([1.0, -2.0]))

    def changed(index: int, by: float) -> np.ndarray:
        logs = np.log(base.share)
        tau, gain = base.tau_s.copy(), base.gain.copy()
        ambient, start = base.ambient_degc, base.start_k.copy()
        leak, growth = base.leak_k, base.leak_per_k
        if index < 2:
            tau[index] *= np.exp(by)
        elif index < 4:
            logs[index - 2] += by
        elif index == 4:
            gain *= np.exp(by)
        elif index == 5:
            ambient += by
        elif index < 8:
            start[index - 6] += by
        elif index == 8:
            leak *= np.exp(by)
        else:
            growth *= np.exp(by)
        share = np.exp(logs) / np.exp(logs).sum()
        return model(
            tau_s=tau, share=share, gain=gain, ambient_degc=ambient, start_k=start,
            leak_k=leak, leak_per_k=growth,
        ).respond(source)  # fmt: skip

    _, slope = base.sensitivity(source)
    assert slope.shape == (10, 200)
    for index in range(10):
        numeric = (changed(index, 1e-5) - changed(index, -1e-5)) / 2e-5
        np.testing.assert_allclose(slope[index], numeric, atol=1e-3)


def test_a_metered_coarse_sensor_gives_the_parameters_back() -> None:
    read = recorded(trace(), model())
    fit = identify_foster(read, order=2)
    np.testing.assert_allclose(fit.model.tau_s, [4.0, 90.0], rtol=0.12)
    np.testing.assert_allclose(fit.model.gain, [8.0], rtol=0.03)
    np.testing.assert_allclose(fit.model.respond(read), model().respond(read), atol=0.15)
    assert judge_excitation(fit, read).reasons == ()


def test_the_covariance_covers_the_error() -> None:
    scores = []
    for seed in range(6):
        read = recorded(trace(seed=seed), model(), seed=seed + 50)
        fit = identify_foster(read, order=2, starts=1)
        spread = np.sqrt(np.diagonal(fit.covariance))
        scores.append(np.log(fit.model.gain[0] / 8.0) / spread[fit.names.index("gain of power")])
    assert np.sqrt(np.mean(np.square(scores))) < 2.0


def test_rows_without_a_reading_change_nothing_but_the_information() -> None:
    read = recorded(trace(), model())
    hidden = read.hiding(np.arange(100, 200))
    fit = identify_foster(hidden, order=2, starts=1)
    truth = model().respond(read)[100:200]
    forecast = fit.forecast_degc(hidden, known=100)[:100]
    assert np.sqrt(np.mean((forecast - truth) ** 2)) < 0.15


def test_a_forecast_uses_no_reading_at_or_after_its_start() -> None:
    read = recorded(trace(), model())
    fit = identify_foster(read, order=2, starts=1)
    spoilt = make_trace(
        read.time_s,
        np.where(np.arange(600) < 300, read.temps_degc, 99.0),
        read.inputs,
        names=read.names,
        resolution_k=0.5,
    )
    np.testing.assert_array_equal(
        fit.forecast_degc(read, known=300), fit.forecast_degc(spoilt, known=300)
    )


@pytest.mark.parametrize(
    ("low", "high", "count", "hot", "reason"),
    [
        (3.0, 3.0, 600, None, "constant load"),
        (0.2, 5.0, 60, None, "too short"),
        (3.0, 3.02, 600, None, "inputs moved"),
        (0.2, 1.0, 600, 60.0, "hot readings"),
    ],
)
def test_the_verdict_names_what_a_trace_lacks(
    low: float, high: float, count: int, hot: float | None, reason: str
) -> None:
    read = recorded(trace(count, low=low, high=high), model())
    fit = identify_foster(read, order=2, starts=1)
    reasons = judge_excitation(fit, read, hot_degc=hot).reasons
    assert any(reason in text for text in reasons)


def test_held_out_blocks_never_reach_the_fit() -> None:
    read = recorded(trace(160), model())
    seen: list[HeatTrace] = []

    def fit(part: HeatTrace):  # type: ignore[no-untyped-def]
        seen.append(part)
        return identify_foster(part, order=1, starts=1)

    score = hold_out_blocks(read, fit, blocks=4)
    np.testing.assert_array_equal(score.rows, np.arange(160))
    for index, part in enumerate(seen):
        hidden = np.arange(160)[40 * index : 40 * (index + 1)]
        assert not part.read[hidden].any()
        assert part.read.sum() == 120
    # Hold-last: the reading before each block; before the first, the one after it.
    np.testing.assert_array_equal(score.held_degc[:40], read.temps_degc[40])
    np.testing.assert_array_equal(score.held_degc[40:80], read.temps_degc[39])


def test_the_last_share_and_rolling_forecasts_see_only_the_past() -> None:
    read = recorded(trace(160), model())
    lengths: list[int] = []

    def fit(part: HeatTrace):  # type: ignore[no-untyped-def]
        lengths.append(len(part.time_s))
        return identify_foster(part, order=1, starts=1)

    last = hold_out_last(read, fit, share=0.25)
    assert lengths == [120]
    np.testing.assert_array_equal(last.rows, np.arange(120, 160))
    rolling = hold_out_rolling(read, fit, horizon_s=10.0, blocks=4)
    assert lengths[1:] == [40, 80, 120]
    assert rolling.rows.min() == 40
    assert rolling.rms_k < rolling.hold_rms_k + 1.0


def test_the_whole_identification_picks_enough_time_constants_and_reports_held_out_error() -> None:
    found = identify_heat(recorded(trace(400), model()), orders=(1, 2), blocks=4)
    assert len(found.fit.model.tau_s) == 2
    assert found.held_out.rms_k < 0.35  # rounding alone makes 0.25 with the sensor's noise
    assert found.held_out.rms_k < found.held_out.hold_rms_k
    assert set(found.rms_by_order) == {1, 2}


def test_a_ladder_has_the_impedance_of_its_foster_form() -> None:
    R, tau = np.array([2.0, 3.0, 4.0]), np.array([1.0, 20.0, 300.0])
    capacity, resistance = foster_to_ladder(R, tau)
    assert (capacity > 0).all()
    assert (resistance > 0).all()
    assert resistance.sum() == pytest.approx(9.0)
    network = network_from_resistances(
        {"a": capacity[0], "b": capacity[1], "c": capacity[2]},
        {("a", "b"): resistance[0], ("b", "c"): resistance[1]},
        to_ambient_k_per_w={"c": resistance[2]},
    )
    step, temps = discretise(network, 0.5), np.full(3, 20.0)
    for k in range(1, 200):
        temps = step.step(temps, np.array([1.5, 0.0, 0.0]), 20.0)
        closed = 20.0 + 1.5 * (R * (1 - np.exp(-0.5 * k / tau))).sum()
        assert temps[0] == pytest.approx(closed, abs=1e-9)


def test_a_ladder_of_two_like_time_constants_is_refused() -> None:
    with pytest.raises(ValueError, match="too alike"):
        foster_to_ladder(np.array([1.0, 1.0]), np.array([5.0, 5.0]))
    with pytest.raises(ValueError, match="above 0"):
        foster_to_ladder(np.array([1.0, -1.0]), np.array([5.0, 6.0]))


def test_drift_carries_a_lasting_offset_and_forgets_it() -> None:
    times = np.arange(0.0, 100.0, 5.0)
    drift = Drift(tau_s=50.0, share=0.99)
    carried = drift.carried_k(times, np.full(20, 3.0), at_s=np.array([95.0, 145.0]))
    assert carried[0] == pytest.approx(3.0, rel=0.05)
    assert carried[1] == pytest.approx(carried[0] * np.exp(-1.0))
    assert drift.carried_k(np.zeros(0), np.zeros(0), at_s=times).tolist() == [0.0] * 20


def test_white_residuals_have_no_drift_and_slow_ones_do() -> None:
    rng, times = np.random.default_rng(0), np.arange(400.0)
    assert identify_drift(times, rng.normal(size=400)).share <= 0.25
    slow = 3.0 * np.sin(times / 40.0) + 0.3 * rng.normal(size=400)
    found = identify_drift(times, slow)
    assert found.share >= 0.7
    assert found.tau_s > 10.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time_s": np.array([0.0, 1.0, 1.0, 2.0])}, "strictly rise"),
        ({"temps_degc": np.array([1.0, 2.0, np.nan, np.nan])}, "three finite"),
        ({"temps_degc": np.array([1.0, 2.0, 3.0, np.inf])}, "three finite"),
        ({"inputs": -np.ones((4, 1))}, "below 0"),
        ({"inputs": np.ones((3, 1))}, "shape"),
        ({"inputs": np.full((4, 1), np.nan)}, "not finite"),
        ({"names": ()}, "inputs has shape"),
        ({"names": (), "inputs": np.zeros((4, 0))}, "names is empty"),
        ({"resolution_k": 0.0}, "resolution_k"),
    ],
)
def test_a_trace_that_is_none_is_refused(change: dict[str, object], message: str) -> None:
    good = {
        "time_s": np.arange(4.0),
        "temps_degc": np.full(4, 30.0),
        "inputs": np.ones((4, 1)),
        "names": ("p",),
        "leak_weight": np.ones(4),
        "resolution_k": 1.0,
    }
    with pytest.raises(ValueError, match=message):
        HeatTrace(**(good | change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change", [{"rise_k": 0.0}, {"leak_k": -1.0}, {"full_load": 0.0}, {"tau_spread": -1.0}]
)
def test_a_belief_without_a_scale_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        Belief(**change)


def test_orders_blocks_and_shares_out_of_range_are_refused() -> None:
    read = recorded(trace(60), model())

    def fit(part: HeatTrace):  # type: ignore[no-untyped-def]
        return identify_foster(part, order=1, starts=1)

    with pytest.raises(ValueError, match="order"):
        identify_foster(read, order=4)
    with pytest.raises(ValueError, match="orders"):
        identify_heat(read, orders=())
    with pytest.raises(ValueError, match="blocks"):
        hold_out_blocks(read, fit, blocks=40)
    with pytest.raises(ValueError, match="share"):
        hold_out_last(read, fit, share=0.99)


def test_the_step_of_a_sensor_is_the_least_difference_seen() -> None:
    assert smallest_step_k(np.array([30.0, 30.5, 32.0, np.nan])) == 0.5
    assert smallest_step_k(np.array([30.0, 30.0])) == 1.0
