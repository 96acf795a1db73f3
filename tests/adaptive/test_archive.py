import io
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from adaptive.archive import array_header, encode_archive, open_archive, read_array, seal
from adaptive.errors import ArtifactError
from adaptive.files import write_atomically

ARRAYS = {"a/weight": np.arange(6, dtype=np.int16).reshape(2, 3), "b": np.array([0.5])}
CONTENT = encode_archive(b'{"x":1}', ARRAYS)


def test_numpy_reads_the_archive_without_pickle() -> None:
    with np.load(io.BytesIO(CONTENT), allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["a/weight"], ARRAYS["a/weight"])
        assert archive["manifest.json"] == b'{"x":1}'


@given(hnp.arrays(st.sampled_from(["i2", "i4", "i8", "u1", "f8"]), hnp.array_shapes(max_dims=4)))
def test_an_array_comes_back_as_it_was(array: np.ndarray) -> None:
    members = open_archive(encode_archive(b"{}", {"a": array}), where="f")
    back = read_array(members, "a", dtype=array.dtype.name, shape=array.shape, where="f")
    assert back.tobytes() == np.ascontiguousarray(array).tobytes()
    assert not back.flags.writeable


def test_the_header_is_the_one_numpy_reads() -> None:
    file = io.BytesIO(array_header("int64", (2, 1)) + np.arange(2, dtype="<i8").tobytes())
    assert np.load(file).tolist() == [[0], [1]]
    assert len(array_header("int64", (2, 1))) % 64 == 0


def test_equal_content_gives_equal_bytes_in_any_order() -> None:
    assert encode_archive(b'{"x":1}', dict(reversed(ARRAYS.items()))) == CONTENT


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(position: int, change: int) -> None:
    damaged = bytearray(CONTENT)
    damaged[position] ^= change
    with pytest.raises(ArtifactError, match=r"^f: "):
        open_archive(bytes(damaged), where="f")


@given(st.integers(0, len(CONTENT) - 1))
def test_no_cut_goes_unnoticed(length: int) -> None:
    with pytest.raises(ArtifactError, match=r"^f: "):
        open_archive(CONTENT[:length], where="f")


def reseal(content: bytes) -> bytes:
    """Seal changed bytes anew, as a forger would."""
    return seal(content[:-66] + b"\x00\x00")


def test_resealing_what_is_whole_changes_nothing() -> None:
    assert reseal(CONTENT) == CONTENT


@given(st.lists(st.tuples(st.integers(2, len(CONTENT) - 67), st.integers(1, 255)), max_size=6))
def test_a_forged_archive_opens_or_is_an_artifact_error(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(CONTENT)
    for position, change in changes:
        damaged[position] ^= change
    # Anything but an ArtifactError ends the test.
    with suppress(ArtifactError):
        members = open_archive(reseal(bytes(damaged)), where="f")
        assert read_array(members, "a/weight", dtype="int16", shape=(2, 3), where="f").size == 6


def test_a_compressed_member_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", "x" * 1000)
    with pytest.raises(ArtifactError, match="not plainly stored"):
        open_archive(seal(buffer.getvalue()), where="f")


def test_a_body_with_a_comment_cannot_be_sealed() -> None:
    with pytest.raises(ValueError, match="without one"):
        seal(CONTENT)


@pytest.mark.parametrize(
    ("name", "dtype", "shape", "message"),
    [
        ("c", "int16", (2, 3), "array c is missing"),
        ("a/weight", "int32", (2, 3), "array a/weight is .*'<i2'.*, expected int32"),
        ("a/weight", "int16", (3, 2), "expected int16 of shape \\(3, 2\\)"),
    ],
)
def test_an_array_of_another_kind_is_refused(
    name: str, dtype: str, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ArtifactError, match=message):
        read_array(open_archive(CONTENT, where="f"), name, dtype=dtype, shape=shape, where="f")


def test_an_array_cut_short_is_refused() -> None:
    members = open_archive(CONTENT, where="f")
    members["b.npy"] = members["b.npy"][:-1]
    with pytest.raises(ArtifactError, match="array b is"):
        read_array(members, "b", dtype="float64", shape=(1,), where="f")


def test_writing_replaces_whole_files_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "directory"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomically(path, b"content")
    assert list(tmp_path.iterdir()) == [path]
