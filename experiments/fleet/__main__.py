"""`python -m experiments.fleet`: the same as `adaptive fleet`."""

import argparse

from experiments.commands import fleet
from experiments.study_config import exit_code


def main() -> int:
    """Run the command; return the exit code."""
    parser = argparse.ArgumentParser("python -m experiments.fleet", description=fleet.HELP)
    fleet.add_arguments(parser)
    args = parser.parse_args()
    return exit_code(lambda: fleet.run(args))


if __name__ == "__main__":
    raise SystemExit(main())
