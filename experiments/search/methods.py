"""Every way to search, by name."""

from adaptive.errors import ConfigError
from adaptive.search.additive import AdditiveProgramme
from adaptive.search.exhaustive import Exhaustive
from adaptive.search.flip_chain import FlipChain
from adaptive.search.nested_chain import NestedChain
from adaptive.search.problem import Search
from adaptive.search.random_mixes import RandomMixes
from adaptive.search.surrogate import Surrogate

DRAWS = ("surrogate", "nsga2", "random")
"""Methods whose outcome hangs on the seed."""


def methods() -> tuple[Search, ...]:
    """Return all methods, ours first.

    Raises
    ------
    ModuleNotFoundError
        If pymoo is not installed.
    """
    # An optional extra: only who asks for NSGA-II needs it.
    from adaptive.search.evolution import Evolution

    return (*_own(), Evolution())


def _own() -> tuple[Search, ...]:
    """Return the methods that need no extra."""
    return (
        Surrogate(),
        FlipChain(),
        AdditiveProgramme(),
        NestedChain(),
        RandomMixes(),
        Exhaustive(),
    )


def method_named(name: str) -> Search:
    """Return a method; raises ConfigError if there is none of that name."""
    own = {method.name: method for method in _own()}
    if name in own:
        return own[name]
    everyone = {method.name: method for method in methods()}
    if name in everyone:
        return everyone[name]
    raise ConfigError(f"--method is {name!r}, expected one of {', '.join(everyone)}")
