"""A chain in which each point is the one before with a gene narrowed, chosen greedily.

Switching between neighbours then changes few layers; what that costs against free choice is the
price of nestedness.
"""

from dataclasses import dataclass

from adaptive.search.problem import Problem


@dataclass(frozen=True, slots=True)
class NestedChain:
    """Takes, at each link, the change that loses least accuracy for what it saves."""

    name: str = "nested-chain"

    def run(self, problem: Problem, *, seed: int) -> None:  # noqa: ARG002
        """Measure all next links, take the best, go on from there."""
        space = problem.space
        mix = space.dearest
        (accuracy,) = problem.measure([mix])
        while mix != space.cheapest:
            links = [
                space.changed(mix, gene, mix[gene] + 1)
                for gene, count in enumerate(space.options)
                if mix[gene] + 1 < count
            ]
            found = problem.measure(links)
            saved = [problem.cost(mix) - problem.cost(link) for link in links]
            slopes = [
                (accuracy - other) / saving if saving > 0.0 else float("inf")
                for other, saving in zip(found, saved, strict=True)
            ]
            best = min(range(len(links)), key=lambda k: slopes[k])
            mix, accuracy = links[best], found[best]


def longest_chain(mixes: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return the most mixes of which each narrows the one before it, dearest first.

    Where several chains are as long, the first found.
    """
    ordered = sorted(dict.fromkeys(mixes), key=sum)
    best: list[list[tuple[int, ...]]] = []
    for mix in ordered:
        before = [
            chain
            for chain in best
            if all(wide <= narrow for wide, narrow in zip(chain[-1], mix, strict=True))
        ]
        best.append([*max(before, key=len, default=[]), mix])
    return max(best, key=len, default=[])
