from pathlib import Path

import pytest

from adaptive.errors import ConfigError
from models.datasets.checks import VARIABLE, SplitSizes, data_folder


def test_the_folder_named_wins_over_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "named").mkdir()
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert data_folder(tmp_path / "named", name="mnist") == tmp_path / "named"
    assert data_folder(None, name="mnist") == tmp_path


def test_no_folder_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ConfigError, match="`adaptive data mnist --data-dir DIR` gets it"):
        data_folder(None, name="mnist")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere: no such folder"):
        data_folder(tmp_path / "nowhere", name="mnist")


def test_splits_do_not_overlap() -> None:
    sizes = SplitSizes(train=10, test=4, calibration=3)
    assert sizes.part("train") == slice(0, 7)
    assert sizes.part("calibration") == slice(7, 10)
    assert sizes.part("test") == slice(0, 4)


@pytest.mark.parametrize("sizes", [(5, 1, 5), (5, 0, 1), (5, 1, 0)])
def test_sizes_without_a_split_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="expected 0 < calibration < train"):
        SplitSizes(*sizes)
