"""Sums stay in registers: a compiler that moves them to memory in a loop halves the speed."""

import platform
import shutil

import pytest
from disassembly import innermost_loops

from adaptive.engine.library import is_built, library_path

pytestmark = [
    pytest.mark.skipif(not is_built(), reason="native engine not built: ./run build"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="looks at AVX512-VNNI kernels"),
    pytest.mark.skipif(shutil.which("objdump") is None, reason="objdump: apt-get install binutils"),
]


def test_no_loop_of_dot_products_moves_sums_to_the_stack() -> None:
    loops = [loop for loop in innermost_loops(library_path()) if loop.dots >= 4]
    assert len(loops) > 20
    spilling = {loop.function: loop.spills for loop in loops if loop.spills}
    assert not spilling
