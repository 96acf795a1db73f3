from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

from adaptive.engine.reference import ReferenceEngine
from adaptive.graph import Conv2d, LayerWork, Linear, Signal, layer_work
from adaptive.labels import LabelTree
from adaptive.nesting import Subnetwork, narrowed
from adaptive.precision import Bits, Effort, PrecisionPlan
from adaptive.shapes import infer_signals
from models.calibrate import calibrate_ranges
from models.convert import convert
from models.export import export_network
from models.network import SwitchableNetwork
from models.zoo.catalogue import Kind, NetworkConfig, build, input_shape

KINDS = get_args(Kind)
CLASSES = {"resnet8": 10, "resnet20": 10, "mobilenet_v1_small": 10, "ds_cnn": 12}


def network(kind: Kind, classes: int | None = None) -> nn.Module:
    config = NetworkConfig(kind, early="pair" if kind.endswith("_early") else None)
    return build(config, classes=classes or CLASSES.get(kind, 1000), early=2)


def parameters(kind: Kind) -> int:
    return sum(p.numel() for p in network(kind).parameters())


# What torchvision's documentation of each set of weights gives.
@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
        ("resnet50", 25_557_032),
        ("mobilenet_v2", 3_504_872),
        ("squeezenet1_1", 1_235_496),
        ("inception_v1", 6_624_904),
    ],
)
def test_networks_have_the_published_number_of_parameters(kind: Kind, count: int) -> None:
    assert parameters(kind) == count


def test_tiny_networks_have_the_published_number_with_their_running_statistics() -> None:
    for kind, count in (("resnet8", 78_666), ("ds_cnn", 24_908)):
        tensors = network(kind).state_dict()
        assert sum(t.numel() for name, t in tensors.items() if "num_batches" not in name) == count


def work(twin: SwitchableNetwork) -> list[LayerWork]:
    graph = twin.graph()
    signals = infer_signals(Signal(twin.input_shape, 1.0, 0), graph)
    return [layer_work(node, signals) for node in graph if isinstance(node, Conv2d | Linear)]


@pytest.mark.parametrize(
    ("kind", "millions"),
    [
        ("resnet18", 11.68),
        ("resnet34", 21.78),
        ("resnet50", 25.50),
        ("squeezenet1_1", 1.23),
        ("mobilenet_v2", 3.47),
    ],
)
def test_weights_of_convolutions_and_linear_layers_are_those_published(
    kind: Kind, millions: float
) -> None:
    weights = [m.weight for m in network(kind).modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert sum(w.numel() for w in weights) / 1e6 == pytest.approx(millions, abs=0.006)


# MobileNetV1: table 4 of the paper, 569 million; V2: 300 million; ResNet: 1.8, 3.6 and 3.8 of the
# paper count the stride of the bottleneck in its first convolution, torchvision's gives 4.09.
@pytest.mark.parametrize(
    ("kind", "millions"),
    [
        ("resnet8", 12.50),
        ("resnet20", 40.81),
        ("ds_cnn", 2.66),
        ("mobilenet_v1", 568.7),
        ("mobilenet_v2", 300.8),
        ("squeezenet1_1", 349.2),
        ("resnet18", 1814.1),
        ("inception_v1", 1498.4),
    ],
)
def test_multiply_accumulates_are_those_published(kind: Kind, millions: float) -> None:
    twin = convert(network(kind), input_shape(kind))
    assert sum(layer.macs for layer in work(twin)) / 1e6 == pytest.approx(millions, rel=2e-3)


@pytest.mark.parametrize(
    ("kind", "entries", "some"),
    [
        ("resnet18", 122, ("layer2.0.downsample.1.running_var", "layer4.1.bn2.bias", "fc.bias")),
        ("resnet34", 218, ("layer3.5.conv2.weight",)),
        ("resnet50", 320, ("layer1.0.downsample.0.weight", "layer4.2.bn3.weight")),
        ("mobilenet_v2", 314, ("features.1.conv.2.running_mean", "features.18.0.weight",
                               "features.2.conv.1.0.weight", "classifier.1.weight")),
        ("squeezenet1_1", 52, ("features.3.squeeze.weight", "features.12.expand3x3.bias",
                               "classifier.1.bias")),
        ("inception_v1", 344, ("conv2.bn.weight", "inception4e.branch3.1.conv.weight",
                               "inception5b.branch4.1.bn.bias", "fc.weight")),
    ],
)  # fmt: skip
def test_state_dicts_are_laid_out_as_those_of_torchvision(
    kind: Kind, entries: int, some: tuple[str, ...]
) -> None:
    state = network(kind).state_dict()
    assert len(state) == entries
    assert set(some) <= set(state)


def small_shape(kind: Kind) -> tuple[int, int, int]:
    shape = input_shape(kind)
    return (48, 48, 3) if shape[0] == 224 else shape


@pytest.mark.parametrize("kind", KINDS)
def test_every_network_is_converted_and_answers_as_in_float(kind: Kind) -> None:
    torch.manual_seed(0)
    plain = network(kind, classes=4).eval()
    for module in plain.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.weight, 0.8, 1.6)
    shape = small_shape(kind)
    twin = convert(plain, shape)
    images = np.random.default_rng(0).integers(0, 256, (2, *shape), dtype=np.uint8)
    pixels = torch.from_numpy(images)
    with torch.no_grad():
        found = plain(pixels.permute(0, 3, 1, 2).float() / 255)
        answers = twin.answers(pixels)
    for head, expected in (found if isinstance(found, dict) else {"leaf": found}).items():
        scale = float(expected.abs().max())
        torch.testing.assert_close(answers[head], expected, rtol=1e-3, atol=1e-4 * scale)


@pytest.mark.parametrize("kind", ["resnet8", "ds_cnn", "squeezenet1_1", "mobilenet_v2"])
def test_networks_of_each_shape_answer_alike_in_torch_and_in_the_engine(kind: Kind) -> None:
    torch.manual_seed(0)
    shape = small_shape(kind)
    twin = convert(network(kind, classes=4), shape)
    images = np.random.default_rng(0).integers(0, 256, (2, *shape), dtype=np.uint8)
    calibrate_ranges(twin, images)
    tree = LabelTree(("a", "b", "c", "d"), ("leaf",), ((),) * 4)
    artifact = export_network(twin, name=kind, labels=tree, provenance={})
    bits = (Bits.INT16, Bits.INT8)
    mixed = tuple(bits[k % 2] for k in range(len(artifact.layers)))
    plan = PrecisionPlan(artifact.layers, mixed)
    twin.set_plan(plan)
    with torch.no_grad():
        codes = twin(torch.from_numpy(images)).values.numpy()
    np.testing.assert_array_equal(ReferenceEngine(artifact).run(images, Effort(plan)), codes)


def test_a_width_is_a_factor_on_channels_where_there_is_one() -> None:
    assert (
        build(NetworkConfig("mobilenet_v1_small", width=0.25), classes=10).head.in_features == 256
    )
    with pytest.raises(ValueError, match="expected 1 for resnet8"):
        NetworkConfig("resnet8", width=0.5)
    with pytest.raises(ValueError, match="expected above 0"):
        NetworkConfig("mobilenet_v1", width=0.0)
    with pytest.raises(ValueError, match="expected shares falling"):
        NetworkConfig("resnet8", widths=(0.5, 0.7))


def test_the_early_head_costs_less_than_half_and_the_cheapest_leaf_less_than_a_quarter() -> None:
    for kind, width, quarter in (("resnet8_early", 1.0, 0.45), ("mobilenet_v1_early", 0.25, 0.42)):
        config = NetworkConfig(kind, width, early="pair", widths=(0.7, quarter, 0.25))
        twin = convert(build(config, classes=10, early=5), (32, 32, 3))
        graph, source = twin.graph(), Signal(twin.input_shape, 1.0, 0)
        signals = infer_signals(source, graph)
        macs = {}
        for share in twin.widths:
            nodes = narrowed(graph, signals, width=share) if share < 1.0 else graph
            cut = Subnetwork(share, nodes, infer_signals(source, nodes), {})
            for head, step in twin.heads.items():
                macs[share, head] = sum(layer.macs for layer in cut.work(step))
        assert macs[1.0, "early"] < 0.5 * macs[1.0, "leaf"]
        assert macs[quarter, "leaf"] < 0.25 * macs[1.0, "leaf"]
    with pytest.raises(ValueError, match="early is None, expected a level"):
        NetworkConfig("resnet8_early")
