"""The chain of AIMET's automatic mixed precision: one sensitivity list, flipped in order.

References
----------
.. [1] Qualcomm AI Model Efficiency Toolkit, "Automatic mixed precision": phase 1 measures each
   quantiser group alone, phase 2 flips them to fewer bits in the order of that list, and the
   accuracies along the way are the Pareto list. Unverified (from its public documentation, read
   from memory).
"""

from dataclasses import dataclass

from adaptive.search.problem import Problem


@dataclass(frozen=True, slots=True)
class FlipChain:
    """Narrows one gene at a time, the least harmful first, as measured alone."""

    name: str = "aimet-chain"

    def run(self, problem: Problem, *, seed: int) -> None:  # noqa: ARG002
        """Measure every single change, then the chain."""
        space = problem.space
        singles = space.singles()
        alone = problem.measure([space.changed(space.dearest, *single) for single in singles])
        # Of one gene's options the wider come first, else the chain would have to go back.
        order = sorted(range(len(singles)), key=lambda k: (-alone[k], singles[k][1]))
        mix, chain = space.dearest, [space.dearest]
        for k in order:
            gene, option = singles[k]
            if option > mix[gene]:
                mix = space.changed(mix, gene, option)
                chain.append(mix)
        problem.measure(chain)
