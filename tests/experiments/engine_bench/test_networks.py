import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest
from networks import small_artifact

from adaptive.artifact import load_artifact
from adaptive.errors import ConfigError
from adaptive.graph import Conv2d
from adaptive.precision import Bits
from experiments.engine_bench.config import NetworkEntry
from experiments.engine_bench.networks import draw_images, prepare, save_float
from experiments.engine_bench.peers.network import cached, load_images, load_network


def test_a_peer_reads_the_real_numbers_behind_the_codes(tmp_path: Path) -> None:
    artifact = small_artifact()
    save_float(artifact, tmp_path / "small-float.npz")
    network = load_network(str(tmp_path / "small-float.npz"))
    assert network.shape == (6, 6, 2)
    assert [node["op"] for node in network.nodes] == [
        "conv2d", "max_pool2d", "conv2d", "global_avg_pool", "linear",
    ]  # fmt: skip
    assert network.nodes[0]["pads"] == [1, 1, 1, 1]
    tensors = artifact.tensors["stem"]
    real = tensors.weight * tensors.weight_scale[:, None, None, None]
    np.testing.assert_allclose(network.weights["stem"], real, rtol=1e-6)
    bias = tensors.requantisers[Bits.INT16].bias * artifact.source.scale * tensors.weight_scale
    np.testing.assert_allclose(network.biases["stem"], bias, rtol=1e-6)


def test_padding_with_codes_is_refused(tmp_path: Path) -> None:
    artifact = small_artifact()
    stem = artifact.graph[0]
    assert isinstance(stem, Conv2d)
    filled = msgspec.structs.replace(stem, fill=(1, 2))
    changed = dataclasses.replace(artifact, graph=(filled, *artifact.graph[1:]))
    with pytest.raises(ConfigError, match="layer stem pads with codes"):
        save_float(changed, tmp_path / "float.npz")


def test_images_are_drawn_alike_from_a_seed_and_peers_see_them_within_one(tmp_path: Path) -> None:
    images = draw_images((20, 12, 3), 2, seed=3)
    assert images.shape == (2, 20, 12, 3)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, draw_images((20, 12, 3), 2, seed=3))
    np.save(tmp_path / "images.npy", images)
    seen = load_images(str(tmp_path / "images.npy"))
    assert seen.shape == (2, 3, 20, 12)
    np.testing.assert_allclose(seen[1, 2, 7, 5] * 255, images[1, 7, 5, 2], rtol=1e-6)


def test_a_network_of_random_weights_is_made_once_and_uses_its_ranges(tmp_path: Path) -> None:
    entry = NetworkEntry("resnet8")
    network = prepare(entry, tmp_path, seed=1, images=2)
    again = prepare(entry, tmp_path, seed=1, images=2)
    assert again.artifact.checksum == network.artifact.checksum
    assert load_artifact(network.artifact_path).checksum == network.artifact.checksum
    assert network.float_path.exists()
    assert cached(str(network.float_path), "folder", "onnx").endswith("-float.onnx")
    other = prepare(entry, tmp_path, seed=2, images=2)
    assert other.artifact.checksum != network.artifact.checksum
