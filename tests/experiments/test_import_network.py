from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import IDS, write_imagenet

from adaptive.artifact import load_artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.precision import Bits, Effort, PrecisionPlan
from experiments.import_network import IMAGENET, main, normalisation_of, spread
from models.data import LabelledImages
from models.datasets.imagenet import load_imagenet
from models.export import load_network
from models.zoo.catalogue import NetworkConfig, build


def weights(folder: Path, *, auxiliary: bool = False) -> Path:
    """Save random weights of a SqueezeNet for three classes, laid out as torchvision's."""
    torch.manual_seed(0)
    state = build(NetworkConfig("squeezenet1_1"), classes=3).state_dict()
    if auxiliary:
        state["aux1.fc1.weight"] = torch.zeros(2)
    path = folder / "squeezenet.pth"
    torch.save(state, path)
    return path


def arguments(folder: Path, *further: str) -> list[str]:
    leaves = "".join(f"  {name}: []\n" for name in sorted(IDS))
    (folder / "tree.yaml").write_text(f"levels: [leaf]\nleaves:\n{leaves}")
    return [
        "--network", "squeezenet1_1", "--data-dir", str(folder), "--images", "3",
        "--labels", str(folder / "tree.yaml"), "--output", str(folder / "out.npz"), *further,
    ]  # fmt: skip


def test_published_weights_and_a_folder_of_images_become_an_artifact(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_imagenet(tmp_path)
    path = weights(tmp_path, auxiliary=True)
    assert main(arguments(tmp_path, "--weights", str(path), "--range", "percentile")) == 0
    assert "all-8" in capsys.readouterr().out
    artifact = load_artifact(str(tmp_path / "out.npz"))
    assert [entry.effort.plan.code for entry in artifact.measured] == ["all-16", "all-8"]
    images = spread(load_imagenet(tmp_path, "calibration"), 3).images
    normalised = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    mean, deviation = (torch.tensor(x)[:, None, None] for x in (IMAGENET.mean, IMAGENET.deviation))
    plain = build(NetworkConfig("squeezenet1_1"), classes=3).eval()
    plain.load_state_dict(
        {k: v for k, v in torch.load(path, weights_only=True).items() if not k.startswith("aux")}
    )
    with torch.no_grad():
        expected = plain((normalised - mean) / deviation).numpy()
    effort = Effort(PrecisionPlan.uniform(artifact.layers, Bits.INT16))
    engine = ReferenceEngine(artifact)
    codes = engine.run(images, effort)
    np.testing.assert_allclose(
        engine.logits(codes, effort), expected, atol=0.02 * np.abs(expected).max()
    )
    twin = load_network(artifact)
    twin.set_plan(effort.plan)
    with torch.no_grad():
        np.testing.assert_array_equal(twin(torch.from_numpy(images)).values.numpy(), codes)


def test_each_network_has_the_normalisation_of_its_published_weights() -> None:
    assert normalisation_of("inception_v1").mean == (0.5, 0.5, 0.5)
    assert normalisation_of("resnet50") == IMAGENET


def test_images_are_spread_evenly() -> None:
    data = LabelledImages(np.zeros((11, 1, 1, 1), np.uint8), np.arange(11))
    assert spread(data, 3).labels.tolist() == [0, 5, 10]
    assert spread(data, 99).labels.tolist() == list(range(11))


@pytest.mark.parametrize(
    ("further", "message"),
    [
        (["--weights", "absent.pth"], "absent.pth: not a readable checkpoint"),
        (["--images", "0"], "images is 0"),
        (["--width", "0.5"], "width is 0.5, expected 1 for squeezenet1_1"),
        (["--network", "resnet18"], "not the state_dict of this network"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], further: list[str], message: str
) -> None:
    given = arguments(tmp_path, "--weights", str(weights(tmp_path)), *further)
    assert main(given) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("import_network: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "out.npz").exists()
