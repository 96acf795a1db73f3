from typing import Any

import numpy as np
import pytest
import torch

from adaptive.labels import LabelTree
from adaptive.precision import Bits, PrecisionPlan
from models.data import Distortion, LabelledImages
from models.network import SwitchableNetwork
from models.train import Recipe, reproducible, train
from models.zoo.digits import digits_network

TREE = LabelTree(tuple("0123456789"), ("leaf",), ((),) * 10)


def recipe(**changes: Any) -> Recipe:
    plain: dict[str, Any] = {
        "seed": 3, "float_epochs": 30, "joint_epochs": 2, "batch": 16, "float_rate": 1e-2,
        "joint_rate": 1e-3, "weight_decay": 0.0, "level_weights": {"leaf": 1.0},
        "distortion": Distortion(noise=3.0), "range_epochs": 1,
    }  # fmt: skip
    return Recipe(**(plain | changes))


def stripes() -> LabelledImages:
    """Ten classes that are easy to tell apart: class k lights one block of the image."""
    images = np.zeros((40, 8, 8, 1), np.uint8)
    labels = np.arange(40) % 10
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 4)
        image[2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = 60 + 15 * label
    return LabelledImages(images, labels)


def trained(seed: int = 3, **changes: Any) -> tuple[SwitchableNetwork, list[str]]:
    lines: list[str] = []
    network = train(
        lambda: digits_network(width=4),
        stripes(),
        tree=TREE,
        recipe=recipe(seed=seed, **changes),
        progress=lines.append,
    )
    return network, lines


def test_what_can_be_learned_is_learned_at_every_precision() -> None:
    network, lines = trained()
    data = stripes()
    for bits in (Bits.INT16, Bits.INT8):
        network.set_plan(PrecisionPlan.uniform(network.layers, bits))
        with torch.no_grad():
            answers = network(torch.from_numpy(data.images)).values.argmax(dim=1).numpy()
        assert np.mean(answers == data.labels) >= 0.9
    losses = [float(line.split()[-1]) for line in lines]
    assert losses[-1] < losses[0]
    assert lines[-1].startswith("joint 2/2: loss ")


def test_the_same_seed_trains_the_same_network_and_another_does_not() -> None:
    states = [trained(seed, float_epochs=2, joint_epochs=2)[0].state_dict() for seed in (1, 1, 2)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not all(torch.equal(states[0][name], states[2][name]) for name in states[0])


def test_torch_is_left_as_it_was() -> None:
    before = (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())
    state = torch.random.get_rng_state()
    with reproducible(5):
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
        torch.rand(3)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(
    ("field", "value"),
    [("batch", 0), ("float_epochs", 0), ("joint_epochs", -1), ("mixes", -1), ("joint_rate", 0.0)],
)
def test_an_impossible_recipe_is_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} is {value}"):
        recipe(**{field: value})
