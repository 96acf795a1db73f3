"""Whole networks, bit for bit as the reference, with every kernel set here."""

from pathlib import Path

import numpy as np
import pytest

from adaptive.artifact import artifact_names, load_artifact
from adaptive.engine.library import is_built, kernel_sets
from adaptive.engine.native import NativeEngine
from adaptive.precision import Effort
from experiments.engine_bench.equality import (
    LARGE,
    SMALL,
    Extent,
    compare,
    compare_all,
    efforts_of,
)
from experiments.engine_bench.tables import equality_table

pytestmark = pytest.mark.skipif(not is_built(), reason="native engine not built: ./run build")


def test_every_bundled_network_equals_the_reference_at_every_width_and_head() -> None:
    for name in artifact_names():
        artifact = load_artifact(name)
        rows = compare(name, artifact, Extent(images=1, plans=1), seed=2)
        assert [row.isa for row in rows] == list(kernel_sets())
        assert all(row.differences == 0 < row.codes for row in rows)
        assert {(e.width, e.head) for e in efforts_of(artifact, 1, seed=2)} == {
            (width, head) for width in artifact.widths for head in artifact.heads
        }


def test_a_code_that_differs_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = NativeEngine.run

    def off_by_one(engine: NativeEngine, images: np.ndarray, effort: Effort) -> np.ndarray:
        return exact(engine, images, effort) + (engine.isa == "portable")

    monkeypatch.setattr(NativeEngine, "run", off_by_one)
    rows = compare("digits", load_artifact("digits"), Extent(images=2, plans=2), seed=2)
    wrong = {row.isa: row.differences for row in rows}
    assert wrong.pop("portable") == rows[0].codes == 4 * 2 * 10
    assert not any(wrong.values())
    assert equality_table(rows).splitlines()[-1].endswith("| 80 |")


@pytest.mark.heavy
def test_every_network_and_every_kernel_set_equal_the_reference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        rows = compare_all(tmp_path, seed=0)
        print(f"\n{equality_table(rows)}")
    assert all(row.differences == 0 for row in rows)
    assert {row.images for row in rows} == {SMALL.images, LARGE.images}
