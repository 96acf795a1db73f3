import numpy as np
import pytest
import torch
from graphs import random_images, switchable_networks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import load_artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.precision import Bits, Effort, PrecisionPlan
from models.calibrate import calibrate_ranges
from models.data import load_digits
from models.export import export_network, load_network
from models.mends import (
    FURTHEST,
    Mends,
    channel_means,
    correct_biases,
    mended,
    move_exponents,
    round_weights,
)
from models.network import SwitchableNetwork
from models.ranges import RangeMethod

AFFINE, RADIX = Arithmetic.AFFINE, Arithmetic.RADIX
TWO = (Bits.INT16, Bits.INT8)
DIGITS = load_artifact("digits")
IMAGES = load_digits("calibration").images
HELD_OUT = torch.from_numpy(load_digits("test").images)


def digits(arithmetic: Arithmetic) -> SwitchableNetwork:
    network = load_network(DIGITS).in_arithmetic(arithmetic)
    calibrate_ranges(network, IMAGES)
    return network


def error(network: SwitchableNetwork, bits: Bits, plain: torch.Tensor) -> float:
    """Mean squared error of the logits on held-out images, over their variance."""
    network.eval().set_plan(PrecisionPlan.uniform(network.layers, bits))
    with torch.no_grad():
        return float((network.head_real(HELD_OUT) - plain).square().mean() / plain.var())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.sampled_from(list(Arithmetic)))
def test_moving_exponents_leaves_plain_float_as_it_was(
    data: st.DataObject, arithmetic: Arithmetic
) -> None:
    network = data.draw(switchable_networks(TWO, arithmetic))
    images = torch.from_numpy(random_images(4))
    network.set_plan(None)
    with torch.no_grad():
        before = network.head_real(images)
        move_exponents(network, random_images(8, seed=1))
        after = network.head_real(images)
    scale = float(before.abs().max()) or 1.0
    torch.testing.assert_close(after, before, rtol=0.0, atol=1e-5 * scale)


def test_a_weak_channel_grows_by_a_power_of_two_where_its_reader_allows_it() -> None:
    network = digits(RADIX)
    stem, reader = network.switchable["stem"], network.switchable["depthwise1"]
    with torch.no_grad():
        stem.weight[1].mul_(2.0**-5)
        stem.bias[:, 1].mul_(2.0**-5)
        reader.weight[1].mul_(2.0**5)

    def strengths() -> np.ndarray:
        return np.array([float(x.weight[1].detach().abs().max()) for x in (stem, reader)])

    before = strengths()
    move_exponents(network, IMAGES)
    exponent, read_by = np.log2(strengths() / before)
    assert exponent == round(exponent)
    assert 4 <= exponent <= FURTHEST
    own = read_by + exponent  # the reader's own channel may have grown as well
    assert own == round(own)
    assert own >= 0


@pytest.mark.parametrize("by_channel", [True, False])
def test_rounded_weights_are_truncated_to_the_nearest_eight_bit_ones(by_channel: bool) -> None:
    network = digits(RADIX)
    scales = network.scales()
    sources = {step.name: step.sources[0] for step in network.steps}
    for layer in network.switchable.values():
        layer.by_channel = by_channel
    before = {
        name: layer.tensors(scales[sources[name]]).weight.astype(int)
        for name, layer in network.switchable.items()
    }
    round_weights(network)
    for name, layer in network.switchable.items():
        codes = layer.tensors(scales[sources[name]]).weight.astype(int)
        assert np.abs(codes - before[name]).max() <= 128
        np.testing.assert_array_equal(
            RADIX.narrow_weights(codes, Bits.INT8), AFFINE.narrow_weights(before[name], Bits.INT8)
        )
        assert np.mean(codes == before[name]) > 0.3


def test_nothing_is_rounded_where_bits_are_rounded_anyway() -> None:
    network = digits(AFFINE)
    before = network.switchable["stem"].weight.clone()
    round_weights(network)
    assert torch.equal(network.switchable["stem"].weight, before)


@pytest.mark.parametrize("arithmetic", list(Arithmetic))
def test_corrected_biases_leave_no_error_in_the_mean(arithmetic: Arithmetic) -> None:
    plain, network = digits(arithmetic), digits(arithmetic)
    correct_biases(network, IMAGES, plain)
    images = torch.from_numpy(IMAGES)
    for bits in TWO:
        network.train().set_plan(PrecisionPlan.uniform(network.layers, bits))
        plain.set_plan(None)
        with torch.no_grad():
            theirs, ours = plain.trace(images), network.trace(images)
            for step in network.steps:
                layer = network.switchable.get(step.name)
                if layer is None:
                    continue
                aim = plain.switchable[step.name].sums(theirs[step.sources[0]], bits)
                found = layer.sums(ours[step.sources[0]], bits)
                error = channel_means(found) - channel_means(aim) - layer.cut_away(bits)
                assert float(error.abs().max()) < 1e-4 * float(aim.abs().max())


@pytest.mark.parametrize(
    "mends",
    [Mends(), Mends(rounded=True), Mends(RangeMethod.SQNR, moved=True, rounded=True)],
    ids=str,
)
def test_mends_bring_truncated_answers_back_without_training(mends: Mends) -> None:
    network = digits(RADIX)
    with torch.no_grad():
        plain = network.head_real(HELD_OUT)
    before = [error(network, bits, plain) for bits in TWO]
    twin = mended(network, IMAGES, mends)
    assert error(twin, Bits.INT8, plain) < 0.2 * before[1]
    assert error(twin, Bits.INT16, plain) < 0.002
    assert [error(network, bits, plain) for bits in TWO] == before  # what was given is left alone


def test_a_mended_network_is_exported_bit_for_bit_and_comes_back() -> None:
    twin = mended(digits(RADIX), IMAGES, Mends(moved=True, rounded=True))
    artifact = export_network(twin, name="digits", labels=DIGITS.labels, provenance={})
    engine, images = ReferenceEngine(artifact), HELD_OUT.numpy()[:40]
    for bits in TWO:
        plan = PrecisionPlan.uniform(artifact.layers, bits)
        codes = engine.run(images, Effort(plan))
        for network in (twin, load_network(artifact)):
            network.set_plan(plan)
            with torch.no_grad():
                np.testing.assert_array_equal(codes, network(HELD_OUT[:40]).values.numpy())
    again = export_network(
        load_network(artifact), name="digits", labels=DIGITS.labels, provenance={}
    )
    assert again.checksum == artifact.checksum
