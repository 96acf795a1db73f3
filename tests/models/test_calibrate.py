import numpy as np
import pytest
import torch

from adaptive.precision import Bits, PrecisionPlan
from adaptive.quantise import CODE_MAX
from models.calibrate import calibrate_ranges, fit_temperature
from models.data import load_digits
from models.zoo.digits import digits_network


def test_the_greatest_value_becomes_the_greatest_code() -> None:
    torch.manual_seed(0)
    network = digits_network(width=2)
    images = load_digits("calibration").images
    ranges = calibrate_ranges(network, images)
    network.set_plan(PrecisionPlan.uniform(network.layers, Bits.INT16))
    with torch.no_grad():
        flows = network.eval().trace(torch.from_numpy(images))
    assert CODE_MAX - 5 <= flows["stem"].values.max() <= CODE_MAX
    assert ranges["stem"] == pytest.approx(float(flows["stem"].real().max()), rel=1e-3)


def test_the_plan_is_left_as_it_was() -> None:
    network = digits_network(width=2)
    plan = PrecisionPlan.uniform(network.layers, Bits.INT8)
    network.set_plan(plan)
    calibrate_ranges(network, load_digits("calibration").images[:5])
    assert network.plan is plan


def test_a_dead_network_still_gets_ranges() -> None:
    network = digits_network(width=2)
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    ranges = calibrate_ranges(network, np.zeros((1, 8, 8, 1), np.uint8))
    assert set(ranges.values()) == {1.0}


def test_the_temperature_that_made_the_labels_is_found() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (20_000, 4))
    # Gumbel noise on the logits draws labels from their softmax at temperature 1.
    labels = np.argmax(logits + rng.gumbel(size=logits.shape), axis=1)
    assert fit_temperature(logits, labels) == pytest.approx(1.0, abs=0.03)
    assert fit_temperature(logits * 2.5, labels) == pytest.approx(2.5, abs=0.08)
