import numpy as np
import pytest

from models.image_training import FloatRecipe
from models.nested_training import _drawn


def test_each_step_trains_the_narrowest_width_and_some_of_those_between() -> None:
    rng = np.random.default_rng(0)
    widths = (0.7, 0.45, 0.25)
    assert {_drawn(widths, 1, rng) for _ in range(40)} == {(0.7, 0.25), (0.45, 0.25)}
    assert _drawn(widths, 0, rng) == (0.25,)
    for count in (2, 5):
        assert _drawn(widths, count, rng) == widths
    assert _drawn((0.5,), 1, rng) == (0.5,)
    assert _drawn((), 1, rng) == ()
    with pytest.raises(ValueError, match="drawn_widths is -1"):
        FloatRecipe(0, 1, 8, 0.1, 5e-4, drawn_widths=-1)
