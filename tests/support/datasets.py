"""Small data sets in their official layouts, and where the real ones are found."""

import gzip
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from PIL import Image

from adaptive.errors import ConfigError
from models.datasets.checks import VARIABLE, SplitSizes
from models.datasets.cifar import CIFAR10, CIFAR100, Cifar
from models.datasets.idx import MNIST, Idx

T = TypeVar("T")

SMALL10 = replace(CIFAR10, sizes=SplitSizes(train=50, test=20, calibration=15))
SMALL100 = replace(CIFAR100, sizes=SplitSizes(train=250, test=200, calibration=30))
SMALL_MNIST = replace(MNIST, sizes=SplitSizes(train=30, test=20, calibration=5))


def old_pickle(content: dict[bytes, object]) -> bytes:
    """Pickle as Python 2 and the numpy of 2009 did: protocol 2, every text a byte string."""

    def text(value: bytes) -> bytes:
        if len(value) < 256:
            return b"U" + bytes([len(value)]) + value
        return b"T" + struct.pack("<i", len(value)) + value

    def plain(value: object) -> bytes:
        match value:
            case bytes():
                return text(value)
            case int():
                return b"J" + struct.pack("<i", value)
            case list():
                return b"](" + b"".join(plain(part) for part in value) + b"e"
            case np.ndarray():
                return array(value)
        raise TypeError(value)

    def array(value: np.ndarray) -> bytes:
        made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
        kind = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR"
        kind += b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        sizes = b"(" + b"".join(plain(size) for size in value.shape) + b"t"
        return made + b"(K\x01" + sizes + kind + b"\x89" + text(value.tobytes()) + b"tb"

    pairs = b"".join(plain(key) + plain(value) for key, value in content.items())
    return b"\x80\x02}(" + pairs + b"u."


def write_cifar(home: Path, layout: Cifar, seed: int = 0, *, old: bool = True) -> None:
    """Write CIFAR files with random pixels and labels that go round."""
    rng = np.random.default_rng(seed)
    folder = home / layout.folder
    folder.mkdir(parents=True)
    dump = old_pickle if old else pickle.dumps
    each = layout.sizes.train // len(layout.train)
    for name, count in [
        *((batch, each) for batch in layout.train),
        (layout.test, layout.sizes.test),
    ]:
        labels = [index % layout.classes for index in range(count)]
        content: dict[bytes, object] = {
            b"data": rng.integers(0, 256, (count, 3072), dtype=np.uint8),
            layout.labels: labels,
            b"batch_label": name.encode(),
        }
        if layout.classes == 100:
            content[b"coarse_labels"] = [label % 20 for label in labels]
        (folder / name).write_bytes(dump(content))
    names = [b"class %d" % index for index in range(layout.classes)]
    above = [b"group %d" % index for index in range(20)]
    meta = {layout.names: names, b"coarse_label_names": above}
    (folder / layout.meta).write_bytes(dump(meta))


def idx_bytes(values: np.ndarray) -> bytes:
    """Return the bytes of an idx file."""
    sizes = b"".join(struct.pack(">I", size) for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes()


def write_idx(home: Path, layout: Idx, seed: int = 0, *, zipped: bool = True) -> None:
    """Write idx files with random pixels and labels that go round."""
    rng = np.random.default_rng(seed)
    (home / layout.folder).mkdir(parents=True)
    for stem, count in (("train", layout.sizes.train), ("t10k", layout.sizes.test)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
            path = home / layout.folder / f"{stem}-{kind}-ubyte"
            if zipped:
                path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(idx_bytes(values)))
            else:
                path.write_bytes(idx_bytes(values))


IDS = ("n01443537", "n01440764", "n02084071")


def write_imagenet(home: Path, *, train: int = 7, val: int = 3, ids: tuple[str, ...] = IDS) -> None:
    """Write folders of photographs, each of one grey that tells class and number."""
    for part, count in (("train", train), ("val", val)):
        for index, name in enumerate(ids):
            folder = home / "imagenet" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                grey = 40 * index + 5 * number
                image = Image.new("RGB", (300 + number, 280), (grey, grey, grey))
                image.save(folder / f"{name}_{number}.JPEG", quality=95)


def found_or_message(read: Callable[[], T]) -> T | str:
    """Return what is read, or the message with which it is refused."""
    try:
        return read()
    except ConfigError as error:
        return str(error)


def real_cifar(factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the real CIFAR-10 and CIFAR-100, or skip with how to get them.

    `$ADAPTIVE_DATA`, else what the folder `shared/data` beside the checkout unpacks to (10 s).
    """
    named = os.environ.get(VARIABLE)
    if named and (Path(named) / CIFAR10.folder).is_dir():
        return Path(named)
    script = Path(__file__).parents[3] / "shared" / "data" / "unpack.py"
    if named or not script.is_file():
        pytest.skip(f"no CIFAR here: adaptive data cifar10 --data-dir DIR, and set {VARIABLE}=DIR")
    home = factory.getbasetemp() / "cifar"
    if not home.exists():
        subprocess.run([sys.executable, str(script), str(home)], check=True, capture_output=True)
    return home
