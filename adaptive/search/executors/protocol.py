"""What every executor does."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

Shared_contra = TypeVar("Shared_contra", contravariant=True)
Item_contra = TypeVar("Item_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)
Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")


class Task(Protocol[Shared_contra, Item_contra, Result_co]):
    """A pure function of what all items share and of one item.

    To leave this process it must be importable: a function of a module, not a lambda. An item
    that needs random numbers carries its own seed.
    """

    def __call__(self, shared: Shared_contra, item: Item_contra, /) -> Result_co:
        """Return the result of one item."""
        ...


class Executor(Protocol):
    """Applies a task to items, wherever that happens.

    Results come in the order of the items and depend on neither the executor nor how many workers
    it has. A worker that is lost costs time only.
    """

    def map(
        self, task: Task[Shared, Item, Result], items: Iterable[Item], *, shared: Shared
    ) -> Iterator[Result]:
        """Yield the result of each item, in order, as soon as it and those before it are there.

        Parameters
        ----------
        task
            What to do.
        items
            What to do it with; read as needed.
        shared
            What every item needs: sent to each worker once, not with each item.

        Raises
        ------
        ExecutorError
            If work cannot be finished because workers are lost again and again.
        Exception
            Whatever the task raises, for the first item that does.
        """
        ...
