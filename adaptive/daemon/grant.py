"""Lets a group write the cpufreq files the daemon needs, so that it needs no privilege itself."""

import grp
import shutil
import sys
from collections.abc import Sequence

from adaptive.board.roots import Roots

FILES = ("scaling_governor", "scaling_setspeed", "scaling_min_freq", "scaling_max_freq")
_GROUP_WRITE = 0o020


def grant(group: str, roots: Roots | None = None) -> int:
    """Give the files of every policy to a group, writable unless it is root's; return how many.

    Files of a policy that is plugged in later are the kernel's again: the daemon then advises.
    """
    base = (roots or Roots()).cpu / "cpufreq"
    count = 0
    for path in sorted(p for name in FILES for p in base.glob(f"policy*/{name}")):
        shutil.chown(path, group=group)
        mode = path.stat().st_mode
        path.chmod(mode & ~_GROUP_WRITE if group == "root" else mode | _GROUP_WRITE)
        count += 1
    return count


def main(arguments: Sequence[str]) -> int:
    """Grant to the group named; a board without such files is no error, the daemon says so."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m adaptive.daemon.grant GROUP\n")
        return 2
    try:
        grp.getgrnam(arguments[0])
        grant(arguments[0])
    except KeyError:
        sys.stderr.write(f"adaptived: group {arguments[0]!r} does not exist\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"adaptived: {error.filename}: {error.strerror}; advice only\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
