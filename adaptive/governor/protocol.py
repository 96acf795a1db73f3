"""The interface every policy implements."""

from typing import Protocol

from adaptive.operating_point import OperatingPoint
from adaptive.platform import Observation


class Governor(Protocol):
    """A policy that picks the operating point for the next control period."""

    def decide(self, observation: Observation) -> OperatingPoint:
        """Return the point to run until the next observation; never raise, never block."""
        ...
