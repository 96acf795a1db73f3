import numpy as np
import pytest

from thermal.floorplan import Block, Floorplan
from thermal.hotspot.temperatures import (
    file_names,
    format_temperatures,
    parse_temperatures,
    scaled_to,
)
from thermal.hotspot.text import HotSpotInputError

PLAN = Floorplan((Block("a", 1e-3, 1e-3, 0.0, 0.0),))
TEMPS = np.linspace(20.0, 35.0, 16)


def test_temperatures_survive_being_written_and_read():
    text = format_temperatures(TEMPS, PLAN)
    assert text.startswith("a\t293.1")
    assert "inode_11\t308.1" in text
    assert parse_temperatures(text, "t", floorplan=PLAN) == pytest.approx(TEMPS, abs=1e-12)


def test_lines_may_come_in_any_order_with_comments_between():
    lines = format_temperatures(TEMPS, PLAN).splitlines()
    text = "\n# shuffled\n\n" + "\n".join(reversed(lines))
    assert parse_temperatures(text, "t", floorplan=PLAN) == pytest.approx(TEMPS, abs=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("hsp_a\t", "hsp_b\t"), "t:3: 'hsp_b "),
        (("iface_a\t", "a\t"), "t:2: 'a "),
        (("a\t293.14999999999998", "a\t-1"), "t:1: a is -1.0 K, expected above 0"),
        (("a\t293.14999999999998", "a\tx"), "t:1: a is 'x', expected a finite number"),
        (("a\t293.14999999999998", "a"), "t:1: 'a', expected a node"),
        (("inode_11", "#"), "t: lacks ['inode_11'], expected every node"),
    ],
)
def test_a_file_that_does_not_fit_the_floorplan_is_refused_with_its_place(change, message):
    text = format_temperatures(TEMPS, PLAN).replace(*change, 1)
    with pytest.raises(HotSpotInputError) as caught:
        parse_temperatures(text, "t", floorplan=PLAN)
    assert str(caught.value).startswith(message)


def test_every_node_has_a_name():
    assert file_names(PLAN)[:5] == ("a", "iface_a", "hsp_a", "hsink_a", "inode_0")
    assert len(file_names(PLAN)) == 16


def test_hot_starts_are_drawn_towards_the_ambient():
    scaled = scaled_to(np.array((100.0, 50.0, 20.0)), 1, limit_degc=60.0, ambient_degc=20.0)
    assert scaled == pytest.approx((60.0, 35.0, 20.0))


@pytest.mark.parametrize(("limit", "ambient"), [(120.0, 20.0), (50.0, 100.0)])
def test_starts_below_the_limit_or_the_ambient_stay_as_they_are(limit, ambient):
    temps = np.array((100.0, 50.0))
    assert scaled_to(temps, 1, limit_degc=limit, ambient_degc=ambient) is temps
