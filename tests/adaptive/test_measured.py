from typing import Any

import pytest

from adaptive.measured import MeasuredEffort
from adaptive.precision import Bits, Effort, PrecisionPlan
from adaptive.proportion import wilson_interval

EFFORT = Effort(PrecisionPlan.uniform(("a", "b"), Bits.INT8))


def test_accuracy_and_interval_follow_from_the_counts() -> None:
    measured = MeasuredEffort(EFFORT, 200, {"leaf": 150, "shape": 200})
    assert measured.accuracy == {"leaf": 0.75, "shape": 1.0}
    assert (measured.low["leaf"], measured.high["leaf"]) == wilson_interval(150, 200)
    assert measured.low["shape"] < measured.high["shape"] == 1.0


def test_a_measurement_survives_its_entry() -> None:
    measured = MeasuredEffort(EFFORT, 200, {"leaf": 150}, 1.25)
    assert MeasuredEffort.from_entry(measured.to_entry(), ("a", "b")) == measured


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": 0}, "images is 0"),
        ({"correct": {"leaf": 11}}, "correct at leaf is 11"),
        ({"correct": {"leaf": -1}}, "correct at leaf is -1"),
        ({"temperature": 0.0}, "temperature is 0"),
        ({"temperature": float("nan")}, "temperature is nan"),
    ],
)
def test_impossible_measurements_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MeasuredEffort(**({"effort": EFFORT, "images": 10, "correct": {"leaf": 5}} | changes))
