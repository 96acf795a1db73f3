import argparse
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rehearsal import PI_KHZ, configure

from adaptive.artifact import load_artifact
from adaptive.board.roots import Roots
from adaptive.client import Governed
from adaptive.config import load_board
from adaptive.cost import build_points
from adaptive.daemon.embedded import Embedded
from adaptive.daemon.outside import Outside
from adaptive.errors import ConfigError
from adaptive.operating_point import save_points
from experiments.stand_in import FakeBoard
from experiments.watch_folder import load_images, watch


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(3):
        pixels = generator.integers(0, 256, (20, 30), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_a_folder_is_classified_under_the_daemons_plan(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = FakeBoard(tmp_path / "board", frequencies_khz=PI_KHZ)
    outside = Outside(roots=Roots(board.root), environment={})
    daemon = Embedded(configure(tmp_path), outside)
    try:
        with Governed("camera", path=daemon.socket) as governed:
            args = argparse.Namespace(
                folder=pictures, artifact=None, engine="numpy", rate=20.0, seconds=1.5
            )
            assert watch(governed, args) == 0
            assert governed.status()["application"] == "camera"
    finally:
        daemon.close()
    assert "frames, median latency" in capsys.readouterr().out
    assert board.read("scaling_governor") == "schedutil"


def test_a_plan_may_go_on_where_it_is_unsure(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = load_artifact("digits_early")
    onward = [m.effort for m in network.measured if m.effort.onward and "leaf" in m.correct]
    table = build_points(load_board("rpi4b"), network, images_per_frame=64, efforts=onward[:1])
    save_points(table, tmp_path / "points.json")
    board = FakeBoard(tmp_path / "board", frequencies_khz=PI_KHZ)
    entry = {"artifact": "digits_early", "points": str(tmp_path / "points.json")}
    daemon = Embedded(
        configure(tmp_path, networks=[entry]), Outside(roots=Roots(board.root), environment={})
    )
    try:
        with Governed("camera", path=daemon.socket) as governed:
            assert governed.wait_for_plan().effort(governed.layers) == onward[0]
            args = argparse.Namespace(
                folder=pictures, artifact=None, engine="numpy", rate=20.0, seconds=0.5
            )
            assert watch(governed, args) == 0
    finally:
        daemon.close()
    assert ">all-" in capsys.readouterr().out


def test_images_are_scaled_to_what_the_network_reads(pictures: Path) -> None:
    images = load_images(pictures, load_artifact("digits"))
    assert [name for name, _ in images] == ["0.png", "1.png", "2.png"]
    assert {image.shape for _, image in images} == {(1, *load_artifact("digits").source.shape)}


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no image"):
        load_images(tmp_path, load_artifact("digits"))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ConfigError, match="is no image"):
        load_images(tmp_path, load_artifact("digits"))
