import numpy as np
import pytest
from plants import two_node_plant

from adaptive.governor.prospect import Prospect, stretches_s
from thermal.discretise import discretise


def test_stretches_double_up_to_the_longest_and_end_at_the_horizon() -> None:
    assert stretches_s(0.2, 10.0, 2.0).tolist() == pytest.approx(
        [0.0, 0.2, 0.4, 0.8, 1.6, 3.2, 5.2, 7.2, 9.2, 10.0]
    )


def test_plans_end_where_stepping_the_board_through_them_does() -> None:
    plant, edges = two_node_plant(), np.array([0.0, 0.2, 1.0, 5.0])
    power = np.array([[[3.0, 0.2], [0.5, 0.2], [2.0, 1.0]], [[0.1, 0.2]] * 3])
    rise = np.array([40.0, 25.0])
    found = Prospect.of(plant, edges).junctions_k(rise, power)
    for plan, ends in zip(power, found, strict=True):
        temps = rise
        for stretch, length_s, end in zip(plan, np.diff(edges), ends, strict=True):
            temps = discretise(plant.network, float(length_s)).step(temps, stretch, 0.0)
            assert end == pytest.approx([temps[0]], abs=1e-9)
