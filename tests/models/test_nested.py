import copy

import numpy as np
import pytest
import torch
from networks import TREE
from torch import Tensor, nn

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import Artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.errors import ConfigError
from adaptive.nesting import channels_at
from adaptive.precision import Bits, Effort, PrecisionPlan, random_plans
from models.calibrate import calibrate_ranges
from models.convert import convert
from models.data import LabelledImages
from models.doctor import diagnose
from models.export import export_network, load_network
from models.fold import Normalisation
from models.heads import HeadLoss
from models.image_training import real_images
from models.mends import move_exponents
from models.nested import NestedBatchNorm2d, cut, nest, set_width, widths_of
from models.network import SwitchableNetwork
from models.sandwich import sandwich_loss

SHAPE, WIDTHS = (6, 6, 2), (0.7, 0.5, 0.25)
IMAGES = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), dtype=np.uint8)


class Early(nn.Module):
    """A residual network with a depthwise layer, a layer without batch norm and two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False)
        self.norm2 = nn.BatchNorm2d(16)
        self.mix = nn.Conv2d(16, 16, 1)
        self.pool, self.flatten = nn.AdaptiveAvgPool2d(1), nn.Flatten()
        self.early, self.head = nn.Linear(16, 2), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.norm(self.stem(x)).relu()
        early = self.early(self.flatten(self.pool(x)))
        y = self.norm2(self.depthwise(x)).relu()
        x = (x + self.mix(y)).relu()
        return {"early": early, "leaf": self.head(self.flatten(self.pool(x)))}


def nested() -> nn.Module:
    torch.manual_seed(0)
    network = nest(Early(), WIDTHS)
    for name, value in network.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2.0)
        elif "norm" in name and value.ndim:
            value.normal_(0.0, 0.5)
    return network.eval()


def twin() -> SwitchableNetwork:
    network = convert(nested(), SHAPE)
    calibrate_ranges(network, IMAGES)
    return network


def artifact_of(network: SwitchableNetwork) -> Artifact:
    return export_network(
        network, name="early", labels=TREE, provenance={}, head_levels={"early": "group"}
    )


def test_the_full_width_is_the_network_itself() -> None:
    torch.manual_seed(0)
    plain = Early().eval()
    whole = nest(copy.deepcopy(plain), WIDTHS).eval()
    for head, logits in plain(real_images(IMAGES)).items():
        torch.testing.assert_close(whole(real_images(IMAGES))[head], logits)


@pytest.mark.parametrize("width", [1.0, *WIDTHS])
def test_a_width_is_a_plain_network_of_the_first_channels(width: float) -> None:
    network = nested()
    alone = cut(network, width, SHAPE)
    channels = channels_at(16, width)
    assert isinstance(alone, Early)
    assert (alone.depthwise.groups, alone.head.in_features) == (channels, channels)
    whole = network.state_dict()["mix.weight"]
    torch.testing.assert_close(alone.mix.weight.detach(), whole[:channels, :channels])
    assert widths_of(alone) == ()
    set_width(network, width)
    for head, logits in alone(real_images(IMAGES)).items():
        torch.testing.assert_close(network(real_images(IMAGES))[head], logits)


def test_the_converted_twin_answers_as_the_float_network_at_every_width_and_head() -> None:
    network, converted = nested(), convert(nested(), SHAPE)
    assert converted.widths == (1.0, *WIDTHS)
    for width in converted.widths:
        set_width(network, width)
        converted.set_width(width)
        found = converted.answers(torch.from_numpy(IMAGES))
        for head, logits in network(real_images(IMAGES)).items():
            torch.testing.assert_close(found[head].float(), logits, atol=1e-5, rtol=1e-4)


def test_a_normalised_input_is_folded_at_every_width() -> None:
    network = nested()
    mean, deviation = (0.4, 0.6), (0.2, 0.3)
    converted = convert(network, SHAPE, normalisation=Normalisation(mean, deviation))
    x = (real_images(IMAGES) - torch.tensor(mean)[:, None, None]) / torch.tensor(deviation)[
        :, None, None
    ]
    set_width(network, 0.5)
    converted.set_width(0.5)
    found = converted.answers(torch.from_numpy(IMAGES))["leaf"]
    torch.testing.assert_close(found.float(), network(x)["leaf"], atol=1e-3, rtol=1e-3)


def test_the_reference_engine_equals_the_twin_bit_for_bit_at_every_effort() -> None:
    network = twin()
    artifact = artifact_of(network)
    engine = ReferenceEngine(artifact)
    for plan in random_plans(artifact.layers, 3, seed=0):
        network.set_plan(plan)
        for width in artifact.widths:
            network.set_width(width)
            answers = network.answers(torch.from_numpy(IMAGES))
            for head in artifact.heads:
                effort = Effort(plan, width, head)
                real = engine.logits(engine.run(IMAGES, effort), effort)
                np.testing.assert_array_equal(real, answers[head].detach().numpy())


def test_integers_stay_close_to_the_float_network_at_every_width() -> None:
    network = twin()
    images = torch.from_numpy(IMAGES)
    for width in network.widths:
        network.set_width(width)
        network.set_plan(None)
        wanted = network.answers(images)["leaf"]
        for bits, limit in ((Bits.INT16, 0.002), (Bits.INT8, 0.15)):
            network.set_plan(PrecisionPlan.uniform(network.layers, bits))
            for training in (False, True):  # in integers, and with fake quantisation
                found = network.train(training).answers(images)["leaf"]
                assert (found - wanted).abs().max() < limit * wanted.abs().max()


def test_a_twin_rebuilt_from_an_artifact_has_the_same_integers() -> None:
    artifact = artifact_of(twin())
    again = artifact_of(load_network(artifact))
    assert again.checksum == artifact.checksum


def test_the_sandwich_teaches_every_width_and_head() -> None:
    network = twin().train()
    loss = HeadLoss(TREE, nn.functional.cross_entropy, {"early": "group"})
    labels = torch.arange(4)
    for seed in range(6):
        total = sandwich_loss(
            network, torch.from_numpy(IMAGES), labels, loss=loss, mixes=0, seed=seed
        )
        total.backward()  # type: ignore[no-untyped-call]
    for layer in network.switchable.values():
        for own in map(layer.at, layer.widths):
            assert own.bias.grad is not None
            assert own.bias.grad.abs().sum() > 0


def test_each_width_normalises_by_its_own_statistics() -> None:
    norm = NestedBatchNorm2d(8, (0.5,))
    norm(torch.randn(64, 8, 2, 2) + 3.0)
    norm.width = 0.5
    norm(torch.randn(64, 4, 2, 2) - 3.0)
    assert norm.running_mean is not None
    assert norm.running_mean.mean() > 0.2
    assert norm.at(0.5)[0].mean() < -0.2
    assert widths_of(norm) == (0.5,)


@pytest.mark.parametrize("widths", [(0.0,), (1.0,), (0.5, -1.0)])
def test_a_width_out_of_range_is_refused(widths: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="widths is"):
        nest(Early(), widths)


def test_what_cannot_be_nested_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="layer 0: groups is 2"):
        nest(nn.Sequential(nn.Conv2d(4, 4, 1, groups=2)), (0.5,))
    with pytest.raises(ConfigError, match="expected affine"):
        convert(nested(), SHAPE, arithmetic=Arithmetic.RADIX)
    with pytest.raises(ValueError, match=r"width is 0\.3"):
        twin().set_width(0.3)


def test_heads_must_include_the_leaves() -> None:
    class Coarse(Early):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"early": super().forward(x)["early"]}

    with pytest.raises(ConfigError, match="one called 'leaf'"):
        convert(Coarse(), SHAPE)


def test_moving_exponents_leaves_every_width_as_it_was() -> None:
    network = twin()
    images = torch.from_numpy(IMAGES)
    network.set_plan(None)
    wanted = {}
    for width in network.widths:
        network.set_width(width)
        wanted[width] = network.answers(images)["leaf"]
    network.set_width(1.0)
    move_exponents(network, IMAGES)
    for width, answers in wanted.items():
        network.set_width(width)
        torch.testing.assert_close(network.answers(images)["leaf"], answers)


def test_the_doctor_judges_by_the_leaf_head() -> None:
    labelled = LabelledImages(IMAGES, np.arange(4))
    losses = {finding.layer: finding.loss_nats for finding in diagnose(twin(), labelled)}
    assert losses["early"] == 0.0
    assert losses["head"] > 0.0
