import numpy as np
import pytest
from scipy.linalg import solve_discrete_are

from thermal.discretise import discretise
from thermal.network import network_from_resistances
from thermal.observer import Observer

NETWORK = network_from_resistances(
    {"core0": 0.2, "core1": 0.2, "sink": 7.0},
    {("core0", "sink"): 15.0, ("core1", "sink"): 20.0, ("core0", "core1"): 50.0},
    to_ambient_k_per_w={"sink": 14.0},
)
MODEL = discretise(NETWORK, 0.5)


def test_the_gain_solves_the_riccati_equation() -> None:
    observer = Observer(MODEL, (0, 1), process_k=0.05, noise_k=0.3)
    H = np.eye(3)[[0, 1]]
    P = solve_discrete_are(MODEL.A.T, H.T, 0.05**2 * np.eye(3), 0.3**2 * np.eye(2))
    expected = P @ H.T @ np.linalg.inv(H @ P @ H.T + 0.3**2 * np.eye(2))
    np.testing.assert_allclose(observer.gain, expected, rtol=1e-6)


def test_one_reading_of_one_node_weighs_model_against_sensor() -> None:
    single = network_from_resistances({"die": 1.0}, {}, to_ambient_k_per_w={"die": 2.0})
    model = discretise(single, 1.0)
    observer = Observer(model, (0,), process_k=0.1, noise_k=0.4)
    a = float(model.A[0, 0])
    # p = a^2 p r / (p + r) + q, the scalar Riccati equation
    q, r = 0.01, 0.16
    b = r - a * a * r - q
    p = (-b + np.sqrt(b * b + 4 * q * r)) / 2
    assert observer.gain[0, 0] == pytest.approx(p / (p + r), rel=1e-9)


def test_it_finds_the_node_that_no_zone_reads() -> None:
    observer = Observer(MODEL, (0,), process_k=0.02, noise_k=0.3)
    power = np.array([1.5, 0.2, 0.1])
    truth, estimate = np.array([60.0, 52.0, 45.0]), np.full(3, 30.0)
    for _ in range(400):
        truth = MODEL.step(truth, power, 30.0)
        estimate = observer.predict(estimate, power, 30.0)
        estimate = observer.correct(estimate, truth[[0]])
    np.testing.assert_allclose(estimate, truth, atol=0.05)


def test_it_beats_the_coarse_reading_it_is_fed() -> None:
    observer = Observer(MODEL, (0, 1), process_k=0.02, noise_k=1.0 / np.sqrt(12.0))
    rng = np.random.default_rng(1)
    truth, estimate = np.full(3, 30.0), np.full(3, 30.0)
    ours, raw = [], []
    for _ in range(600):
        power = np.array([rng.choice([0.1, 2.0]), 0.5, 0.1])
        truth = MODEL.step(truth, power, 30.0)
        reading = np.round(truth[:2])
        estimate = observer.correct(observer.predict(estimate, power, 30.0), reading)
        ours.append(estimate[:2] - truth[:2])
        raw.append(reading - truth[:2])
    assert np.square(ours).mean() < 0.25 * np.square(raw).mean()


def test_a_sensor_far_worse_than_the_model_is_hardly_heeded() -> None:
    trusting = Observer(MODEL, (0, 1, 2), process_k=1e-6, noise_k=10.0)
    assert 0.0 < trusting.gain.max() < 1e-4
    doubting = Observer(MODEL, (0, 1, 2), process_k=10.0, noise_k=1e-6)
    np.testing.assert_allclose(doubting.gain, np.eye(3), atol=1e-6)


def test_a_reading_that_agrees_changes_nothing() -> None:
    observer = Observer(MODEL, (2,), process_k=0.02, noise_k=0.3)
    temps = np.array([50.0, 40.0, 30.0])
    np.testing.assert_array_equal(observer.correct(temps, np.array([30.0])), temps)


@pytest.mark.parametrize(
    ("zones", "process_k", "noise_k", "message"),
    [
        ((), 0.1, 0.1, "zones is"),
        ((3,), 0.1, 0.1, r"node indices in 0\.\.2"),
        ((-1,), 0.1, 0.1, "zones is"),
        ((0,), 0.0, 0.1, "process_k is"),
        ((0,), 0.1, float("nan"), "noise_k is"),
    ],
)
def test_what_cannot_observe_is_refused(
    zones: tuple[int, ...], process_k: float, noise_k: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Observer(MODEL, zones, process_k=process_k, noise_k=noise_k)
