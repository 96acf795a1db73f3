import pytest
import torch

from adaptive.arithmetic import Arithmetic
from adaptive.precision import Bits, PrecisionPlan
from models.layers import SwitchableConv2d, SwitchableLinear
from models.network import SwitchableNetwork, chain
from models.pooling import Averaging, Flattening, GlobalAveraging, MaxPooling
from models.window import square, tiles
from models.zoo.digits import digits_network


def images(count: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 8, 8, 1), generator=generator, dtype=torch.uint8)


def network() -> SwitchableNetwork:
    torch.manual_seed(0)
    net = digits_network(width=4)
    net.set_ranges({step.name: 4.0 for step in net.steps})
    return net


def test_only_layers_with_weights_switch() -> None:
    assert network().layers == ("stem", "depthwise1", "pointwise1", "conv2", "conv3", "head")


def test_a_plan_for_other_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="plan is for layers"):
        network().set_plan(PrecisionPlan.uniform(("stem",), Bits.INT8))


def test_exact_fake_and_float_answers_lie_close_together() -> None:
    net = network()
    answers = {}
    for bits in (Bits.INT16, Bits.INT8):
        net.set_plan(PrecisionPlan.uniform(net.layers, bits))
        answers[bits, "fake"] = net.train().head_real(images())
        answers[bits, "exact"] = net.eval().head_real(images())
    net.set_plan(None)
    plain = net.head_real(images())
    assert torch.equal(plain, net.train().head_real(images()))
    for (bits, _), answer in answers.items():
        tolerance = 0.003 if bits == Bits.INT16 else 0.3
        assert (answer - plain).abs().max() < tolerance
    # Float32 may break a tie the other way, so one code of a hidden layer may differ.
    step = 4.0 / 128
    assert (answers[Bits.INT8, "fake"] - answers[Bits.INT8, "exact"]).abs().max() < step


@pytest.mark.parametrize("bits", [Bits.INT16, Bits.INT8])
def test_fake_and_exact_radix_answers_lie_close_together(bits: Bits) -> None:
    net = network().in_arithmetic(Arithmetic.RADIX)
    net.set_ranges({step.name: 4.0 for step in net.steps})
    net.set_plan(PrecisionPlan.uniform(net.layers, bits))
    with torch.no_grad():
        fake, exact = net.train().head_real(images()), net.eval().head_real(images())
    assert (fake - exact).abs().max() < 4.0 / 128


@pytest.mark.parametrize("arithmetic", list(Arithmetic))
def test_every_parameter_is_trained_by_a_mix(arithmetic: Arithmetic) -> None:
    net = network().in_arithmetic(arithmetic).train()
    net.set_ranges({step.name: 4.0 for step in net.steps})
    layers = net.layers
    for bits in (Bits.INT16, Bits.INT8):
        net.set_plan(PrecisionPlan.uniform(layers, bits))
        net.head_real(images()).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_each_precision_has_a_bias_of_its_own() -> None:
    net = network().train()
    net.set_plan(PrecisionPlan.uniform(net.layers, Bits.INT8))
    net.head_real(images()).sum().backward()
    gradient = net.switchable["head"].bias.grad
    assert gradient is not None
    assert gradient.abs().sum(dim=1).tolist() == [0.0, 40.0]


def test_flattening_puts_channels_fastest_as_the_engine_does() -> None:
    net = SwitchableNetwork(
        (4, 4, 2),
        chain(
            ("pool", MaxPooling(tiles(2))),
            ("flat", Flattening()),
            ("head", SwitchableLinear(8, 3, is_head=True)),
        ),
    )
    pixels = torch.arange(32, dtype=torch.uint8).reshape(1, 4, 4, 2)
    flat = net.trace(pixels)["flat"].values * 255
    assert flat.round().tolist() == [[10, 11, 14, 15, 26, 27, 30, 31]]


def test_a_network_is_saved_as_plain_tensors() -> None:
    state = network().state_dict()
    other = digits_network(width=4)
    other.load_state_dict(state)
    assert torch.equal(other.head_real(images()), network().head_real(images()))


def test_layers_describe_themselves() -> None:
    conv = SwitchableConv2d(4, 8, window=square(3, stride=2), groups=2)
    conv.set_range(2.0)
    node = conv.node("conv", ("input",))
    assert (node.padding, node.groups, node.scale) == ((1, 1), 2, 2.0 / 65407)
    average = GlobalAveraging()
    average.set_range(1.0)
    assert average.node("mean", ("conv",)).scale == 1.0 / 65407


def test_layers_that_offer_different_bits_make_no_network() -> None:
    with pytest.raises(ValueError, match="layers offer different bits"):
        SwitchableNetwork(
            (4, 4, 2),
            chain(
                ("conv", SwitchableConv2d(2, 2, window=square(1), bit_list=(Bits.INT16,))),
                ("mean", GlobalAveraging()),
                ("head", SwitchableLinear(2, 3, is_head=True)),
            ),
        )


def test_an_average_with_padding_is_refused() -> None:
    with pytest.raises(ValueError, match="expected no padding"):
        Averaging(square(3))


def test_an_average_of_windows_is_on_the_grid_of_its_input_in_a_fake_pass() -> None:
    net = SwitchableNetwork(
        (4, 4, 2),
        chain(
            ("average", Averaging(tiles(2))),
            ("flat", Flattening()),
            ("head", SwitchableLinear(8, 3, is_head=True)),
        ),
    ).train()
    net.set_plan(PrecisionPlan.uniform(net.layers, Bits.INT8))
    pixels = torch.arange(32, dtype=torch.uint8).reshape(1, 4, 4, 2)
    flow = net.trace(pixels)["average"]
    codes = flow.values.double() / flow.scale
    assert (codes - codes.round()).abs().max() < 0.01
    assert flow.values[0, 0].mul(255).tolist() == [
        [pytest.approx(5.0, abs=0.01), pytest.approx(9.0, abs=0.01)],
        [pytest.approx(21.0, abs=0.01), pytest.approx(25.0, abs=0.01)],
    ]
