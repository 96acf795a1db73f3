import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import small_artifact

from adaptive.archive import MANIFEST, encode_archive, open_archive, seal
from adaptive.artifact import (
    artifact_names,
    decode_artifact,
    load_artifact,
    save_artifact,
)
from adaptive.errors import ArtifactError
from adaptive.graph import Signal
from adaptive.precision import Bits, Effort, PrecisionPlan

ARTIFACT = small_artifact()


def _saved() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "a.npz"
        save_artifact(ARTIFACT, target)
        return target.read_bytes()


CONTENT = _saved()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "small.npz"
    save_artifact(ARTIFACT, path)
    return path


def test_an_artifact_comes_back_as_it_was(path: Path) -> None:
    back = load_artifact(path)
    assert back.checksum == ARTIFACT.checksum
    assert back.graph == ARTIFACT.graph
    assert back.labels == ARTIFACT.labels
    assert back.measured == ARTIFACT.measured
    assert back.work == ARTIFACT.work
    for layer in ARTIFACT.layers:
        np.testing.assert_array_equal(back.tensors[layer].weight, ARTIFACT.tensors[layer].weight)


def test_saving_twice_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.npz"
    save_artifact(load_artifact(str(path)), again)
    assert again.read_bytes() == path.read_bytes()


def test_the_checksum_is_of_the_content() -> None:
    renamed = replace(ARTIFACT, name="other")
    retrained = small_artifact(seed=1)
    assert len({ARTIFACT.checksum, renamed.checksum, retrained.checksum}) == 3


def test_only_one_weight_tensor_a_layer_is_stored(path: Path) -> None:
    with np.load(path, allow_pickle=False) as archive:
        stored = [name for name in archive.files if name.endswith("/weight")]
        assert sorted(stored) == sorted(f"{layer}/weight" for layer in ARTIFACT.layers)
        assert all(archive[name].dtype == np.int16 for name in stored)


def test_the_bundled_network_loads_by_its_name() -> None:
    assert "digits" in artifact_names()
    digits = load_artifact("digits")
    assert digits.source.shape == (8, 8, 1)
    assert digits.labels.levels == ("leaf", "shape")
    assert len(digits.measured) == 2 ** len(digits.layers)


def test_the_bundled_network_is_under_300_kb() -> None:
    import adaptive.artifacts

    (folder,) = adaptive.artifacts.__path__
    assert (Path(folder) / "digits.npz").stat().st_size < 300_000


def test_a_missing_file_is_named_with_what_there_is() -> None:
    with pytest.raises(ArtifactError, match=r"^nowhere.npz: No such file.*bundled.*digits"):
        load_artifact("nowhere.npz")


def test_a_name_no_file_can_have_is_an_artifact_error() -> None:
    with pytest.raises(ArtifactError, match="null"):
        load_artifact("a\0b")


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip", b"\x93NUMPY" * 30])
def test_what_is_no_archive_is_named(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=str(path)):
        load_artifact(path)


def forge(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> bytes:
    """Return a soundly sealed artifact with its manifest or arrays changed."""
    manifest = json.loads(open_archive(CONTENT, where="f")[MANIFEST])
    with np.load(io.BytesIO(CONTENT), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files if name != MANIFEST}
    change(manifest, arrays)
    return encode_archive(json.dumps(manifest).encode(), arrays)


def put(where: str, *keys: Any, value: Any) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    def change(manifest: dict[str, Any], arrays: dict[str, Any]) -> None:
        target: Any = manifest if where == "manifest" else arrays
        for key in keys[:-1]:
            target = target[key]
        target[keys[-1]] = value

    return change


def drop(where: str, key: str) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    def change(manifest: dict[str, Any], arrays: dict[str, Any]) -> None:
        (manifest if where == "manifest" else arrays).pop(key)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("manifest", "schema", value=2), "schema is 2, expected 1"),
        (drop("manifest", "schema"), "schema"),
        (drop("manifest", "labels"), "labels"),
        (put("manifest", "surprise", value=1), "surprise"),
        (put("manifest", "name", value="Not A Name"), r"\$.name"),
        (put("manifest", "arithmetic", value="octal"), "octal"),
        (put("manifest", "arithmetic", value="radix"), "multiplier of stem is no power of two"),
        (put("manifest", "bits", value=[8, 16]), "bits is"),
        (put("manifest", "bits", value=[16, 12]), r"\$.bits"),
        (put("manifest", "bits", value=[16]), "measured|constants|bits"),
        (put("manifest", "widths", value=[1.0, 1.0]), "widths is"),
        (put("manifest", "widths", value=[1.0, 0.5]), "array stem/0.5/16/bias is missing"),
        (put("manifest", "widths", value=[1.0, -0.5]), r"\$.widths\[1\]"),
        (put("manifest", "head_levels", value={"leaf": "group"}), "heads is"),
        (put("manifest", "head_levels", value={"early": "group"}), "head_levels puts 'early'"),
        (put("manifest", "heads", value={"early": "head"}), "heads is"),
        (put("manifest", "heads", value={"leaf": "pool"}), "head leaf has shape"),
        (put("manifest", "heads", value={"leaf": "absent"}), "head leaf is node 'absent'"),
        (put("manifest", "heads", value={"leaf": "stem"}), "head leaf has shape"),
        (put("manifest", "input", "shape", value=[72]), "expected 3 dimensions"),
        (put("manifest", "input", "scale", value=-1.0), r"\$.input.scale"),
        (put("manifest", "graph", 0, "op", value="conv3d"), r"conv3d"),
        (put("manifest", "graph", 0, "zero", value=77), r"\$.graph\[0\].zero"),
        (put("manifest", "graph", 0, "stride", value=[0, 1]), r"\$.graph\[0\].stride"),
        (put("manifest", "graph", 1, "inputs", value=["head"]), "reads 'head'"),
        (put("manifest", "labels", "leaves", value={"a": [], "b": []}), "head leaf has shape"),
        (put("manifest", "measured", 0, "bits", value=[8, 8]), "expected one for each of 3"),
        (put("manifest", "measured", 0, "images", value=-1), r"\$.measured\[0\].images"),
        (put("manifest", "measured", 0, "width", value=0.5), "measured: .* carries widths"),
        (put("manifest", "measured", 0, "head", value="early"), "measured: .* carries heads"),
        (put("manifest", "measured", 0, "correct", value={"leaf": 1}), "has levels"),
        (drop("arrays", "stem/weight"), "array stem/weight is missing"),
        (drop("arrays", "stem/8/shift"), "array stem/8/shift is missing"),
        (put("arrays", "stem/weight", value=np.zeros((4, 3, 3, 2), np.int32)), "stem/weight is"),
        (put("arrays", "stem/weight", value=np.zeros((4, 3, 2, 3), np.int16)), "stem/weight is"),
        (
            put("arrays", "stem/weight", value=np.full((4, 3, 3, 2), -32768, np.int16)),
            "stem: weight holds a code beyond",
        ),
        (put("arrays", "stem/weight_scale", value=np.full(4, np.nan)), "stem: weight_scale holds"),
        (put("arrays", "stem/8/shift", value=np.zeros(4, np.uint8)), "stem/8: a shift"),
        (put("arrays", "stem/16/bias", value=np.full(4, 2**60)), "stem/16: bias is beyond"),
    ],
)
def test_every_damage_is_named_with_file_and_field(
    change: Callable[[dict[str, Any], dict[str, Any]], None], message: str
) -> None:
    with pytest.raises(ArtifactError, match=message) as caught:
        decode_artifact(forge(change), where="file.npz")
    assert str(caught.value).startswith("file.npz: ")
    assert "\n" not in str(caught.value)


def test_a_manifest_that_is_no_json_is_named() -> None:
    for text in (b"", b"\xff", b"{", b'{"schema": NaN}', b"[" * 100_000):
        with pytest.raises(ArtifactError, match=MANIFEST):
            decode_artifact(encode_archive(text, {}), where="f")


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(2, len(CONTENT) - 67), st.integers(1, 255)), max_size=3))
def test_a_forged_file_is_whole_or_an_artifact_error(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(CONTENT)
    for position, change in changes:
        damaged[position] ^= change
    # Anything but an ArtifactError ends the test.
    with suppress(ArtifactError):
        assert decode_artifact(seal(bytes(damaged[:-66]) + b"\x00\x00"), where="f").layers


@given(st.binary(max_size=300))
def test_random_bytes_are_an_artifact_error(content: bytes) -> None:
    with pytest.raises(ArtifactError):
        decode_artifact(content, where="f")


def effort(**changes: Any) -> Effort:
    plain = {"plan": PrecisionPlan.uniform(ARTIFACT.layers, Bits.INT8)}
    return Effort(**(plain | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0.5}, "carries widths \\(1.0,\\), not 0.5"),
        ({"head": "early"}, "carries heads \\('leaf',\\), not 'early'"),
        ({"plan": PrecisionPlan.uniform(ARTIFACT.layers, Bits.INT4)}, "carries 16, 8 bits"),
        ({"plan": PrecisionPlan.uniform(("x",), Bits.INT8)}, "has layers"),
    ],
)
def test_an_effort_it_does_not_carry_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        ARTIFACT.require(effort(**changes))


def test_a_measured_effort_is_found_and_another_is_not() -> None:
    found = ARTIFACT.measurement(effort())
    assert found is not None
    assert found.accuracy == {"leaf": 0.6, "group": 0.9}
    other = Effort(PrecisionPlan.uniform(ARTIFACT.layers, Bits.INT16))
    assert ARTIFACT.measurement(other) is None


def test_tensors_for_other_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="tensors is for"):
        replace(ARTIFACT, tensors={})


def test_tensors_of_another_shape_are_refused() -> None:
    swapped = dict(ARTIFACT.tensors) | {"head": ARTIFACT.tensors["stem"]}
    with pytest.raises(ValueError, match="weight of head has shape"):
        replace(ARTIFACT, tensors=swapped)


def test_constants_that_do_not_fit_the_node_are_refused() -> None:
    tensors = ARTIFACT.tensors["stem"]
    turned = replace(tensors, requantisers={Bits.INT16: tensors.requantisers[Bits.INT16]})
    with pytest.raises(ValueError, match="constants of stem"):
        replace(ARTIFACT, tensors=dict(ARTIFACT.tensors) | {"stem": turned})


def test_an_input_that_is_no_image_is_refused() -> None:
    head = ARTIFACT.graph[-1]
    with pytest.raises(ValueError, match=r"input has shape \(4,\), expected \(H, W, C\)"):
        replace(
            ARTIFACT,
            source=Signal((4,), 1.0, -32768),
            graph=(msgspec.structs.replace(head, inputs=("input",)),),
            tensors={"head": ARTIFACT.tensors["head"]},
            measured=(),
        )


def test_an_archive_without_a_manifest_is_named() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("other.txt", "x")
    with pytest.raises(ArtifactError, match=r"f: manifest.json is missing"):
        decode_artifact(seal(buffer.getvalue()), where="f")
