from itertools import islice

import numpy as np
import pytest
from plants import OPPS, two_node_plant

from adaptive.response import respond, settled

SETTING = ({"cpu": OPPS.opps[1]}, {"cpu": 0.7})


def test_held_long_enough_a_setting_settles_where_it_should() -> None:
    plant = two_node_plant()
    expected = settled(plant, *SETTING, ambient_degc=30.0)
    assert not expected.runaway
    states = respond(plant, np.full(2, 30.0), *SETTING, ambient_degc=30.0, step_s=0.5)
    for state in islice(states, 4000):
        last = state
    np.testing.assert_allclose(last, expected.temps_degc, atol=1e-6)


def test_shorter_steps_change_little() -> None:
    plant = two_node_plant()
    ends = []
    for step_s in (0.2, 0.01):
        states = respond(plant, np.full(2, 30.0), *SETTING, ambient_degc=30.0, step_s=step_s)
        ends.append(list(islice(states, round(60 / step_s)))[-1])
    np.testing.assert_allclose(ends[0], ends[1], atol=0.02)


def test_runaway_is_reported_not_looped_on() -> None:
    plant = two_node_plant(leak_a=3.0)
    state = settled(plant, {"cpu": OPPS.fastest}, {"cpu": 1.0}, ambient_degc=60.0)
    assert state.runaway


def test_an_unknown_island_is_named() -> None:
    with pytest.raises(ValueError, match="gpu"):
        settled(two_node_plant(), {"gpu": OPPS.fastest}, {}, ambient_degc=30.0)
