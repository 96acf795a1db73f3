"""`adaptived`: start, signals, one instance, exit codes.

Exit codes: 0 stopped as asked, or restored; 2 the configuration is wrong; 4 the board does not
show what is needed, so nothing is governed; 5 another instance runs; 6 it failed while running.
"""

import argparse
import ctypes
import fcntl
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from adaptive.board.restore import make_safe, put_all_back
from adaptive.board.roots import Roots
from adaptive.board.snapshot import SnapshotFile
from adaptive.daemon.assembly import Assembly, assemble
from adaptive.daemon.configuration import PATH, load_configuration
from adaptive.daemon.journal import open_log
from adaptive.daemon.networks import choose_in_child
from adaptive.daemon.outside import Outside, announce
from adaptive.daemon.service import Service
from adaptive.daemon.web import Web
from adaptive.errors import AdaptiveError, PlatformError
from adaptive.faults import FaultLog

DISTRIBUTION = "thermal-adaptive-inference"

DONE, WRONG_INPUT, NO_BOARD, SECOND, FAILED = 0, 2, 4, 5, 6


class SecondInstance(AdaptiveError):
    """Another daemon governs this machine already."""


def script() -> int:
    """Run isolated from the working directory, whose `models/` would shadow ours."""
    if not sys.flags.isolated:
        os.execv(sys.executable, [sys.executable, "-I", "-m", "adaptive.daemon", *sys.argv[1:]])
    return main()


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    args = _parser().parse_args(argv)
    log = open_log()
    try:
        if args.check:
            _check_distribution()
            assemble(
                args.config,
                Roots(args.root),
                FaultLog(announce(log)),
                choose=choose_in_child,
            )
            log.info("%s is good", args.config)
            return DONE
        if args.restore:
            return _restore(args, log)
        return _govern(args, log)
    except AdaptiveError as error:
        log.critical("%s", error)
        return _exit_code(error)
    # Whatever it was, settings are restored by now; say it in the journal and let systemd decide.
    except Exception:
        log.exception("failed")
        return FAILED


def _exit_code(error: AdaptiveError) -> int:
    match error:
        case SecondInstance():
            return SECOND
        case PlatformError():
            return NO_BOARD
        case _:
            return WRONG_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("adaptived", description=__doc__)
    parser.add_argument("--config", type=Path, default=PATH, metavar="FILE", help="(%(default)s)")
    parser.add_argument(
        "--root",
        type=Path,
        default=Path("/"),
        metavar="DIR",
        help="in place of / (%(default)s)",
    )
    parser.add_argument(
        "--check", action="store_true", help="check the configuration on this board, and end"
    )
    parser.add_argument(
        "--restore",
        action="store_true",
        help="do what the configuration says is to be done on exit, after a daemon that died",
    )
    return parser


def _govern(args: argparse.Namespace, log: logging.Logger) -> int:
    faults = FaultLog(announce(log))
    roots = Roots(args.root)

    def load() -> Assembly:
        return assemble(args.config, roots, faults, choose=choose_in_child)

    assembly = load()
    configuration = assembly.configuration
    with _only_one(Path(configuration.runtime)):
        service = Service(assembly, faults, Outside(roots=roots))
        web = Web(configuration.web, service.status) if configuration.web.port is not None else None

        def reload() -> None:
            # In a thread of its own: loading a network takes longer than a period.
            def swap() -> None:
                service.replace(
                    lambda: assemble(args.config, roots, faults, choose=choose_in_child)
                )

            threading.Thread(target=swap, name="reload", daemon=True).start()

        try:
            signal.signal(signal.SIGTERM, lambda *_: service.stop())
            signal.signal(signal.SIGINT, lambda *_: service.stop())
            signal.signal(signal.SIGHUP, lambda *_: reload())
            log.info(
                "governing %s with %s points of %s, policy %s",
                assembly.plant.name, len(assembly.table), assembly.artifact, configuration.governor,
            )  # fmt: skip
            give_memory_back()
            service.run()
        finally:
            if web is not None:
                web.close()
            service.close()
    log.info("stopped after %d cycles", service.costs.cycles)
    return DONE


def _restore(args: argparse.Namespace, log: logging.Logger) -> int:
    """Put back what a daemon that died left behind; called by systemd's ExecStopPost."""
    runtime = Path(load_configuration(args.config).runtime)
    kept = SnapshotFile(runtime, Roots(args.root))
    with _only_one(runtime):
        left = kept.load()
        if left is None or left.on_exit == "hold":
            log.info("nothing to restore" if left is None else "settings are held as configured")
            return DONE
        if left.on_exit == "safe":
            for settings in left.policies:
                make_safe(settings)
            log.info("clocks are held at their lowest, as configured")
            return DONE
        refused = put_all_back(left.policies)
        if refused:
            log.error("could not restore %s", ", ".join(settings.path for settings in refused))
            return FAILED
        kept.discard()
        log.info("restored %d policies", len(left.policies))
    return DONE


def give_memory_back() -> None:
    """Return to the system what loading a network took and left free."""
    gc.collect()
    gc.freeze()
    # Where the C library is another one than glibc there is nothing to trim.
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the lock of this machine's one daemon; it dies with the process."""
    path = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise PlatformError(f"{path}: cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise SecondInstance(f"{path}: another adaptived runs already") from None
    finally:
        os.close(descriptor)


def _check_distribution() -> None:
    """Refuse to run another package of this name, which PyPI has too."""
    # Only here: it loads what reading mail takes, which the daemon has no memory for.
    from importlib.metadata import packages_distributions

    owners = packages_distributions().get("adaptive", [])
    if owners and set(owners) != {DISTRIBUTION}:
        raise PlatformError(
            f"the package `adaptive` belongs to {', '.join(sorted(set(owners)))}, expected "
            f"{DISTRIBUTION} alone; install it into a virtual environment of its own"
        )
