import gzip
from pathlib import Path

import numpy as np
import pytest
from datasets import SMALL_MNIST, found_or_message, idx_bytes, write_idx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adaptive.errors import ConfigError
from models.datasets.idx import read_idx

VALUES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
WHOLE = idx_bytes(VALUES)


def read(path: Path, content: bytes, shape: tuple[int, ...] = (2, 3, 4)) -> np.ndarray:
    path.write_bytes(content)
    return read_idx(path, shape=shape, obtain="get it there")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_is_read_plain_or_zipped(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / ("x.gz" if zipped else "x")
    path.write_bytes(gzip.compress(WHOLE) if zipped else WHOLE)
    found = read_idx(tmp_path / "x", shape=(2, 3, 4), obtain="")
    np.testing.assert_array_equal(found, VALUES)


@pytest.mark.parametrize("zipped", [True, False])
def test_splits_are_cut_as_promised(tmp_path: Path, zipped: bool) -> None:
    write_idx(tmp_path, SMALL_MNIST, zipped=zipped)
    data = {
        split: SMALL_MNIST.load(tmp_path, split)  # type: ignore[arg-type]
        for split in ("train", "calibration", "test")
    }
    assert {split: part.images.shape for split, part in data.items()} == {
        "train": (25, 28, 28, 1), "calibration": (5, 28, 28, 1), "test": (20, 28, 28, 1),
    }  # fmt: skip
    assert data["calibration"].labels.tolist() == [5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "magic number is 0x0, expected 0x00000803"),
        (WHOLE[:4], "sizes|bytes"),
        (b"\x00\x00\x08\x01" + WHOLE[4:], "magic number is 0x00000801, expected 0x00000803"),
        (b"\x00\x00\x0d\x03" + WHOLE[4:], "magic number is 0x00000d03"),
        (idx_bytes(VALUES[:, :, :2]), r"sizes are \(2, 3, 2\), expected \(2, 3, 4\)"),
        (WHOLE[:-1], "has 39 bytes, expected 40; the file is damaged"),
        (WHOLE + b"x", "has more than 40 bytes, expected 40"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read(tmp_path / "x", content)
    assert str(caught.value).startswith(f"{tmp_path / 'x'}: ")
    assert str(caught.value).endswith("get it there")


def test_a_broken_or_missing_zip_is_one_clear_line(tmp_path: Path) -> None:
    for content in (WHOLE, gzip.compress(WHOLE)[:-9], b""):
        (tmp_path / "x.gz").write_bytes(content)
        with pytest.raises(ConfigError, match=r"x\.gz: (not a whole gzip|magic number)"):
            read_idx(tmp_path / "x", shape=(2, 3, 4), obtain="")
    with pytest.raises(ConfigError, match=r"y\.gz: No such file"):
        read_idx(tmp_path / "y", shape=(2, 3, 4), obtain="")


def test_a_zip_is_unpacked_no_further_than_the_file_may_reach(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(WHOLE + bytes(2**24)))
    with pytest.raises(ConfigError, match="has more than 40 bytes"):
        read_idx(tmp_path / "x", shape=(2, 3, 4), obtain="")


def test_a_label_that_is_no_digit_is_named(tmp_path: Path) -> None:
    write_idx(tmp_path, SMALL_MNIST, zipped=False)
    path = tmp_path / "mnist" / "t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"\x0a")
    with pytest.raises(ConfigError, match=r"labels\[19\]: is 10, expected a class from 0 to 9"):
        SMALL_MNIST.load(tmp_path, "test")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.booleans(), st.integers(0, 100), st.binary(max_size=6), st.integers(0, 6))
def test_damage_gives_an_array_or_one_clear_line(
    tmp_path: Path, zipped: bool, at: int, patch: bytes, cut: int
) -> None:
    whole = gzip.compress(WHOLE, mtime=0) if zipped else WHOLE
    at %= len(whole)
    path = tmp_path / ("z.gz" if zipped else "x")
    path.write_bytes(whole[:at] + patch + whole[at + cut :])
    found = found_or_message(lambda: read_idx(tmp_path / path.stem, shape=(2, 3, 4), obtain=""))
    if isinstance(found, str):
        assert found.startswith(f"{path}: ")
        assert "\n" not in found
    else:
        assert found.shape == (2, 3, 4)
