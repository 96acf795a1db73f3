"""CPU time of a call."""

import time
from collections.abc import Callable

from threadpoolctl import threadpool_limits


def cpu_s(run: Callable[[], object], *, at_least_s: float) -> float:
    """Return the CPU time of a call, warmed up and repeated until it can be measured [s].

    On one thread of the linear algebra library: others spin while they wait, which is CPU time
    spent on nothing.

    Parameters
    ----------
    run
        What to time.
    at_least_s
        How long all repetitions take together [s].
    """
    count = 1
    with threadpool_limits(1):
        run()
        while True:
            before = time.process_time()
            for _ in range(count):
                run()
            spent_s = time.process_time() - before
            if spent_s >= at_least_s:
                return spent_s / count
            count *= 2
