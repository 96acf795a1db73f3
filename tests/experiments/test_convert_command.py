import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx_files import export_onnx, node, onnx_answer, write_onnx
from PIL import Image
from tflite_files import export_tflite

from adaptive.artifact import Artifact, load_artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.errors import ConfigError
from adaptive.labels import LabelTree
from adaptive.precision import Bits, Effort, PrecisionPlan
from experiments.commands import convert as command
from models.convert import convert
from models.export import load_network
from models.post_training import PostTraining, calibrated_artifact
from models.zoo.catalogue import NetworkConfig, build

RNG = np.random.default_rng(0)
LEAVES = ("cat", "dog", "car", "ship")


def call(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments))


def tree_file(folder: Path, leaves: tuple[str, ...] = LEAVES) -> str:
    entries = "".join(
        f"  {leaf}: [{'animal' if k < 2 else 'vehicle'}]\n" for k, leaf in enumerate(leaves)
    )
    (folder / "tree.yaml").write_text(f"levels: [leaf, realm]\nleaves:\n{entries}")
    return str(folder / "tree.yaml")


def pictures(
    folder: Path, *, labelled: bool, side: int = 8, mode: str = "RGB", each: int = 3
) -> np.ndarray:
    """Write PNG files of noise; returns them in the order of their names."""
    found = []
    for leaf in sorted(LEAVES):
        for number in range(each):
            home = folder / leaf if labelled else folder
            home.mkdir(parents=True, exist_ok=True)
            shape = (side, side, 3) if mode == "RGB" else (side, side)
            pixels = RNG.integers(0, 256, shape, dtype=np.uint8)
            Image.fromarray(pixels).save(home / f"{leaf}_{number}.png")
            found.append(pixels.reshape(side, side, -1))
    return np.stack(found)


def small_onnx(folder: Path, *, weight: float = 1.0, channels: int = 3) -> Path:
    rng = np.random.default_rng(1)
    nodes = [
        node("Conv", ["x", "w", "b"], "conv", pads=[1, 1, 1, 1]),
        node("Relu", ["conv"], "act"),
        node("GlobalAveragePool", ["act"], "mean"),
        node("Flatten", ["mean"], "flat"),
        node("Gemm", ["flat", "m", "c"], "y"),
    ]
    constants = {
        "w": (weight * rng.normal(0, 0.5, (6, channels, 3, 3))).astype(np.float32),
        "b": rng.normal(0, 0.1, 6).astype(np.float32),
        "m": rng.normal(0, 1, (6, 4)).astype(np.float32),
        "c": rng.normal(0, 0.1, 4).astype(np.float32),
    }
    return write_onnx(folder / "net.onnx", nodes, constants, shape=(1, channels, 8, 8))


def arguments(folder: Path, network: Path, images: str = "") -> list[str]:
    return [
        str(network), "--images", images or str(folder / "pictures"),
        "--labels", tree_file(folder), "-o", str(folder / "out.npz"),
    ]  # fmt: skip


def logits(artifact: Artifact, images: np.ndarray, bits: Bits) -> np.ndarray:
    effort = Effort(PrecisionPlan.uniform(artifact.layers, bits))
    engine = ReferenceEngine(artifact)
    return engine.logits(engine.run(images, effort), effort)


def test_a_network_and_a_folder_of_pictures_become_an_artifact(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = pictures(tmp_path / "pictures", labelled=False)
    network = small_onnx(tmp_path)
    assert call(*arguments(tmp_path, network)) == 0
    assert "nothing measured: the images have no labels" in capsys.readouterr().out
    artifact = load_artifact(str(tmp_path / "out.npz"))
    assert artifact.labels.leaves == LEAVES
    assert artifact.measured == ()
    assert artifact.provenance["network"] == "net.onnx"
    x = (images / 255).transpose(0, 3, 1, 2).astype(np.float32)
    expected = onnx_answer(network, x)
    np.testing.assert_allclose(logits(artifact, images, Bits.INT16), expected, atol=2e-3)
    np.testing.assert_allclose(logits(artifact, images, Bits.INT8), expected, atol=0.1)


def test_one_folder_a_class_is_measured_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures(tmp_path / "pictures", labelled=True)
    given = arguments(tmp_path, small_onnx(tmp_path))
    assert call(*given, "--plans", "2", "--range", "sqnr", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    artifact = load_artifact(str(tmp_path / "out.npz"))
    assert found["checksum"] == artifact.checksum
    assert {"all-16", "all-8"} < set(found["accuracy"])
    assert [entry.images for entry in artifact.measured] == [12] * len(artifact.measured)
    assert artifact.provenance["ranges"] == "sqnr"


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_a_network_of_the_zoo_answers_as_after_direct_conversion(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain = build(NetworkConfig("resnet8"), classes=4).eval()
    images = pictures(tmp_path / "pictures", labelled=False, side=32, each=2)
    path = tmp_path / f"net.{kind}"
    if kind == "onnx":
        export_onnx(plain, path, shape=(3, 32, 32))
    else:
        export_tflite(convert(plain, (32, 32, 3)), path)
    assert call(*arguments(tmp_path, path)) == 0
    artifact = load_artifact(str(tmp_path / "out.npz"))
    direct = calibrated_artifact(
        convert(plain, (32, 32, 3)), images, None, how=PostTraining(), name="direct",
        tree=LabelTree(LEAVES, ("leaf",), ((),) * 4), provenance={},
    )  # fmt: skip
    assert len(artifact.layers) == len(direct.layers)
    for bits in (Bits.INT16, Bits.INT8):
        expected, found = (logits(each, images, bits) for each in (direct, artifact))
        np.testing.assert_allclose(found, expected, atol=0.01 * np.abs(expected).max())
        np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    twin, plan = load_network(artifact), PrecisionPlan.uniform(artifact.layers, Bits.INT8)
    twin.set_plan(plan)
    with torch.no_grad():
        codes = twin(torch.from_numpy(images)).values.numpy()
    np.testing.assert_array_equal(codes, ReferenceEngine(artifact).run(images, Effort(plan)))


def test_what_the_network_is_given_is_folded(tmp_path: Path) -> None:
    images = pictures(tmp_path / "pictures", labelled=False)
    network = small_onnx(tmp_path)
    further = {
        "bytes": (["--input", "bytes"], images * 1.0),
        "given": (["--mean", "0.4,0.5,0.6", "--std", "0.25"], None),
    }
    with pytest.raises(ConfigError, match="deviation has 1 channels, expected 3 as mean"):
        call(*arguments(tmp_path, network), *further["given"][0])
    given = ["--mean", "0.4,0.5,0.6", "--std", "0.25,0.25,0.5"]
    normalised = (images / 255 - [0.4, 0.5, 0.6]) / [0.25, 0.25, 0.5]
    for flags, x in ((further["bytes"][0], images * 1.0), (given, normalised)):
        assert call(*arguments(tmp_path, network), *flags) == 0
        artifact = load_artifact(str(tmp_path / "out.npz"))
        expected = onnx_answer(network, x.transpose(0, 3, 1, 2).astype(np.float32))
        found = logits(artifact, images, Bits.INT16)
        np.testing.assert_allclose(found, expected, atol=3e-3 * np.abs(expected).max())


def test_pictures_of_another_size_are_scaled_and_cut(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (40, 30), (10, 20, 30)).save(folder / "wide.jpg", quality=95)
    Image.new("L", (8, 8), 50).save(folder / "grey.png")
    assert call(*arguments(tmp_path, small_onnx(tmp_path))) == 0


def test_the_data_set_may_be_named(tmp_path: Path) -> None:
    network = small_onnx(tmp_path, channels=1)
    given = [str(network), "--images", "digits", "-o", str(tmp_path / "out.npz")]
    with pytest.raises(ConfigError, match="--labels is missing, expected a YAML file: digits has"):
        call(*given)
    with pytest.raises(ConfigError, match="has 4 leaves, expected 10 as digits has classes"):
        call(*given, "--labels", tree_file(tmp_path))


def refused(tmp_path: Path, message: str, *given: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call(*given)
    assert not (tmp_path / "out.npz").exists()
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--images", "absent"], "absent: No such file or directory, expected a folder of pic"),
        (["--count", "0"], "--count is 0"),
        (["--plans", "-1"], "plans is -1"),
        (["--mean", "0.5"], "--mean and --std go together"),
        (["--mean", "a", "--std", "1"], "--mean is 'a', expected numbers"),
        (["--mean", "0.5", "--std", "0"], r"--mean and --std: deviation is \(0\.0,\)"),
        (["--shape", "8,8"], "--shape is '8,8', expected height"),
        (["--shape", "8,8,1"], r"input 'x' has shape \[8, 8, 3\], expected \[8, 8, 1\]"),
        (["--labels", "absent.yaml"], "absent.yaml"),
        (["--labels", "cifar10"], "cifar10: has 10 leaves, expected 4, one for each output of"),
        (["--images", "digits"], r"reads images \(8, 8, 3\), expected \(8, 8, 1\) as digits has"),
    ],
)
def test_wrong_arguments_are_refused_and_nothing_is_written(
    flags: list[str], message: str, tmp_path: Path
) -> None:
    pictures(tmp_path / "pictures", labelled=False, each=1)
    refused(tmp_path, message, *arguments(tmp_path, small_onnx(tmp_path)), *flags)


def test_wrong_files_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    network = small_onnx(tmp_path)
    refused(tmp_path, "holds no PNG or JPEG files", *arguments(tmp_path, network))
    (folder / "broken.png").write_bytes(b"no picture")
    refused(tmp_path, r"broken\.png: cannot be decoded", *arguments(tmp_path, network))
    (folder / "broken.png").unlink()
    (folder / "horse").mkdir()
    refused(tmp_path, "horse: no leaf of the label tree, expected one of cat, dog, car, ship",
            *arguments(tmp_path, network))  # fmt: skip
    pictures(folder, labelled=False, each=1)
    refused(tmp_path, "beside the folder horse", *arguments(tmp_path, network))
    (folder / "horse").rmdir()
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(network.read_bytes()[:-40])
    refused(tmp_path, r"cut\.onnx: not a readable ONNX network", *arguments(tmp_path, cut))
    refused(tmp_path, "suffix is '.pt', expected one of .onnx", *arguments(tmp_path, Path("a.pt")))
    unreal = small_onnx(tmp_path, weight=np.nan)
    refused(tmp_path, "node the_conv: weight holds a value that is not finite",
            *arguments(tmp_path, unreal))  # fmt: skip
    four = small_onnx(tmp_path, channels=4)
    refused(tmp_path, "reads 4 channels, expected 1 or 3", *arguments(tmp_path, four))
    grey = small_onnx(tmp_path, channels=1)
    refused(tmp_path, "is a picture of mode RGB, expected grey: the network reads one channel",
            *arguments(tmp_path, grey))  # fmt: skip
    away = [*arguments(tmp_path, small_onnx(tmp_path))[:-1], str(tmp_path / "no" / "out.npz")]
    refused(tmp_path, "no such folder, expected one to write into", *away)
