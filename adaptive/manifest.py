"""What the artifact file says in JSON, and where its arrays lie.

An array is named `layer/weight`, `layer/weight_scale` or, for each precision, `layer/8/bias`,
`layer/8/multiplier`, `layer/8/pre_shift`, `layer/8/shift`; for a narrower width
`layer/0.5/8/bias` and so on.
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from adaptive.archive import MANIFEST, read_array
from adaptive.arithmetic import Arithmetic
from adaptive.errors import ArtifactError
from adaptive.graph import Conv2d, LayerTensors, Name, Node, Signal, Switchable, weight_shape
from adaptive.measured import MeasuredEntry
from adaptive.nesting import channels_at
from adaptive.precision import Bits
from adaptive.quantise import Requantiser

SCHEMA = 1
VECTORS = {"bias": "int64", "multiplier": "int32", "pre_shift": "uint8", "shift": "uint8"}

Array = NDArray[Any]
Fact = str | int | float
Width = Annotated[float, Meta(gt=0.0, le=1.0)]


class LabelEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The label tree: levels, finest first, and the path of each leaf."""

    levels: list[str]
    leaves: dict[str, list[str]]


class Manifest(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """The whole of `manifest.json`."""

    schema: int
    name: Name
    arithmetic: Arithmetic
    bits: tuple[Bits, ...]
    widths: tuple[Width, ...]
    heads: dict[Name, Name]
    input: Signal
    graph: tuple[Node, ...]
    labels: LabelEntry
    measured: tuple[MeasuredEntry, ...]
    provenance: dict[str, Fact]
    head_levels: dict[Name, str] = {}


class _Version(msgspec.Struct):
    """The one field every schema has."""

    schema: int


def decode_manifest(members: Mapping[str, bytes], *, where: str) -> Manifest:
    """Read the manifest out of an archive's members; raises ArtifactError naming the field."""
    text = members.get(MANIFEST)
    if text is None:
        raise ArtifactError(f"{where}: {MANIFEST} is missing, expected an artifact")
    try:
        found = msgspec.json.decode(text, type=_Version).schema
        if found != SCHEMA:
            raise ArtifactError(f"{where}: schema is {found}, expected {SCHEMA}")
        return msgspec.json.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArtifactError(f"{where}: {MANIFEST}: {error}") from error


def layer_arrays(layer: str, tensors: LayerTensors) -> dict[str, Array]:
    """Name the arrays of one layer as the file does."""
    arrays: dict[str, Array] = {
        f"{layer}/weight": tensors.weight,
        f"{layer}/weight_scale": tensors.weight_scale,
    }
    for width, requantisers in ((1.0, tensors.requantisers), *tensors.narrow.items()):
        for bits, requantiser in requantisers.items():
            for vector in VECTORS:
                name = f"{_prefix(layer, width, bits)}/{vector}"
                arrays[name] = getattr(requantiser, vector)
    return arrays


def _prefix(layer: str, width: float, bits: Bits) -> str:
    """Return what the names of the vectors of a layer begin with."""
    return f"{layer}/{int(bits)}" if width == 1.0 else f"{layer}/{width!r}/{int(bits)}"


def read_layer(
    members: Mapping[str, bytes],
    node: Switchable,
    source: Signal,
    *,
    manifest: Manifest,
    where: str,
) -> LayerTensors:
    """Read the arrays of one layer; raises ArtifactError naming the array."""
    shape = weight_shape(node, source)
    channels = shape[:1]
    requantisers = {
        width: _read_requantisers(members, node, width, manifest=manifest, where=where)
        for width in manifest.widths
    }
    name = f"{node.name}/weight"
    weight = read_array(members, name, dtype="int16", shape=shape, where=where)
    scale = read_array(members, f"{name}_scale", dtype="float64", shape=channels, where=where)
    try:
        return LayerTensors(weight, scale, requantisers.pop(1.0, {}), requantisers)
    except ValueError as error:
        raise ArtifactError(f"{where}: {node.name}: {error}") from error


def _read_requantisers(
    members: Mapping[str, bytes], node: Switchable, width: float, *, manifest: Manifest, where: str
) -> dict[Bits, Requantiser]:
    """Read the constants of one layer at one width, for each precision."""
    channels = channels_at(node.channels, width) if isinstance(node, Conv2d) else node.features
    requantisers: dict[Bits, Requantiser] = {}
    for bits in manifest.bits:
        prefix = _prefix(node.name, width, bits)
        vectors = {
            vector: read_array(
                members, f"{prefix}/{vector}", dtype=dtype, shape=(channels,), where=where
            )
            for vector, dtype in VECTORS.items()
        }
        output = Bits.INT16 if node.name in manifest.heads.values() else bits
        try:
            requantisers[bits] = Requantiser(**vectors, bits=output, zero=node.zero, relu=node.relu)
        except ValueError as error:
            raise ArtifactError(f"{where}: {prefix}: {error}") from error
    return requantisers


def content_checksum(manifest: bytes, arrays: Mapping[str, Array]) -> str:
    """Compute the sha256 over the manifest and every array's name, type, shape and bytes."""
    digest = hashlib.sha256(manifest)
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
