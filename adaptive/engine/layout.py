"""Records of the packed file, as `native/packed.h` reads them, and the order of its weights."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from adaptive.arithmetic import Arithmetic
from adaptive.graph import Conv2d, Linear, Switchable
from adaptive.precision import Bits

MAGIC = b"ADPTPACK"
FORMAT = 2
BLOCK, QUAD = 16, 4
ALIGNMENT = 64
SLOTS = (Bits.INT16, Bits.INT8, Bits.INT4)

HEADER = np.dtype(
    [
        ("magic", "S8"), ("format", "<u4"), ("crc", "<u4"), ("file_bytes", "<u8"),
        ("variant_count", "<u4"), ("head_count", "<u4"), ("layer_count", "<u4"),
        ("names_bytes", "<u4"), ("variants", "<u8"), ("heads", "<u8"), ("names", "<u8"),
        ("manifest", "<u8"), ("manifest_bytes", "<u4"), ("bits", "<u4"), ("block", "<u4"),
        ("quad", "<u4"), ("cuts", "<u4"), ("reserved", "<u4"), ("checksum", "V32"),
    ]
)  # fmt: skip
VARIANT = np.dtype(
    [
        ("signal_count", "<u4"), ("node_count", "<u4"), ("input_count", "<u4"),
        ("reserved", "<u4"), ("signals", "<u8"), ("nodes", "<u8"), ("inputs", "<u8"),
    ]
)  # fmt: skip
SIGNAL = np.dtype([("shape", "<i4", 3), ("zero", "<i4")])
NODE = np.dtype(
    [
        ("op", "<i4"), ("output", "<i4"), ("first_input", "<i4"), ("input_count", "<i4"),
        ("kernel", "<i4", 2), ("stride", "<i4", 2), ("padding", "<i4", 4),
        ("groups", "<i4"), ("relu", "<i4"), ("layer", "<i4"), ("fill_is_plain", "<i4"),
        ("name", "<u4"), ("name_bytes", "<u4"),
        ("constants", "<u8", 3), ("weights", "<u8", 3), ("low_weights", "<u8"), ("fill", "<u8"),
        ("depth", "<i4"), ("reserved", "<i4"),
    ]
)  # fmt: skip
REQUANTISER = np.dtype([("bits", "<i4"), ("zero", "<i4")])
RESCALER = np.dtype(
    [
        ("multiplier", "<i4", 2), ("zero_in", "<i4", 2), ("shift", "<i4"), ("zero", "<i4"),
        ("relu", "<i4"), ("reserved", "<i4"),
    ]
)  # fmt: skip


class Op(IntEnum):
    """Operations, numbered as the engine does."""

    CONVOLUTION = 1
    DEPTHWISE = 2
    MAX_POOL = 3
    AVERAGE = 4
    ADD = 5
    CONCAT = 6
    FLATTEN = 7
    PAD = 8


def is_depthwise(node: Switchable, channels: int) -> bool:
    """Return whether each channel of the input makes one channel of the output."""
    return isinstance(node, Conv2d) and node.groups == channels == node.channels > 1


def high_bytes(weight: NDArray[np.int16]) -> NDArray[np.int8]:
    """Return the high bytes of weights, rounded: what the low bytes leave over is signed."""
    return ((weight.astype(np.int32) + 128) >> 8).astype(np.int8)


def low_bytes(weight: NDArray[np.int16]) -> NDArray[np.int8]:
    """Return what `high_bytes` leaves over."""
    return (weight.astype(np.int32) - 256 * high_bytes(weight).astype(np.int32)).astype(np.int8)


def narrow_bytes(weight: NDArray[np.int16], bits: Bits, arithmetic: Arithmetic) -> NDArray[np.int8]:
    """Return the weights of 8 bits or fewer, one a byte."""
    return arithmetic.narrow_weights(weight, bits).astype(np.int8)


def as_windows(weight: NDArray[np.int8], node: Switchable) -> NDArray[np.int8]:
    """Return weights as (Cout, kernel height, kernel width, Cin / groups)."""
    return weight[:, None, None, :] if isinstance(node, Linear) else weight


def pack_dense(weight: NDArray[np.int8], groups: int) -> NDArray[np.int8]:
    """Lay (Cout, kh, kw, depth) out as (groups, blocks, K / 4, 16, 4)."""
    depth = -weight.shape[3] % QUAD
    padded = np.pad(weight, ((0, 0), (0, 0), (0, 0), (0, depth)))
    flat = padded.reshape(groups, len(weight) // groups, -1)
    flat = np.pad(flat, ((0, 0), (0, -flat.shape[1] % BLOCK), (0, 0)))
    tiles = flat.reshape(groups, -1, BLOCK, flat.shape[2] // QUAD, QUAD)
    return np.ascontiguousarray(tiles.transpose(0, 1, 3, 2, 4))


def pack_depthwise(weight: NDArray[np.int8]) -> NDArray[np.int8]:
    """Lay (C, kh, kw, 1) out as (blocks, kw, kh / 4, 16, 4)."""
    columns = weight[..., 0].transpose(0, 2, 1)  # (C, kw, kh)
    channels, width, height = columns.shape
    padded = np.pad(columns, ((0, -channels % BLOCK), (0, 0), (0, -height % QUAD)))
    tiles = padded.reshape(-1, BLOCK, width, padded.shape[2] // QUAD, QUAD)
    return np.ascontiguousarray(tiles.transpose(0, 2, 3, 1, 4))


def pad_channels(values: NDArray[np.int64], groups: int, filler: int) -> NDArray[np.int64]:
    """Pad the constants of each group's channels to whole blocks."""
    grouped = values.reshape(groups, -1)
    width = -grouped.shape[1] % BLOCK
    return np.pad(grouped, ((0, 0), (0, width)), constant_values=filler).reshape(-1)
