from pathlib import Path

import numpy as np
import pytest
from searching import drawn_meter, linear_cost, space_of

from adaptive.errors import ConfigError
from experiments.search.oracle_file import (
    Oracle,
    OracleMeter,
    load_oracle,
    oracle_names,
    save_oracle,
)


def drawn_oracle(genes: int = 4, images: int = 203) -> Oracle:
    space = space_of(genes)
    meter = drawn_meter(space, images=images, harm=1.0)
    costs = np.array([linear_cost(space)(mix) for mix in space.mixes()])
    return Oracle("drawn", space, meter.table, costs, {"command": "none"})


def test_an_oracle_comes_back_as_it_was(tmp_path: Path) -> None:
    oracle = drawn_oracle()
    save_oracle(oracle, tmp_path / "oracle.npz")
    again = load_oracle(tmp_path / "oracle.npz")
    assert (again.name, again.space, again.facts) == (oracle.name, oracle.space, oracle.facts)
    assert np.array_equal(again.right, oracle.right)
    assert np.array_equal(again.costs, oracle.costs)


def test_a_meter_looks_up_the_images_it_was_given() -> None:
    oracle = drawn_oracle()
    meter = OracleMeter(oracle, np.array([5, 3, 8]))
    assert meter.images == 3
    found = meter.right([(0, 0, 0, 0), (1, 1, 1, 1)], 1, 3)
    assert np.array_equal(found, oracle.right[[0, 15]][:, [3, 8]])


def test_an_oracle_of_another_size_is_refused() -> None:
    oracle = drawn_oracle()
    with pytest.raises(ValueError, match="expected 16 rows"):
        Oracle("x", oracle.space, oracle.right[:3], oracle.costs, {})
    with pytest.raises(ValueError, match="costs is"):
        Oracle("x", oracle.space, oracle.right, oracle.costs[:3], {})


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY", b"text"])
def test_files_that_are_no_oracles_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "oracle.npz"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"oracle\.npz"):
        load_oracle(path)


def test_a_missing_oracle_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="digits_radix"):
        load_oracle("nowhere.npz")


@pytest.mark.parametrize("name", oracle_names())
def test_bundled_oracles_load_and_are_small(name: str) -> None:
    oracle = load_oracle(name)
    assert oracle.accuracies[0] > 0.5
    assert np.all(oracle.costs > 0.0)
    assert oracle.costs[0] == oracle.costs.max()
