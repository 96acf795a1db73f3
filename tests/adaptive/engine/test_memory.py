"""One copy of the weights, however many efforts run."""

import ctypes
import gc
from itertools import product
from pathlib import Path

import numpy as np
import psutil
import pytest

from adaptive.artifact import load_artifact
from adaptive.engine.library import is_built, load_library
from adaptive.engine.native import PLANS_KEPT, NativeEngine
from adaptive.engine.pack import save_packed
from adaptive.precision import Effort, random_plans

pytestmark = pytest.mark.skipif(not is_built(), reason="native engine not built: ./run build")
EARLY = load_artifact("resnet8_early_cifar10")
PLANE = sum(work.weights for work in EARLY.work)
"""Bytes of one of the two planes of weights."""


def resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def mappings_of(path: Path) -> list[str]:
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.endswith(str(path))]


def test_memory_does_not_grow_with_the_number_of_efforts() -> None:
    engine = NativeEngine(EARLY)
    image = np.zeros((1, *EARLY.source.shape), np.uint8)
    plans = random_plans(EARLY.layers, PLANS_KEPT, seed=0)
    every = list(product(EARLY.widths, EARLY.heads))
    efforts = [Effort(plan, *every[i % len(every)]) for i, plan in enumerate(plans)]
    for effort in efforts[: 2 * len(every)]:
        engine.run(image, effort)
    before = resident()
    for effort in efforts:
        engine.run(image, effort)
    assert resident() - before < PLANE


def test_a_packed_file_is_mapped_once_for_all_its_efforts(tmp_path: Path) -> None:
    path = tmp_path / "network.bin"
    size = save_packed(EARLY, path)
    library = load_library()
    engine = ctypes.c_void_p(library.ae_open(str(path).encode(), None))
    plans = []
    before = resident()
    for width, head in product(range(len(EARLY.widths)), range(len(EARLY.heads))):
        for plan in random_plans(EARLY.layers, 20, seed=width):
            bits = (ctypes.c_uint8 * len(plan.bits))(*plan.bits)
            plans.append(library.ae_plan_at(engine, bits, len(plan.bits), 0, width, head))
    assert all(plans)
    assert resident() - before < PLANE
    (line,) = mappings_of(path)
    first, end = (int(part, 16) for part in line.split()[0].split("-"))
    assert size <= end - first < size + 4096
    assert line.split()[1].startswith("r--")
    for plan in plans:
        library.ae_plan_free(ctypes.c_void_p(plan))
    library.ae_close(engine)
    assert not mappings_of(path)
