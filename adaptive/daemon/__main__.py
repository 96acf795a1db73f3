"""`python -I -m adaptive.daemon`: what the unit starts."""

import sys

from adaptive.daemon.main import main

if __name__ == "__main__":
    sys.exit(main())
