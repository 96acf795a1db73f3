import re
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import pytest
import torch
from networks import TREE
from torch import Tensor, nn
from torch.nn import functional

from adaptive.engine.reference import ReferenceEngine
from adaptive.errors import ConfigError
from adaptive.precision import Bits, Effort, PrecisionPlan, random_plans
from models.calibrate import calibrate_ranges
from models.convert import convert
from models.export import export_network
from models.fold import Normalisation
from models.joining import Adding, Joining
from models.network import SwitchableNetwork

SHAPE = (15, 9, 3)


class Everything(nn.Module):
    """A network with every operation that can be converted."""

    def __init__(self) -> None:
        super().__init__()
        self.pad = nn.ZeroPad2d((0, 1, 1, 2))
        self.conv1 = nn.Conv2d(3, 6, (3, 2), stride=(2, 1), padding=(1, 0), bias=False)
        self.norm1 = nn.BatchNorm2d(6)
        self.relu6 = nn.ReLU6()
        self.left = nn.Conv2d(6, 4, 3, padding="same", groups=2)
        self.right = nn.Sequential(nn.Conv2d(6, 4, 1), nn.BatchNorm2d(4, affine=False))
        self.skip = nn.Conv2d(4, 4, 1)
        self.pool = nn.MaxPool2d((3, 2), stride=2, padding=(1, 0), ceil_mode=True)
        self.average = nn.AvgPool2d(2, stride=1)
        self.norm2 = nn.BatchNorm1d(5)
        self.hidden = nn.Linear(8 * 2 * 2, 5)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu6(self.norm1(self.conv1(self.pad(x))))
        left, right = self.left(x), functional.relu(self.right(x))
        both = functional.relu(left + right) + self.skip(right)
        joined = torch.cat([both, right], dim=1)
        joined = functional.relu(self.pool(joined))
        joined = functional.adaptive_avg_pool2d(self.average(joined), (2, 2))
        hidden = self.norm2(self.hidden(self.drop(torch.flatten(joined, 1))))
        out: Tensor = self.head(hidden.relu())
        return out


def with_statistics(network: nn.Module) -> nn.Module:
    """Give batch norm layers statistics that matter."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.5)
            nn.init.uniform_(module.running_var, 0.3, 3.0)
            if module.affine:
                nn.init.uniform_(module.weight, -1.5, 1.5)
                nn.init.normal_(module.bias)
    return network.eval()


def pictures(count: int, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


def real(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def everything() -> tuple[nn.Module, SwitchableNetwork]:
    torch.manual_seed(0)
    network = with_statistics(Everything())
    return network, convert(network, SHAPE)


def test_a_converted_network_answers_as_the_float_network() -> None:
    network, twin = everything()
    images = pictures(30)
    with torch.no_grad():
        expected, answer = network(real(images)), twin.head_real(torch.from_numpy(images))
    assert expected.std() > 0.1
    torch.testing.assert_close(answer, expected, rtol=1e-4, atol=1e-5)


def test_batch_norm_dropout_padding_and_relu_are_folded_away() -> None:
    _, twin = everything()
    kinds = [type(step.layer).__name__ for step in twin.steps]
    assert kinds == [
        "SwitchableConv2d", "SwitchableConv2d", "SwitchableConv2d", "Adding", "SwitchableConv2d",
        "Adding", "Joining", "MaxPooling", "Averaging", "Averaging", "Flattening",
        "SwitchableLinear", "SwitchableLinear",
    ]  # fmt: skip
    assert twin.layers == ("conv1", "left", "right_0", "skip", "hidden", "head")
    window = twin.steps[0].layer.window
    assert (window.padding, window.padding_after) == ((2, 0), (1, 1))
    assert twin.steps[-1].layer.is_head


def test_the_integers_of_a_converted_network_answer_close_to_it_and_alike_in_both_engines() -> None:
    network, twin = everything()
    images = pictures(40)
    calibrate_ranges(twin, images)
    artifact = export_network(twin, name="converted", labels=TREE, provenance={})
    engine = ReferenceEngine(artifact)
    with torch.no_grad():
        expected = network(real(images)).numpy()
    for bits, share in ((Bits.INT16, 0.002), (Bits.INT8, 0.15)):
        effort = Effort(PrecisionPlan.uniform(artifact.layers, bits))
        error = np.abs(engine.logits(engine.run(images, effort), effort) - expected)
        assert error.max() < share * np.abs(expected).max()
    for plan in random_plans(artifact.layers, 5, seed=0):
        twin.set_plan(plan)
        with torch.no_grad():
            codes = twin(torch.from_numpy(images)).values.numpy()
        np.testing.assert_array_equal(engine.run(images, Effort(plan)), codes)


def test_a_relu6_saturates_at_six_or_at_the_greatest_value_seen() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        network[0].weight.fill_(20.0)
    twin = convert(network, SHAPE)
    images = pictures(5)
    with torch.no_grad():
        torch.testing.assert_close(
            twin.head_real(torch.from_numpy(images)), network(real(images)), rtol=1e-4, atol=1e-5
        )
    calibrate_ranges(twin, images)
    assert twin.graph()[0].scale == pytest.approx(6.0 / 65407)
    with torch.no_grad():
        network[0].weight.fill_(0.1)
        network[0].bias.fill_(0.0)
    twin = convert(network, SHAPE)
    calibrate_ranges(twin, images)
    assert twin.graph()[0].scale < 0.4 / 65407


@pytest.mark.parametrize("groups", [1, 3])
def test_a_normalised_input_is_folded_with_its_padding(groups: int) -> None:
    torch.manual_seed(0)
    network = with_statistics(
        nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1, groups=groups), nn.BatchNorm2d(6), nn.ReLU(),
            nn.Conv2d(6, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )
    )  # fmt: skip
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    twin = convert(network, SHAPE, normalisation=Normalisation(mean, deviation))
    images = pictures(20)
    calibrate_ranges(twin, images)
    normalised = (real(images) - torch.tensor(mean)[:, None, None]) / torch.tensor(deviation)[
        :, None, None
    ]
    with torch.no_grad():
        expected = network(normalised)
        answer = twin.head_real(torch.from_numpy(images))
        torch.testing.assert_close(answer, expected, rtol=1e-4, atol=1e-4)
        twin.set_plan(PrecisionPlan.uniform(twin.layers, Bits.INT16))
        exact = twin.head_real(torch.from_numpy(images)).float()
    assert (exact - expected).abs().max() < 0.003 * expected.abs().max()
    assert twin.graph()[0].fill == tuple(round(m * 65280) - 32768 for m in mean)


def test_what_is_converted_is_left_as_it_was_and_keeps_its_bits() -> None:
    network = Everything().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    twin = convert(network, SHAPE, bit_list=(Bits.INT16, Bits.INT8, Bits.INT4))
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert twin.bits == (Bits.INT16, Bits.INT8, Bits.INT4)


def test_what_is_never_negative_uses_every_code_above_zero() -> None:
    _, twin = everything()
    layers = {step.name: step.layer for step in twin.steps}
    sums = [layer for layer in layers.values() if isinstance(layer, Adding)]
    assert [layer.signed for layer in sums] == [False, True]
    joined = next(layer for layer in layers.values() if isinstance(layer, Joining))
    assert (joined.relu, joined.signed) == (True, False)


class Calls(nn.Module):
    """A network that is one function of a convolution's output."""

    def __init__(self, function: Callable[["Calls", Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.conv = nn.Conv2d(3, 3, 1)
        self.norm = nn.BatchNorm2d(3)
        self.plain = nn.BatchNorm2d(3, track_running_stats=False)
        self.wide = nn.Conv2d(3, 3, 3, dilation=2)
        self.mirrored = nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect")
        self.pad = nn.ZeroPad2d(1)
        self.uneven = nn.ZeroPad2d((2, 0, 0, 0))
        self.last = nn.Conv2d(3, 3, 3)
        self.one = nn.Conv2d(3, 3, 1)
        self.head = nn.Linear(9, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, self.conv(x))


REFUSED: list[tuple[str, Callable[[Calls, Tensor], Tensor], str]] = [
    ("a sigmoid", lambda net, x: torch.sigmoid(x), "node sigmoid .*operation sigmoid"),
    ("a sum with a number", lambda net, x: x + 1, "node add .*reads 1"),
    ("a sum along channels", lambda net, x: x + x.mean((2, 3), keepdim=True), "node add .*shapes"),
    ("rows joined", lambda net, x: torch.cat([x, x], dim=2), "node cat .*operation cat"),
    ("a dilated convolution", lambda net, x: net.wide(x), r"node wide \(wide\): dilation"),
    ("a mirrored border", lambda net, x: net.mirrored(x), "node mirrored .*reflect"),
    ("one layer twice", lambda net, x: net.conv(x), "node conv .*more than once"),
    ("a norm after a ReLU", lambda net, x: net.norm(x.relu()), "node norm .*follows relu"),
    ("a norm beside", lambda net, x: net.norm(x) + x, "node norm .*read by nothing else"),
    ("a norm of the batch", lambda net, x: net.plain(x), "node plain: keeps no running stat"),
    ("a ReLU beside", lambda net, x: x.relu() + x, "node relu .*read by nothing else"),
    ("a padded sum", lambda net, x: net.pad(x) + net.pad(x), "node add .*after padding"),
    ("more on one side", lambda net, x: net.last(net.uneven(x)), r"node last .*\(2, 0, 0, 0\)"),
    ("a linear layer on rows", lambda net, x: net.head(x), "node head .*reads an image"),
    ("an average with a border", lambda net, x: functional.avg_pool2d(x, 3, 1, 1), "node avg_pool"),
    ("uneven windows", lambda net, x: functional.adaptive_avg_pool2d(x, 4), "windows of equal"),
    ("a sum in place beside", lambda net, x: x.add_(net.one(x)) + x, "node .* in place"),
    ("features joined", lambda net, x: torch.cat([x.mean((2, 3))] * 2, 1), "joins shapes"),
    ("features convolved", lambda net, x: net.one(x.mean((2, 3), True)), "node one .*features"),
    ("a scaled sum", lambda net, x: torch.add(x, x, alpha=2), "operation add"),
    ("a sum over rows", lambda net, x: x.mean(2), "operation mean"),
    ("an odd pooling", lambda net, x: functional.max_pool2d(x, 2, dilation=2), "dilation"),
    ("a strange flattening", lambda net, x: torch.flatten(x, 1, foo=2), "cannot be traced"),
    ("rows flattened", lambda net, x: torch.flatten(x, 2), "node flatten .*flattens 2"),
    ("an image as the answer", lambda net, x: net.norm(x), "node output .*expected logits"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "function", "message"), REFUSED, ids=[r[0] for r in REFUSED])
def test_what_cannot_be_converted_is_named(
    what: str, function: Callable[[Calls, Tensor], Tensor], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        convert(Calls(function), SHAPE)


class Plain(nn.Module):
    """Ways of saying nothing much: averages of averages, joins of one, features flattened."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_A = nn.Conv2d(3, 4, 3)
        self.conv_a = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.dropout(self.conv_A(x), 0.5, self.training)
        x = torch.cat([self.conv_a(x.contiguous())], dim=1)
        x = functional.adaptive_avg_pool2d(x, (13, 7))
        x = x.mean(dim=(-1, -2), keepdim=True)
        return functional.adaptive_avg_pool2d(x, 1).flatten(1).flatten(start_dim=1)


def test_what_changes_nothing_leaves_no_step() -> None:
    torch.manual_seed(0)
    network = Plain().eval()
    twin = convert(network, SHAPE)
    assert [step.name for step in twin.steps] == ["conv_a", "conv_a_1", "mean"]
    images = pictures(5)
    with torch.no_grad():
        answer, expected = twin.head_real(torch.from_numpy(images)), network(real(images))
    torch.testing.assert_close(answer, expected, rtol=1e-4, atol=1e-6)


def test_names_are_made_to_fit_the_artifact_and_to_differ() -> None:
    parts = {"0": nn.Conv2d(3, 4, 1), "layer_0": nn.Conv2d(4, 4, 1), "mean": Mean()}
    twin = convert(nn.Sequential(OrderedDict(parts)), SHAPE)
    assert [step.name for step in twin.steps] == ["layer_0", "layer_0_", "mean"]


class Mean(nn.Module):
    """Averages over all positions."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class Two(nn.Module):
    """A network of two images."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return (x + y).mean((2, 3))


def test_a_second_image_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be traced"):
        convert(Two(), SHAPE)


def test_weights_that_are_no_numbers_are_refused() -> None:
    network = Everything()
    with torch.no_grad():
        network.left.weight[0, 0, 0, 0] = torch.nan
    with pytest.raises(ConfigError, match="node left: weights hold a value that is not finite"):
        convert(network, SHAPE)


def test_images_of_another_size_and_control_flow_are_refused() -> None:
    with pytest.raises(ConfigError, match=re.escape("cannot be traced on (15, 9, 2) images")):
        convert(Everything(), (15, 9, 2))
    with pytest.raises(ConfigError, match="cannot be traced"):
        convert(Calls(lambda net, x: x if x.sum() > 0 else -x), SHAPE)


@pytest.mark.parametrize(
    ("mean", "deviation", "message"),
    [
        ((0.5,), (0.5, 0.5), "deviation has 2 channels"),
        ((1.5,), (0.5,), "mean is"),
        ((0.5,), (0.0,), "deviation is"),
    ],
)
def test_an_impossible_normalisation_is_refused(
    mean: tuple[float, ...], deviation: tuple[float, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Normalisation(mean, deviation)


def test_a_normalised_image_that_no_convolution_reads_is_refused() -> None:
    network = nn.Sequential(nn.ReLU(), nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    convert(network, SHAPE)
    with pytest.raises(ConfigError, match=r"node _0 \(0\): reads the normalised image"):
        convert(network, SHAPE, normalisation=Normalisation((0.5,) * 3, (0.5,) * 3))


def test_a_normalisation_for_other_images_is_refused() -> None:
    with pytest.raises(ConfigError, match="node conv1: mean has 1 channels, expected 3"):
        convert(Everything(), SHAPE, normalisation=Normalisation((0.5,), (0.5,)))
