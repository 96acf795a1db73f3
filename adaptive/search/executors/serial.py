"""Work in this process, one item after another."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from adaptive.search.executors.protocol import Item, Result, Shared, Task


@dataclass(frozen=True, slots=True)
class SerialExecutor:
    """The plainest executor, and what the others must equal."""

    def map(
        self, task: Task[Shared, Item, Result], items: Iterable[Item], *, shared: Shared
    ) -> Iterator[Result]:
        """Yield the result of each item, in order."""
        for item in items:
            yield task(shared, item)
