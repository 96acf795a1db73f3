import pytest

from adaptive.artifact import load_artifact
from adaptive.errors import ConfigError
from adaptive.search.grouping import group_layers, merge_groups

RESNET = load_artifact("resnet8_cifar10")
DIGITS = load_artifact("digits")


def test_layers_stand_alone() -> None:
    assert group_layers(DIGITS, "layer") == tuple((layer,) for layer in DIGITS.layers)


def test_residual_blocks_lie_between_cuts() -> None:
    assert group_layers(RESNET, "block") == (
        ("stem",),
        ("block1_conv1", "block1_conv2"),
        ("block2_conv1", "block2_conv2", "block2_shortcut"),
        ("block3_conv1", "block3_conv2", "block3_shortcut"),
        ("head",),
    )


def test_a_depthwise_layer_goes_with_the_one_after_it() -> None:
    assert ("depthwise1", "pointwise1") in group_layers(DIGITS, "block")


def test_stages_share_the_size_of_their_maps() -> None:
    assert group_layers(RESNET, "stage") == (
        ("stem", "block1_conv1", "block1_conv2"),
        ("block2_conv1", "block2_conv2", "block2_shortcut"),
        ("block3_conv1", "block3_conv2", "block3_shortcut"),
        ("head",),
    )


@pytest.mark.parametrize("count", range(1, 11))
def test_neighbours_are_joined_until_so_many_are_left(count: int) -> None:
    merged = merge_groups(RESNET, group_layers(RESNET, "layer"), count)
    assert len(merged) == count
    assert tuple(layer for group in merged for layer in group) == RESNET.layers


def test_the_smallest_neighbours_join_first() -> None:
    merged = merge_groups(RESNET, group_layers(RESNET, "layer"), 9)
    assert ("block3_shortcut", "head") in merged


def test_no_groups_are_refused() -> None:
    with pytest.raises(ConfigError, match="--groups is 0"):
        merge_groups(RESNET, group_layers(RESNET, "layer"), 0)
