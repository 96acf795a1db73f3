import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_discrete_are

from thermal.discretise import discretise
from thermal.disturbance import DisturbanceObserver, Estimate
from thermal.network import network_from_resistances

NETWORK = network_from_resistances(
    {"core": 0.2, "gpu": 0.3, "sink": 7.0},
    {("core", "sink"): 15.0, ("gpu", "sink"): 6.0},
    to_ambient_k_per_w={"sink": 14.0},
)
MODEL = discretise(NETWORK, 0.5)
AMBIENT = NETWORK.to_ambient[:, np.newaxis]  # sized in kelvins
GPU = np.array([[0.0], [1.0], [0.0]])  # sized in watts


def observer(
    patterns: np.ndarray, zones: tuple[int, ...] = (0, 1), *, drift: float = 0.02
) -> DisturbanceObserver:
    return DisturbanceObserver(
        MODEL,
        zones,
        patterns,
        process_k=0.02,
        drift=np.full(patterns.shape[1], drift),
        noise_k=1.0 / np.sqrt(12.0),
    )


def follow(
    watcher: DisturbanceObserver,
    *,
    extra_w: np.ndarray,
    ambient_k: float,
    steps: int = 2400,
    resolution_k: float = 1.0,
) -> tuple[Estimate, np.ndarray]:
    """Run a board with heat the observer is not told of; return its belief and the truth."""
    rng = np.random.default_rng(3)
    truth = np.full(3, 30.0)
    belief = Estimate(truth.copy(), np.zeros(watcher.patterns.shape[1]))
    for step in range(steps):
        power = np.array([rng.choice([0.2, 2.0]), 0.1, 0.05])
        late = step > 200
        truth = MODEL.step(truth, power + late * extra_w, 30.0 + late * ambient_k)
        reading = np.round(truth[list(watcher.zones)] / resolution_k) * resolution_k
        belief = watcher.correct(watcher.predict(belief, power, 30.0), reading)
    return belief, truth


def test_the_gain_solves_the_augmented_riccati_equation() -> None:
    watcher = observer(GPU)
    A = np.block([[MODEL.A, MODEL.B @ GPU], [np.zeros((1, 3)), np.eye(1)]])
    H = np.hstack((np.eye(3)[[0, 1]], np.zeros((2, 1))))
    Q, R = np.diag([4e-4] * 4), np.eye(2) / 12
    P = solve_discrete_are(A.T, H.T, Q, R)
    expected = P @ H.T @ np.linalg.inv(H @ P @ H.T + R)
    np.testing.assert_allclose(watcher.gain, expected, rtol=1e-6, atol=1e-9)


def test_an_ambient_step_is_found_through_whole_degree_sensors() -> None:
    belief, truth = follow(observer(AMBIENT), extra_w=np.zeros(3), ambient_k=12.0)
    assert belief.size[0] == pytest.approx(12.0, abs=0.6)
    np.testing.assert_allclose(belief.temps_degc, truth, atol=0.5)


def test_a_busy_gpu_is_found_in_watts() -> None:
    belief, truth = follow(observer(GPU), extra_w=np.array([0.0, 1.5, 0.0]), ambient_k=0.0)
    assert belief.size[0] == pytest.approx(1.5, abs=0.1)
    np.testing.assert_allclose(belief.temps_degc, truth, atol=0.5)


def test_a_fan_shows_as_heat_taken_from_the_sink() -> None:
    sink = np.array([[0.0], [0.0], [1.0]])
    watcher = observer(sink, drift=0.002)  # a watt at the sink is worth 14 K: let it drift slowly
    belief, _ = follow(watcher, extra_w=np.array([0.0, 0.0, -0.8]), ambient_k=0.0)
    assert belief.size[0] == pytest.approx(-0.8, abs=0.06)


def test_two_disturbances_are_told_apart_by_two_zones() -> None:
    watcher = observer(np.hstack((AMBIENT, GPU)))
    belief, _ = follow(watcher, extra_w=np.array([0.0, 1.0, 0.0]), ambient_k=8.0, steps=6000)
    assert belief.size == pytest.approx([8.0, 1.0], abs=0.8)


@settings(max_examples=15)
@given(ambient_k=st.floats(-20.0, 20.0), gpu_w=st.floats(0.0, 3.0))
def test_exact_readings_leave_no_bias(ambient_k: float, gpu_w: float) -> None:
    watcher = observer(np.hstack((AMBIENT, GPU)))
    belief, truth = follow(
        watcher,
        extra_w=np.array([0.0, gpu_w, 0.0]),
        ambient_k=ambient_k,
        steps=6000,
        resolution_k=1e-9,
    )
    assert belief.size == pytest.approx([ambient_k, gpu_w], abs=0.02)
    np.testing.assert_allclose(belief.temps_degc, truth, atol=0.01)


def test_disturbances_that_look_alike_are_refused() -> None:
    sink = np.array([[0.0], [0.0], [1.0]])
    with pytest.raises(ValueError, match="cannot tell the 2 disturbances apart"):
        observer(np.hstack((AMBIENT, sink)))


def test_more_disturbances_than_zones_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot tell the 2 disturbances apart"):
        observer(np.hstack((AMBIENT, GPU)), zones=(0,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patterns": np.zeros((2, 1))}, "patterns has shape"),
        ({"patterns": np.full((3, 1), np.nan)}, "patterns"),
        ({"zones": (7,)}, "zones is"),
        ({"process_k": 0.0}, "process_k"),
        ({"noise_k": np.inf}, "noise_k"),
        ({"drift": np.array([-1.0])}, "drift"),
    ],
)
def test_an_observer_outside_reason_cannot_exist(change: dict[str, object], message: str) -> None:
    good: dict[str, object] = {
        "model": MODEL,
        "zones": (0, 1),
        "patterns": GPU,
        "process_k": 0.02,
        "drift": np.array([0.02]),
        "noise_k": 0.3,
    }
    with pytest.raises(ValueError, match=message):
        DisturbanceObserver(**{**good, **change})  # type: ignore[arg-type]
