import pickle
import pickletools
from pathlib import Path

import numpy as np
import pytest
from datasets import found_or_message, old_pickle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adaptive.errors import ConfigError
from models.datasets.unpickle import MOST_BYTES, read_pickle

DATA = np.arange(24, dtype=np.uint8).reshape(4, 6)
CONTENT: dict[bytes, object] = {b"data": DATA, b"labels": [3, 1, 2, 0], b"name": b"batch"}

OLD, NEW = old_pickle(CONTENT), pickletools.optimize(pickle.dumps(CONTENT, protocol=4))


def read(path: Path, content: bytes) -> dict[bytes, object]:
    path.write_bytes(content)
    return read_pickle(path, obtain="get it there")


@pytest.mark.parametrize("protocol", range(6))
def test_what_todays_numpy_writes_is_read(tmp_path: Path, protocol: int) -> None:
    found = read(tmp_path / "x", pickle.dumps(CONTENT, protocol=protocol))
    np.testing.assert_array_equal(found.pop(b"data"), DATA)
    assert found == {b"labels": [3, 1, 2, 0], b"name": b"batch"}


def test_what_python_2_wrote_is_read(tmp_path: Path) -> None:
    found = read(tmp_path / "x", old_pickle(CONTENT))
    np.testing.assert_array_equal(found.pop(b"data"), DATA)
    assert found == {b"labels": [3, 1, 2, 0], b"name": b"batch"}


def test_the_order_of_an_array_is_kept(tmp_path: Path) -> None:
    found = read(tmp_path / "x", pickle.dumps({b"data": np.asfortranarray(DATA)}))
    np.testing.assert_array_equal(found[b"data"], DATA)


def test_text_keys_count_as_bytes(tmp_path: Path) -> None:
    assert read(tmp_path / "x", pickle.dumps({"labels": [1]}))[b"labels"] == [1]


class Evil:
    """Writes a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("protocol", range(6))
def test_no_code_runs(tmp_path: Path, protocol: int) -> None:
    witness = tmp_path / "ran"
    with pytest.raises(ConfigError, match="which no data set needs"):
        read(tmp_path / "x", pickle.dumps({b"data": Evil(witness)}, protocol=protocol))
    assert not witness.exists()


@pytest.mark.parametrize(
    "name",
    [
        b"os\nsystem", b"builtins\neval", b"builtins\ngetattr", b"numpy\nload", b"numpy\nsave",
        b"numpy.core.multiarray\nfromfile", b"numpy\nndarray.tofile", b"nt\nsystem",
        b"numpy.testing._private.utils\nrunstring", b"builtins\nopen", b"copyreg\n_reconstructor",
    ],
)  # fmt: skip
def test_no_other_name_is_known(tmp_path: Path, name: bytes) -> None:
    with pytest.raises(ConfigError, match="it names"):
        read(tmp_path / "x", b"\x80\x02c" + name + b"\n(U\x01atR.")


def test_stand_ins_cannot_be_spoilt_for_the_next_file(tmp_path: Path) -> None:
    spoil = b"\x80\x02cnumpy\ndtype\n(N}U\x04makeU\x01xsu\x86b."
    with pytest.raises(ConfigError):
        read(tmp_path / "x", spoil)
    assert read(tmp_path / "y", old_pickle(CONTENT))[b"labels"] == [3, 1, 2, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps([1]), "holds a list, expected a mapping"),
        (pickle.dumps({b"data": DATA.astype(float)}), "type 'f8', expected u1"),
        (pickle.dumps({b"data": np.array(["a", None], dtype=object)}), "an array"),
        (b"\x80\x02c_codecs\nencode\n(U\x01aU\x05utf16tR.", "encoded as b'utf16'"),
        (b"\x80\x05cnumpy._core.numeric\n_frombuffer\n(K\x01K\x01K\x01K\x01tR.", "bytes and a"),
        (OLD.replace(b"u1K", b"f4K"), "type b'f4', expected u1"),
        (OLD.replace(b"J\x04\0\0\0J\x06", b"J\x05\0\0\0J\x06"), "cannot reshape"),
        (b"", "damaged or another one"),
        (b"\x80\x04\x95", "damaged or another one"),
        (b"not a pickle", "damaged or another one"),
        (b"\x80\x02]" + b"(" * 9 + b"." , "damaged or another one"),
        (b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\x00\x00.", "damaged or another one"),
        (b"\x80\x02}r\xff\xff\xff\xff", "damaged or another one"),
    ],
)  # fmt: skip
def test_anything_else_is_one_clear_line(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read(tmp_path / "batch", content)
    assert str(caught.value).startswith(f"{tmp_path / 'batch'}: ")
    assert str(caught.value).endswith("get it there")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named_with_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere: No such file.*get it there"):
        read_pickle(tmp_path / "nowhere", obtain="get it there")


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(ConfigError, match="bytes, expected at most"):
        read_pickle(tmp_path / "big", obtain="get it")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    st.sampled_from([OLD, NEW]),
    st.integers(0, 2**16),
    st.binary(min_size=0, max_size=6),
    st.integers(0, 6),
)
def test_damage_gives_a_mapping_or_one_clear_line(
    tmp_path: Path, whole: bytes, at: int, patch: bytes, cut: int
) -> None:
    at %= len(whole)
    found = found_or_message(lambda: read(tmp_path / "x", whole[:at] + patch + whole[at + cut :]))
    if isinstance(found, str):
        assert found.startswith(f"{tmp_path / 'x'}: ")
        assert "\n" not in found
    else:
        assert all(isinstance(key, bytes) for key in found)
