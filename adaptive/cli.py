"""The `adaptive` command: finds its subcommands by entry-point name, so extras stay optional.

Exit codes: 0 done; 1 a check the command was asked for failed; 2 bad input, with one line on
standard error that names the file or argument, the value and what was expected; 3 a needed extra
is not installed; 130 interrupted.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from adaptive.errors import AdaptiveError

GROUP = "adaptive.commands"
_EXTRAS = {
    "torch": "train",
    "onnx": "convert",
    "tflite": "convert",
    "pymoo": "search",
    "dask": "cluster",
    "distributed": "cluster",
    "rich": "view",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    parser = _parser(found)
    name = next((word for word in arguments if not word.startswith("-")), None)
    if name is None or name not in found:
        parser.parse_args(arguments)  # prints help or the usage error
        parser.print_help()
        return 2
    try:
        command: ModuleType = found[name].load()
    except ModuleNotFoundError as error:
        print(_missing(name, error), file=sys.stderr)
        return 3
    return _run(name, command, arguments[arguments.index(name) + 1 :])


def _run(name: str, command: ModuleType, arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(f"adaptive {name}", description=command.HELP)
    command.add_arguments(parser)
    try:
        return int(command.run(parser.parse_args(arguments)))
    except AdaptiveError as error:
        print(f"adaptive {name}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(_missing(name, error), file=sys.stderr)
        return 3
    except BrokenPipeError:
        # The reader went away (`| head`): point stdout at nothing so that exit stays silent.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _parser(found: dict[str, EntryPoint]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "adaptive",
        description="Thermal- and power-aware adaptive inference.",
        epilog="exit codes: 0 done, 1 a check failed, 2 bad input, 3 a needed extra is missing, "
        "130 interrupted. `adaptive COMMAND --help` tells a command's arguments.",
    )
    parser.add_argument("command", choices=sorted(found), help="what to do")
    return parser


def _missing(name: str, error: ModuleNotFoundError) -> str:
    extra = _EXTRAS.get(error.name or "", "sim")
    return (
        f"adaptive {name}: needs the package {error.name}, which is not installed; "
        f"pip install 'thermal-adaptive-inference[{extra}]'"
    )
