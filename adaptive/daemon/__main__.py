"""`python -I -m adaptive.daemon`: what the unit starts."""

import os
import sys


def start() -> int:
    """Run the daemon with one arithmetic thread: its matrices are small, and memory is scarce."""
    # Read by the linear algebra behind numpy when it is loaded, so before anything of ours is.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from adaptive.daemon.main import main

    return main()


if __name__ == "__main__":
    sys.exit(start())
