from dataclasses import replace

import numpy as np
import pytest
import torch
from networks import TREE, small_artifact, small_images

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import Artifact, load_artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.errors import ArtifactError
from adaptive.labels import LabelTree
from adaptive.precision import Bits, Effort, PrecisionPlan, all_plans, random_plans
from models.calibrate import calibrate_ranges
from models.data import LabelledImages, load_digits
from models.export import export_network, load_network, measure
from models.layers import SwitchableConv2d, SwitchableLinear
from models.network import SwitchableNetwork, chain
from models.pooling import Flattening, MaxPooling
from models.window import square, tiles
from models.zoo.digits import digits_network

DIGITS = load_artifact("digits")


def plans_to_compare(layers: tuple[str, ...]) -> list[PrecisionPlan]:
    uniform = [PrecisionPlan.uniform(layers, bits) for bits in (Bits.INT16, Bits.INT8)]
    return uniform + list(random_plans(layers, 20, seed=0))


@pytest.mark.parametrize("plan", plans_to_compare(DIGITS.layers), ids=lambda plan: plan.code)
def test_torch_and_the_engine_answer_alike_on_every_held_out_image(plan: PrecisionPlan) -> None:
    images = load_digits("test").images
    network = load_network(DIGITS)
    network.set_plan(plan)
    with torch.no_grad():
        flows = network.trace(torch.from_numpy(images))
    for name, codes in ReferenceEngine(DIGITS).trace(images, Effort(plan)).items():
        values = flows[name].values.numpy()
        expected = values.transpose(0, 2, 3, 1) if values.ndim == 4 else values
        np.testing.assert_array_equal(codes, expected, err_msg=name)


def same_tensors(left: Artifact, right: Artifact) -> bool:
    return replace(left, measured=()).checksum == replace(right, measured=()).checksum


def test_the_bundled_network_comes_back_from_its_torch_twin_bit_for_bit() -> None:
    again = export_network(
        load_network(DIGITS), name="digits", labels=DIGITS.labels, provenance=DIGITS.provenance
    )
    assert same_tensors(again, DIGITS)


def strided_network() -> SwitchableNetwork:
    torch.manual_seed(1)
    network = SwitchableNetwork(
        (6, 6, 2),
        chain(
            ("conv", SwitchableConv2d(2, 6, window=square(3, stride=2), groups=2)),
            ("signed", SwitchableConv2d(6, 4, window=square(1), relu=False)),
            ("pool", MaxPooling(tiles(2))),
            ("flat", Flattening()),
            ("hidden", SwitchableLinear(4, 5, relu=True)),
            ("head", SwitchableLinear(5, 4, is_head=True)),
        ),
    )
    for layer in network.switchable.values():
        torch.nn.init.normal_(layer.bias, std=0.1)
    calibrate_ranges(network, small_images(50))
    return network.eval()


def test_every_kind_of_node_is_exported_and_comes_back() -> None:
    network = strided_network()
    artifact = export_network(network, name="strided", labels=TREE, provenance={})
    twin = load_network(artifact)
    images = small_images(30, seed=2)
    for plan in all_plans(artifact.layers):
        codes = ReferenceEngine(artifact).run(images, Effort(plan))
        for torch_network in (network, twin):
            torch_network.set_plan(plan)
            with torch.no_grad():
                answer = torch_network(torch.from_numpy(images)).values.numpy()
            np.testing.assert_array_equal(codes, answer)
    again = export_network(twin, name="strided", labels=TREE, provenance={})
    assert same_tensors(again, artifact)


def test_a_channel_of_almost_nothing_but_bias_is_exported_and_comes_back() -> None:
    network = strided_network()
    with torch.no_grad():
        network.switchable["hidden"].weight[1].mul_(1e-12)
        network.switchable["hidden"].weight[2].zero_()
        network.switchable["hidden"].bias[:, 1:3] = 0.7
        network.switchable["hidden"].bias[:, 3] = 1e9
    images = small_images(30, seed=2)
    artifact = export_network(network, name="strided", labels=TREE, provenance={})
    effort = Effort(PrecisionPlan.uniform(artifact.layers, Bits.INT16))
    codes = ReferenceEngine(artifact).trace(images, effort)["hidden"]
    signal = artifact.signals["hidden"]
    hidden = signal.scale * (codes - signal.zero)
    limit = signal.scale * 65407  # the greatest code stands for it
    np.testing.assert_allclose(hidden[:, 1:3], min(0.7, limit), atol=signal.scale)
    np.testing.assert_allclose(hidden[:, 3], limit)
    again = export_network(load_network(artifact), name="strided", labels=TREE, provenance={})
    assert same_tensors(again, artifact)


def test_codes_lie_close_to_the_real_network() -> None:
    network = strided_network()
    for layer in network.switchable.values():
        torch.nn.init.zeros_(layer.bias)  # plain float has no bias of each precision
    images = small_images(50)
    calibrate_ranges(network, images)
    artifact = export_network(network, name="strided", labels=TREE, provenance={})
    engine = ReferenceEngine(artifact)
    with torch.no_grad():
        network.set_plan(None)
        real = network.head_real(torch.from_numpy(images)).numpy()
    for bits, share in ((Bits.INT16, 0.001), (Bits.INT8, 0.1)):
        effort = Effort(PrecisionPlan.uniform(artifact.layers, bits))
        error = np.abs(engine.logits(engine.run(images, effort), effort) - real)
        assert error.max() < share * np.abs(real).max()


def test_measuring_counts_what_the_engine_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.export.ELEMENTS", 200 * 144)  # four parts
    artifact = replace(small_artifact(), measured=())
    images = small_images(750)
    efforts = [Effort(plan) for plan in all_plans(artifact.layers)]
    engine = ReferenceEngine(artifact)
    # Labels are what the first plan answers, so it is always right.
    labels = np.argmax(engine.run(images, efforts[0]), axis=1).astype(np.int64)
    measured = measure(artifact, efforts, LabelledImages(images, labels))
    assert [entry.effort for entry in measured] == efforts
    assert measured[0].correct["leaf"] == 750
    last = engine.run(images, efforts[-1])
    assert measured[-1].correct["leaf"] == np.sum(np.argmax(last, axis=1) == labels) < 750


def test_a_network_is_exported_only_with_labels_that_fit() -> None:
    with pytest.raises(ValueError, match="one output for each of 2 leaves"):
        export_network(
            digits_network(width=2),
            name="digits",
            labels=LabelTree(("a", "b"), ("leaf",), ((), ())),
            provenance={},
        )


def test_a_layer_of_no_numbers_is_named() -> None:
    network = strided_network()
    with torch.no_grad():
        network.switchable["signed"].weight[0, 0, 0, 0] = torch.nan
    with pytest.raises(ArtifactError, match="artifact strided: layer signed: weights holds"):
        export_network(network, name="strided", labels=TREE, provenance={})


@pytest.mark.parametrize("arithmetic", list(Arithmetic))
def test_a_relu6_comes_back_with_its_ceiling_in_any_arithmetic(arithmetic: Arithmetic) -> None:
    torch.manual_seed(0)
    network = SwitchableNetwork(
        (6, 6, 2),
        chain(
            ("conv", SwitchableConv2d(2, 4, window=square(3), ceiling=6.0)),
            ("flat", Flattening()),
            ("head", SwitchableLinear(144, 4, is_head=True)),
        ),
    )
    with torch.no_grad():
        network.switchable["conv"].weight.mul_(20.0)
    calibrate_ranges(network, small_images(20))
    artifact = export_network(network, name="capped", labels=TREE, provenance={})
    twin = load_network(artifact).in_arithmetic(arithmetic)
    assert twin.switchable["conv"].ceiling == 6.0
    calibrate_ranges(twin, small_images(20))
    images = torch.from_numpy(small_images(20, seed=2))
    with torch.no_grad():
        plain = network.eval().trace(images)["conv"].values
        twin.set_plan(PrecisionPlan.uniform(twin.layers, Bits.INT16))
        exact = twin.trace(images)["conv"].real()
    assert float(plain.max()) == 6.0
    torch.testing.assert_close(exact.float(), plain, rtol=0.0, atol=0.01)


def test_plain_float_takes_the_mean_of_the_biases_and_once_exported_that_of_the_widest() -> None:
    network = strided_network()
    images = torch.from_numpy(small_images(3))
    twin = load_network(export_network(network, name="strided", labels=TREE, provenance={}))
    of_the_mean, of_the_widest = network.head_real(images), twin.head_real(images)
    assert not torch.allclose(of_the_mean, of_the_widest, rtol=0.0, atol=1e-3)
    with torch.no_grad():
        for layer in network.switchable.values():
            layer.bias[1:] = layer.bias[0]
    torch.testing.assert_close(network.head_real(images), of_the_widest, rtol=0.0, atol=1e-3)
