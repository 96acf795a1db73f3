"""The exported network: everything a board needs from training, in one sealed file.

The file (see `adaptive.archive`) holds a JSON manifest and, for each switchable layer, one int16
weight tensor with its channel scales and, for each precision, four small vectors of requantisation
constants. There is no second weight tensor: narrower weights are cut from the 16-bit codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from numpy.typing import NDArray

from adaptive.archive import encode_archive, open_archive
from adaptive.arithmetic import Arithmetic
from adaptive.errors import ArtifactError
from adaptive.files import write_atomically
from adaptive.graph import (
    Conv2d,
    LayerTensors,
    LayerWork,
    Linear,
    Node,
    Signal,
    Switchable,
    layer_work,
)
from adaptive.labels import LabelTree
from adaptive.manifest import (
    SCHEMA,
    Fact,
    LabelEntry,
    Manifest,
    content_checksum,
    decode_manifest,
    layer_arrays,
    read_layer,
)
from adaptive.measured import MeasuredEffort
from adaptive.nesting import Subnetwork, subnetwork
from adaptive.precision import Bits, Effort
from adaptive.shapes import infer_signals
from adaptive.soundness import (
    check_constants,
    check_heads,
    check_weights,
    labels_at,
    output_bits,
)

__all__ = [
    "Artifact",
    "LayerWork",
    "MeasuredEffort",
    "artifact_names",
    "load_artifact",
    "save_artifact",
]


@dataclass(frozen=True, slots=True, eq=False)
class Artifact:
    """One exported network, checked as a whole on construction.

    Parameters
    ----------
    name
        Short name.
    bits
        Nested precisions each layer offers, widest first.
    heads
        Output node of each head, the leaf head first.
    source
        The input images: a uint8 pixel is the code `(pixel - 128) << 8`.
    graph
        Nodes in an order in which each reads only earlier ones; `input` is the image.
    labels
        What the outputs mean.
    tensors
        Numbers of each switchable layer, by name.
    measured
        Efforts measured when the network was exported.
    provenance
        How it was made: command, seed, dataset, versions.
    widths
        Shares of the channels that can run, falling from 1.
    arithmetic
        How bits are cut, and which scales there are.
    head_levels
        Level of the label tree at which a head answers, for those that do not answer with leaves.

    Attributes
    ----------
    signals
        Shape, scale and zero point behind every name of the graph.
    subnetworks
        What runs at each width; all are views of the same weights.
    checksum
        sha256 over the manifest and the arrays, in hexadecimal.
    """

    name: str
    bits: tuple[Bits, ...]
    heads: Mapping[str, str]
    source: Signal
    graph: tuple[Node, ...]
    labels: LabelTree
    tensors: Mapping[str, LayerTensors]
    measured: tuple[MeasuredEffort, ...] = ()
    provenance: Mapping[str, Fact] = field(default_factory=dict)
    widths: tuple[float, ...] = (1.0,)
    arithmetic: Arithmetic = Arithmetic.AFFINE
    head_levels: Mapping[str, str] = field(default_factory=dict)
    signals: Mapping[str, Signal] = field(init=False)
    subnetworks: Mapping[float, Subnetwork] = field(init=False)
    checksum: str = field(init=False)

    def __post_init__(self) -> None:
        if not self.bits or tuple(sorted(set(self.bits), reverse=True)) != self.bits:
            raise ValueError(f"bits is {self.bits}, expected widths falling from the widest")
        if (
            self.widths[:1] != (1.0,)
            or tuple(sorted(set(self.widths), reverse=True)) != self.widths
            or self.widths[-1] <= 0.0
        ):
            raise ValueError(f"widths is {self.widths}, expected shares falling from 1")
        object.__setattr__(self, "signals", infer_signals(self.source, self.graph))
        check_heads(self.heads, self.head_levels, self.signals, self.labels)
        check_weights(self.switchable, self.signals, self.tensors, self.widths)
        cut = {
            width: subnetwork(self.graph, self.signals, self.tensors, width=width)
            for width in self.widths
        }
        object.__setattr__(self, "subnetworks", cut)
        for one in cut.values():
            check_constants(one, self.heads, self.signals, self.bits, self.arithmetic)
        self._check_measured()
        object.__setattr__(self, "checksum", content_checksum(*_content(self)))

    def _check_measured(self) -> None:
        """Refuse measurements of what the network cannot run."""
        for entry in self.measured:
            try:
                self.require(entry.effort)
            except ArtifactError as error:
                raise ValueError(f"measured: {error}") from error
            told = self.labels_of(entry.effort.head).levels
            levels, expected = tuple(entry.correct), str(told)
            if entry.effort.onward is not None:
                then = self.labels_of(entry.effort.onward.effort.head).levels
                # A threshold holds for one level.
                told = levels if len(levels) == 1 and {*levels} <= {*told} & {*then} else ()
                expected = "one that both heads tell"
            if levels != told:
                raise ValueError(
                    f"measured {entry.effort.code} has levels {levels}, expected {expected}"
                )

    @property
    def switchable(self) -> tuple[Switchable, ...]:
        """Nodes with weights, in network order."""
        return tuple(node for node in self.graph if isinstance(node, Conv2d | Linear))

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the switchable layers, in network order."""
        return tuple(node.name for node in self.switchable)

    @property
    def work(self) -> tuple[LayerWork, ...]:
        """Multiply-accumulates and elements of each switchable layer, for one image."""
        return tuple(layer_work(node, self.signals) for node in self.switchable)

    @property
    def manifest_text(self) -> bytes:
        """The JSON manifest, as the file holds it."""
        return _content(self)[0]

    def work_of(self, effort: Effort) -> tuple[LayerWork, ...]:
        """Return what each layer costs that an effort runs on every image, for one image."""
        return self.subnetworks[effort.width].work(self.heads[effort.head])

    def labels_of(self, head: str) -> LabelTree:
        """Return the labels that a head tells apart: the tree from its level up."""
        return labels_at(head, self.head_levels, self.labels)

    def output_bits(self, layer: str, bits: Bits) -> Bits:
        """Return the width of a layer's output codes: a head always answers at 16 bits."""
        return output_bits(layer, bits, self.heads)

    def require(self, effort: Effort) -> None:
        """Raise ArtifactError, saying what there is, unless the network can run an effort."""
        if effort.plan.layers != self.layers:
            raise ArtifactError(
                f"artifact {self.name} has layers {self.layers}, the plan has {effort.plan.layers}"
            )
        for layer, bits in zip(effort.plan.layers, effort.plan.bits, strict=True):
            if bits not in self.bits:
                carried = ", ".join(str(int(width)) for width in self.bits)
                raise ArtifactError(
                    f"artifact {self.name} carries {carried} bits, the plan wants {int(bits)} "
                    f"for layer {layer}"
                )
        if effort.width not in self.widths:
            raise ArtifactError(
                f"artifact {self.name} carries widths {self.widths}, not {effort.width}"
            )
        if effort.head not in self.heads:
            raise ArtifactError(
                f"artifact {self.name} carries heads {tuple(self.heads)}, not {effort.head!r}"
            )
        if effort.onward is not None:
            self.require(effort.onward.effort)

    def measurement(self, effort: Effort) -> MeasuredEffort | None:
        """Return what was measured of an effort, or None if it was not."""
        return next((entry for entry in self.measured if entry.effort == effort), None)


def artifact_names() -> tuple[str, ...]:
    """Return the names of the bundled artifacts."""
    members = files("adaptive.artifacts").iterdir()
    return tuple(sorted(m.name.removesuffix(".npz") for m in members if m.name.endswith(".npz")))


def load_artifact(name_or_path: str | Path) -> Artifact:
    """Load a bundled artifact by its name, or any by its path.

    Raises
    ------
    ArtifactError
        Naming the file and the field, if it cannot be read or is damaged in any way.
    """
    where = str(name_or_path)
    try:
        if where in artifact_names():
            content = files("adaptive.artifacts").joinpath(f"{where}.npz").read_bytes()
        else:
            content = Path(name_or_path).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ArtifactError(
            f"{where}: {reason}, expected a file or one of the bundled artifacts: "
            f"{', '.join(artifact_names())}"
        ) from error
    return decode_artifact(content, where=where)


def save_artifact(artifact: Artifact, path: str | Path) -> None:
    """Write an artifact whole or not at all; equal artifacts give equal bytes."""
    write_atomically(Path(path), encode_archive(*_content(artifact)))


def decode_artifact(content: bytes, *, where: str) -> Artifact:
    """Read an artifact from the bytes of its file; raises ArtifactError beginning with `where`."""
    members = open_archive(content, where=where)
    manifest = decode_manifest(members, where=where)
    try:
        signals = infer_signals(manifest.input, manifest.graph)
        tensors = {
            node.name: read_layer(
                members, node, signals[node.inputs[0]], manifest=manifest, where=where
            )
            for node in manifest.graph
            if isinstance(node, Conv2d | Linear)
        }
        labels = LabelTree.from_dict(msgspec.to_builtins(manifest.labels))
        return Artifact(
            name=manifest.name,
            bits=manifest.bits,
            heads=manifest.heads,
            source=manifest.input,
            graph=manifest.graph,
            labels=labels,
            tensors=tensors,
            measured=tuple(
                MeasuredEffort.from_entry(entry, tuple(tensors)) for entry in manifest.measured
            ),
            provenance=manifest.provenance,
            widths=manifest.widths,
            arithmetic=manifest.arithmetic,
            head_levels=manifest.head_levels,
        )
    except ValueError as error:
        raise ArtifactError(f"{where}: {error}") from error


def _content(artifact: Artifact) -> tuple[bytes, dict[str, NDArray[Any]]]:
    """Return the manifest and the arrays that make up the file."""
    manifest = Manifest(
        schema=SCHEMA,
        name=artifact.name,
        arithmetic=artifact.arithmetic,
        bits=artifact.bits,
        widths=artifact.widths,
        heads=dict(artifact.heads),
        input=artifact.source,
        graph=artifact.graph,
        labels=msgspec.convert(artifact.labels.to_dict(), LabelEntry),
        measured=tuple(entry.to_entry() for entry in artifact.measured),
        provenance=dict(artifact.provenance),
        head_levels=dict(artifact.head_levels),
    )
    arrays: dict[str, NDArray[Any]] = {}
    for node in artifact.switchable:
        arrays |= layer_arrays(node.name, artifact.tensors[node.name])
    return msgspec.json.encode(manifest), arrays
