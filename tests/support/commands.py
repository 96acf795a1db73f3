"""Commands called without the entry points that installation makes."""

import argparse
from types import ModuleType


def parsed(command: ModuleType, *arguments: str) -> argparse.Namespace:
    """Parse arguments as the command's parser does."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(arguments)
