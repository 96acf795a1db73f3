"""Every way to search, by name."""

from adaptive.errors import ConfigError
from adaptive.search.additive import AdditiveProgramme
from adaptive.search.evolution import Evolution
from adaptive.search.exhaustive import Exhaustive
from adaptive.search.flip_chain import FlipChain
from adaptive.search.nested_chain import NestedChain
from adaptive.search.problem import Search
from adaptive.search.random_mixes import RandomMixes
from adaptive.search.surrogate import Surrogate

DRAWS = ("surrogate", "nsga2", "random")
"""Methods whose outcome hangs on the seed."""


def methods() -> tuple[Search, ...]:
    """Return all methods, ours first."""
    return (
        Surrogate(),
        FlipChain(),
        AdditiveProgramme(),
        Evolution(),
        NestedChain(),
        RandomMixes(),
        Exhaustive(),
    )


def method_named(name: str) -> Search:
    """Return a method; raises ConfigError if there is none of that name."""
    for method in methods():
        if method.name == name:
            return method
    known = ", ".join(method.name for method in methods())
    raise ConfigError(f"--method is {name!r}, expected one of {known}")
