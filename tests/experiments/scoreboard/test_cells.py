from dataclasses import replace

import numpy as np
import pytest

from adaptive.errors import ConfigError
from adaptive.governor.candidates import sustainable_power_w
from adaptive.governor.static import fastest
from experiments.scoreboard.cells import ScoreboardConfig, case, cells, prepare
from experiments.starts import Start
from experiments.study_config import read_config

CONFIG = read_config("scoreboard/scoreboard", ScoreboardConfig)


def test_the_bundled_scoreboard_is_as_large_as_it_must_be() -> None:
    assert len(CONFIG.boards) >= 5
    assert len(CONFIG.scenarios) >= 6
    assert CONFIG.seeds >= 20
    assert CONFIG.mismatch
    assert len(CONFIG.baselines) >= 10
    quick = CONFIG.shortened()
    assert (len(quick.boards), len(quick.scenarios), quick.seeds) == (2, 6, 3)


def test_every_board_scenario_and_seed_is_a_cell_of_its_own() -> None:
    made = list(cells(CONFIG))
    assert len(made) == len(CONFIG.boards) * len(CONFIG.scenarios) * CONFIG.seeds
    assert len({cell.key for cell in made}) == len(made)


def test_eighteen_seeds_meet_every_stress_ambient_and_start() -> None:
    met = {
        (c.board, c.scenario.name, c.stress, c.ambient_degc, c.start)
        for c in cells(CONFIG, range(18))
    }
    assert len(met) == len(CONFIG.boards) * len(CONFIG.scenarios) * 18


@pytest.mark.parametrize("stress", CONFIG.stresses)
@pytest.mark.parametrize("ambient", [25.0, 55.0])
def test_a_case_sustains_the_share_of_power_it_is_made_for(stress: float, ambient: float) -> None:
    cased = case(CONFIG.artifact, CONFIG.images_per_frame, "rpi4b", stress, ambient)
    plant, point = cased.plant, fastest(cased.points)
    at_cap = np.full(2, plant.cap_degc)
    cpu = plant.network.index("a72")
    full_w = plant.node_power_w(point.islands, {"a72": 1.0}, at_cap)[cpu]
    others_w = plant.constant_w["board"]
    sustained_w = sustainable_power_w(plant, "a72", ambient_degc=ambient, limit_degc=plant.cap_degc)
    assert (sustained_w - others_w) / full_w == pytest.approx(stress, abs=1e-6)


def test_a_board_no_case_can_hold_is_refused() -> None:
    with pytest.raises(ConfigError, match="no case sustains"):
        case(CONFIG.artifact, CONFIG.images_per_frame, "rpi4b", 0.5, 79.9)


def test_governors_know_the_board_from_its_file_and_not_the_true_one() -> None:
    cell = next(iter(cells(CONFIG)))
    setting = prepare(CONFIG, cell)
    assert setting.case.plant is not setting.board.plant
    assert setting.board.factors["leakage"] != 1.0
    cold = replace(cell, start=Start.COLD)
    assert np.all(prepare(CONFIG, cold).start_degc == setting.workload.ambient_degc()(0.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boards": ()}, "boards is empty"),
        ({"stresses": (1.5,)}, "stresses"),
        ({"seeds": 0}, "seeds is 0"),
    ],
)
def test_a_scoreboard_of_nothing_cannot_exist(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **change)  # type: ignore[arg-type]
