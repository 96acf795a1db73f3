import copy
from functools import cache

import pytest
import torch

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import load_artifact
from adaptive.precision import Bits
from models.calibrate import calibrate_ranges
from models.data import load_digits
from models.doctor import HURTS_NATS, Cause, Finding, choose_mends, diagnose
from models.export import load_network
from models.mends import Mends, mended
from models.network import SwitchableNetwork

DATA = load_digits("calibration")


@cache
def healthy(arithmetic: Arithmetic) -> SwitchableNetwork:
    """The digits network without a complaint, or next to none."""
    network = load_network(load_artifact("digits")).in_arithmetic(arithmetic)
    calibrate_ranges(network, DATA.images)
    if arithmetic is Arithmetic.AFFINE:
        return network
    return mended(network, DATA.images, Mends(rounded=True))


def patient(arithmetic: Arithmetic) -> SwitchableNetwork:
    return copy.deepcopy(healthy(arithmetic))


def worst(network: SwitchableNetwork) -> Finding:
    return max(diagnose(network, DATA), key=lambda finding: finding.loss_nats)


def test_a_healthy_network_has_no_complaint() -> None:
    for finding in diagnose(healthy(Arithmetic.AFFINE), DATA):
        assert finding.cause is None
        assert finding.loss_nats <= HURTS_NATS
        assert finding.sqnr_db > 20
        assert not finding.left_nats


@pytest.mark.parametrize("arithmetic", list(Arithmetic))
@pytest.mark.parametrize("name", ["pointwise1", "conv2"])
def test_a_shifted_bias_is_found_and_named(arithmetic: Arithmetic, name: str) -> None:
    network = patient(arithmetic)
    layer = network.switchable[name]
    with torch.no_grad():
        layer.bias_of(Bits.INT8).sub_(12 * 256 * layer.output_scale)
    found = worst(network)
    assert (found.layer, found.cause) == (name, Cause.BIAS)
    assert found.left_nats[Cause.BIAS] < 0.2 * found.loss_nats
    assert found.left_nats[Cause.RANGE] > 0.5 * found.loss_nats


@pytest.mark.parametrize("arithmetic", list(Arithmetic))
@pytest.mark.parametrize("name", ["pointwise1", "conv2"])
def test_a_clipped_range_is_found_and_named(arithmetic: Arithmetic, name: str) -> None:
    network = patient(arithmetic)
    layer = network.switchable[name]
    layer.output_scale.mul_(2.0**-3)
    found = worst(network)
    assert (found.layer, found.cause) == (name, Cause.RANGE)
    assert found.clipped > 0.01
    assert found.left_nats[Cause.RANGE] < 0.2 * found.loss_nats


def test_a_range_far_too_wide_is_found_and_named() -> None:
    network = patient(Arithmetic.AFFINE)
    network.switchable["conv2"].output_scale.mul_(2.0**5)
    found = worst(network)
    assert (found.layer, found.cause) == ("conv2", Cause.RANGE)
    assert found.clipped == 0.0


@pytest.mark.parametrize("name", ["pointwise1", "conv2"])
def test_a_channel_with_huge_weights_is_found_and_named(name: str) -> None:
    network = patient(Arithmetic.RADIX)
    layer = network.switchable[name]
    layer.by_channel = False
    with torch.no_grad():
        # Negative on inputs that never are, before a ReLU: the channel itself says nothing.
        layer.weight[0] = -100 * layer.weight.abs().max()
        layer.bias[:, 0] = 0.0
    found = worst(network)
    assert (found.layer, found.cause) == (name, Cause.RANGE)
    assert found.weak_channels > 0.5


def test_truncated_digits_complain_of_what_truncation_does() -> None:
    network = load_network(load_artifact("digits")).in_arithmetic(Arithmetic.RADIX)
    calibrate_ranges(network, DATA.images)
    complaints = [finding for finding in diagnose(network, DATA) if finding.cause]
    assert complaints
    for finding in complaints:
        assert finding.cause is Cause.BIAS
        assert finding.left_nats[Cause.ROUNDING] < 0.2 * finding.loss_nats
    shares = []
    diagnose(network, DATA, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_mends_are_chosen_where_they_pay_and_only_there() -> None:
    assert choose_mends(healthy(Arithmetic.RADIX), DATA) in (None, Mends(), Mends(moved=True))
    network = load_network(load_artifact("digits")).in_arithmetic(Arithmetic.RADIX)
    calibrate_ranges(network, DATA.images)
    chosen = choose_mends(network, DATA)
    assert chosen is not None
    before = sum(finding.loss_nats for finding in diagnose(network, DATA))
    after = sum(f.loss_nats for f in diagnose(mended(network, DATA.images, chosen), DATA))
    assert after < 0.2 * before
