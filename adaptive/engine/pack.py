"""An artifact packed for the native engine: one aligned, checksummed file to map into memory.

It holds the graph, the constants of each precision, the weights once (two planes of bytes in the
kernels' layout) and the artifact's manifest. `native/packed.h` says how it lies.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import Artifact
from adaptive.engine.layout import (
    ALIGNMENT,
    BLOCK,
    FORMAT,
    HEADER,
    MAGIC,
    NODE,
    QUAD,
    REQUANTISER,
    RESCALER,
    SIGNAL,
    SLOTS,
    VARIANT,
    Op,
    as_windows,
    high_bytes,
    is_depthwise,
    low_bytes,
    narrow_bytes,
    pack_dense,
    pack_depthwise,
    pad_channels,
)
from adaptive.engine.reference import average_requantiser, rescalers
from adaptive.errors import ArtifactError
from adaptive.files import write_atomically
from adaptive.graph import (
    Add,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Node,
    Signal,
    Switchable,
)
from adaptive.nesting import Subnetwork
from adaptive.precision import Bits
from adaptive.quantise import Requantiser, Rescaler
from adaptive.shapes import padding_of

PAGE = 4096
PLAIN_SHIFT = 40
"""Shift of channels that only fill a block: one that keeps the kernels' fast way open."""

Record = NDArray[np.void]


def pack(artifact: Artifact) -> bytes:
    """Return the packed file; equal artifacts give equal bytes.

    Raises
    ------
    ArtifactError
        If no integers express a node.
    """
    return _Packer(artifact).file()


def save_packed(artifact: Artifact, path: str | Path) -> int:
    """Write the packed file whole or not at all; return its size [bytes]."""
    content = pack(artifact)
    write_atomically(Path(path), content)
    return len(content)


@dataclass(slots=True)
class _Variant:
    """Records of the network at one width."""

    nodes: list[Record] = field(default_factory=list)
    signals: list[tuple[tuple[int, ...], int]] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    index: dict[str, int] = field(default_factory=dict)

    def add_signal(self, signal: Signal) -> int:
        """Append a signal; features are channels of one position."""
        shape = signal.shape if len(signal.shape) == 3 else (1, 1, *signal.shape)
        self.signals.append((shape, signal.zero))
        return len(self.signals) - 1


class _Packer:
    """Collects records and blobs, then lays them out."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._names = bytearray()
        # Blobs lie behind the tables: constants first, then weights, which all widths share.
        self._small: list[bytes] = []
        self._large: list[bytes] = []
        self._weights: dict[str, Record] = {}
        self._variants = [self._pack_width(artifact.subnetworks[w]) for w in artifact.widths]

    def _pack_width(self, network: Subnetwork) -> _Variant:
        """Collect the records of one width."""
        self._network, self._at = network, _Variant()
        self._at.index["input"] = self._at.add_signal(self._artifact.source)
        for node in network.graph:
            try:
                self._add(node)
            except ValueError as error:
                raise ArtifactError(
                    f"artifact {self._artifact.name}: {node.name}: {error}"
                ) from error
        return self._at

    def file(self) -> bytes:
        """Lay the file out."""
        header = np.zeros((), HEADER)
        variants: list[Record] = [np.zeros((), VARIANT) for _ in self._variants]
        nodes = [np.array(variant.nodes, NODE) for variant in self._variants]
        tables: list[tuple[Record, str, bytes]] = [
            (header, "variants", np.array(variants, VARIANT).tobytes()),
            (header, "heads", np.array(self._heads(), "<i4").tobytes()),
        ]
        for record, variant, rows in zip(variants, self._variants, nodes, strict=True):
            record["signal_count"], record["node_count"] = len(variant.signals), len(rows)
            record["input_count"] = len(variant.inputs)
            tables += [
                (record, "signals", np.array(variant.signals, SIGNAL).tobytes()),
                (record, "nodes", rows.tobytes()),
                (record, "inputs", np.array(variant.inputs, "<i4").tobytes()),
            ]
        tables += [
            (header, "names", bytes(self._names)),
            (header, "manifest", self._artifact.manifest_text),
        ]
        at = _aligned(HEADER.itemsize)
        for record, name, content in tables:
            record[name] = at
            at = _aligned(at + len(content))
        small, at = _place(self._small, at)
        large, at = _place(self._large, at + -at % PAGE)
        for rows in nodes:
            for name, offsets in (
                ("constants", small), ("fill", small), ("weights", large), ("low_weights", large),
            ):  # fmt: skip
                # Until here a node holds the number of its blob, from 1 on.
                rows[name] = np.array([0, *offsets], "<u8")[rows[name].astype(np.int64)]
        self._describe(header, size=at)
        body = [(int(record[name]), content) for record, name, content in tables]
        body += [(int(r["nodes"]), rows.tobytes()) for r, rows in zip(variants, nodes, strict=True)]
        body += [
            (int(header["variants"]), np.array(variants, VARIANT).tobytes()),
            (0, header.tobytes()),
        ]
        body += zip([*small, *large], [*self._small, *self._large], strict=True)
        file = bytearray(at)
        for start, content in body:
            file[start : start + len(content)] = content
        behind = HEADER.fields["file_bytes"][1]  # type: ignore[index]
        crc = zlib.crc32(file[behind:]).to_bytes(4, "little")
        start = HEADER.fields["crc"][1]  # type: ignore[index]
        file[start : start + 4] = crc
        return bytes(file)

    def _heads(self) -> list[int]:
        """Return the signal of each head: the same at every width."""
        return [self._variants[0].index[node] for node in self._artifact.heads.values()]

    def _describe(self, header: Record, *, size: int) -> None:
        """Fill in what the header says about the file as a whole."""
        artifact = self._artifact
        header["magic"], header["format"], header["file_bytes"] = MAGIC, FORMAT, size
        header["variant_count"], header["head_count"] = len(self._variants), len(artifact.heads)
        header["layer_count"], header["names_bytes"] = len(artifact.layers), len(self._names)
        header["manifest_bytes"] = len(artifact.manifest_text)
        header["cuts"] = artifact.arithmetic is Arithmetic.RADIX
        header["block"], header["quad"] = BLOCK, QUAD
        header["bits"] = sum(1 << SLOTS.index(bits) for bits in artifact.bits)
        header["checksum"] = np.void(bytes.fromhex(artifact.checksum))

    def _add(self, node: Node) -> None:
        """Append a node, with a border before a convolution whose padding is not zero."""
        read = [self._network.signals[name] for name in node.inputs]
        inputs = [self._at.index[name] for name in node.inputs]
        if isinstance(node, Conv2d) and node.fill and padding_of(node) != ((0, 0), (0, 0)):
            inputs = [self._add_border(node, read[0], inputs)]
        record = self._record(node, read)
        self._at.index[node.name] = self._append(
            record, node.name, inputs, self._network.signals[node.name]
        )

    def _add_border(self, node: Conv2d, source: Signal, inputs: list[int]) -> int:
        """Append the node that surrounds a signal with the codes of a convolution's `fill`."""
        (above, below), (left, right) = padding_of(node)
        height, width, channels = source.shape
        shape = (above + height + below, left + width + right, channels)
        record = np.zeros((), NODE)
        record["op"], record["layer"] = Op.PAD, -1
        record["padding"] = (above, left, below, right)
        codes = np.array(node.fill, "<i4")
        record["fill"] = self._blob(codes.tobytes())
        record["fill_is_plain"] = bool(np.all(codes % 256 == 0))
        bordered = Signal(shape, source.scale, source.zero)
        return self._append(record, f"{node.name}/pad", inputs, bordered)

    def _append(self, record: Record, name: str, inputs: Sequence[int], output: Signal) -> int:
        """Append a record under its name; return the signal it writes."""
        text = name.encode("ascii")
        record["name"], record["name_bytes"] = len(self._names), len(text)
        self._names += text + b"\0"
        record["first_input"], record["input_count"] = len(self._at.inputs), len(inputs)
        self._at.inputs += inputs
        record["output"] = self._at.add_signal(output)
        self._at.nodes.append(record)
        return int(record["output"])

    def _record(self, node: Node, read: list[Signal]) -> Record:
        """Fill in what a node says about itself."""
        record = np.zeros((), NODE)
        record["layer"], record["groups"] = -1, 1
        record["kernel"] = record["stride"] = (1, 1)
        match node:
            case Conv2d() | Linear():
                self._fill_layer(record, node, read[0])
            case MaxPool2d():
                record["op"] = Op.MAX_POOL
                _fill_window(record, node)
            case AvgPool2d():
                record["op"] = Op.AVERAGE
                record["kernel"], record["stride"] = node.kernel, node.stride
                record["constants"][0] = self._requantiser(average_requantiser(node, read[0]), None)
            case GlobalAvgPool():
                record["op"], record["kernel"] = Op.AVERAGE, read[0].shape[:2]
                record["constants"][0] = self._requantiser(average_requantiser(node, read[0]), None)
            case Add() | Concat():
                record["op"] = Op.ADD if isinstance(node, Add) else Op.CONCAT
                record["relu"] = node.relu
                record["constants"][0] = self._rescalers(rescalers(node, read))
            case Flatten():
                record["op"] = Op.FLATTEN
        return record

    def _fill_layer(self, record: Record, node: Switchable, source: Signal) -> None:
        """Fill in a layer: its window, constants and weights."""
        depthwise = is_depthwise(node, source.shape[-1])
        record["op"] = Op.DEPTHWISE if depthwise else Op.CONVOLUTION
        record["relu"] = node.relu
        record["layer"] = self._artifact.layers.index(node.name)
        groups = 1
        if isinstance(node, Conv2d):
            record["groups"] = groups = node.groups
            _fill_window(record, node)
        tensors = self._network.tensors[node.name]
        for bits, requantiser in tensors.requantisers.items():
            slot = SLOTS.index(bits)
            # A depthwise layer's channels are padded together, those of groups apart.
            padded = self._requantiser(requantiser, 1 if depthwise else groups)
            record["constants"][slot] = padded
        planes = self._planes(node, depthwise=depthwise, groups=groups)
        for name in ("weights", "low_weights", "depth"):
            record[name] = planes[name]

    def _planes(self, node: Switchable, *, depthwise: bool, groups: int) -> Record:
        """Pack the weights of a layer at full width, once; narrower ones read their beginning."""
        if node.name in self._weights:
            return self._weights[node.name]
        weight, bits = self._artifact.tensors[node.name].weight, self._artifact.bits
        arithmetic = self._artifact.arithmetic
        record = self._weights[node.name] = np.zeros((), NODE)

        def keep(plane: NDArray[np.int8]) -> int:
            windows = as_windows(plane, node)
            packed = pack_depthwise(windows) if depthwise else pack_dense(windows, groups)
            self._large.append(packed.tobytes())
            return len(self._large)

        record["depth"] = weight.shape[-1]
        if Bits.INT16 in bits:
            record["weights"][SLOTS.index(Bits.INT16)] = keep(high_bytes(weight))
            record["low_weights"] = keep(low_bytes(weight))
        for width in bits:
            if width == Bits.INT16:
                continue
            shared = width == Bits.INT8 and arithmetic is Arithmetic.AFFINE and Bits.INT16 in bits
            record["weights"][SLOTS.index(width)] = (
                record["weights"][SLOTS.index(Bits.INT16)]
                if shared
                else keep(narrow_bytes(weight, width, arithmetic))
            )
        return record

    def _blob(self, content: bytes) -> int:
        """Keep a small blob; return its number."""
        self._small.append(content)
        return len(self._small)

    def _requantiser(self, requantiser: Requantiser, groups: int | None) -> int:
        """Keep the constants of a requantiser, padded in each of so many groups, or not at all."""
        head = np.array((int(requantiser.bits), requantiser.zero), REQUANTISER).tobytes()
        fields = (
            (requantiser.bias, "<i8", 0),
            (requantiser.multiplier, "<i4", 2**30),
            (requantiser.pre_shift, "<i4", 0),
            (requantiser.shift, "<i4", PLAIN_SHIFT),
        )
        parts = [
            (pad_channels(values.astype(np.int64), groups, filler) if groups else values)
            .astype(dtype)
            .tobytes()
            for values, dtype, filler in fields
        ]
        return self._blob(head + b"".join(parts))

    def _rescalers(self, parts: Sequence[Rescaler]) -> int:
        """Keep the constants of a sum or of each part of a join."""
        records = np.zeros(len(parts), RESCALER)
        for record, part in zip(records, parts, strict=True):
            count = len(part.multipliers)
            record["multiplier"][:count], record["zero_in"][:count] = part.multipliers, part.zeros
            record["shift"], record["zero"], record["relu"] = part.shift, part.zero, part.relu
        return self._blob(records.tobytes())


def _fill_window(record: Record, node: Conv2d | MaxPool2d) -> None:
    """Fill in kernel, stride and the padding that a border has not supplied."""
    (above, below), (left, right) = padding_of(node)
    record["kernel"], record["stride"] = node.kernel, node.stride
    if not (isinstance(node, Conv2d) and node.fill):
        record["padding"] = (above, left, below, right)


def _aligned(size: int) -> int:
    """Round up to the next place a blob may begin."""
    return size + -size % ALIGNMENT


def _place(blobs: list[bytes], at: int) -> tuple[list[int], int]:
    """Lay blobs one behind the other; return where each begins and where the last ends."""
    offsets = []
    for blob in blobs:
        offsets.append(at)
        at = _aligned(at + len(blob))
    return offsets, at
