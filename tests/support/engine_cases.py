"""Networks with what the reference answers, in a file for a C program.

A file holds cases one after the other, everything little-endian and each part at a multiple of 64
bytes: a head of six uint64 (bytes of the packed network, layers, plans, images, bytes of an image,
outputs), the packed network, the bits of each plan with the numbers of its width and head, then the
images, and the codes expected of each plan and image as int32. All plans of a case have as many
outputs. `tests/adaptive/engine/check_cases.c` reads it.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from layers import Case

from adaptive.engine.pack import pack
from adaptive.engine.reference import ReferenceEngine
from adaptive.precision import Effort

ALIGNMENT = 64


def collect(strategy: st.SearchStrategy[Case], count: int) -> list[Case]:
    """Draw cases from a strategy, the same ones each time."""
    cases: list[Case] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def keep(case: Case) -> None:
        cases.append(case)

    keep()
    return cases


def record(case: Case, *efforts: Effort) -> bytes:
    """Return one case, at its own efforts or at others."""
    wanted = efforts or case.efforts
    engine = ReferenceEngine(case.artifact)
    codes = np.stack([codes for _, codes in engine.run_all(case.images, wanted)])
    widths, heads = case.artifact.widths, tuple(case.artifact.heads)
    bits = np.array(
        [(*e.plan.bits, widths.index(e.width), heads.index(e.head)) for e in wanted], np.uint8
    )
    packed = pack(case.artifact)
    sizes = [len(packed), bits.shape[1] - 2, len(wanted), len(case.images), case.images[0].size]
    head = np.array([*sizes, codes.shape[2]], "<u8")
    inputs = bits.tobytes() + case.images.tobytes()
    return aligned([head.tobytes(), packed, inputs, codes.astype("<i4").tobytes()])


def records(cases: Iterable[Case]) -> bytes:
    """Return a file of cases, each at its own efforts."""
    return b"".join(record(case) for case in cases)


def aligned(parts: Sequence[bytes]) -> bytes:
    """Join parts, each at a multiple of 64 bytes."""
    return b"".join(part + bytes(-len(part) % ALIGNMENT) for part in parts)
