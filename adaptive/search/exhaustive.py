"""Measure everything: the truth, where there is little to measure."""

from dataclasses import dataclass

from adaptive.search.problem import Problem


@dataclass(frozen=True, slots=True)
class Exhaustive:
    """Measures every mix, in lexicographic order; the budget must hold them all."""

    name: str = "exhaustive"

    def run(self, problem: Problem, *, seed: int) -> None:  # noqa: ARG002
        """Measure every mix."""
        if problem.space.size > problem.budget:
            raise ValueError(
                f"the space has {problem.space.size} mixes, expected at most the budget of "
                f"{problem.budget}; group layers, or use another method"
            )
        problem.measure(list(problem.space.mixes()))
