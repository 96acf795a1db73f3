from dataclasses import replace

import pytest
from dies import PACKAGE


@pytest.mark.parametrize("field", ["thickness_m", "conductivity_w_per_m_k", "capacity_j_per_m3_k"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_layer_that_cannot_be_is_refused(field, value):
    with pytest.raises(ValueError, match=f"{field} is {value!r}, expected"):
        replace(PACKAGE.chip, **{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("spreader_side_m", 0.0),
        ("sink_side_m", float("nan")),
        ("convection_k_per_w", -1.0),
        ("convection_j_per_k", float("inf")),
    ],
)
def test_a_package_that_cannot_be_is_refused(field, value):
    with pytest.raises(ValueError, match=f"{field} is {value!r}, expected"):
        replace(PACKAGE, **{field: value})


def test_a_sink_smaller_than_the_spreader_is_refused():
    with pytest.raises(ValueError, match=r"expected at least the spreader's 0\.008"):
        replace(PACKAGE, sink_side_m=0.007)
