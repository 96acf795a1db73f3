"""Boots the guest of the real-kernel rig and collects what its scenario finds."""

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kernel_parts import MACHINE, Parts, Unreachable, execute, missing

_MARK = "FOUND "
# Time in the guest follows the instructions it runs, two nanoseconds each, and jumps where it
# idles: what the guest sees does not depend on how busy this machine is.
_TIME = ("-icount", "shift=1,sleep=off", "-rtc", "clock=vm")


@dataclass(frozen=True)
class Told:
    """What a guest told.

    Attributes
    ----------
    facts
        Each finding by its name.
    console
        Everything it printed.
    took_s
        How long it ran [s].
    """

    facts: dict[str, dict[str, Any]]
    console: str
    took_s: float

    def __getitem__(self, what: str) -> dict[str, Any]:
        """Return a finding."""
        return self.facts[what]

    def check(self) -> None:
        """Raise AssertionError with the end of the console if the scenario did not end well."""
        why = self.facts.get("failed", {}).get("why", "the guest did not get so far")
        ended = "end" in self.facts and "failed" not in self.facts
        assert ended, f"{why}\n{self.console[-6000:]}"


def boot(parts: Parts, root: Path, *, init: str, patience_s: float, words: str = "") -> Told:
    """Boot a root from memory, run what it starts, and wait until it is off.

    Parameters
    ----------
    parts
        Kernel and device tree.
    root
        Folder of everything in the guest.
    init
        What runs first.
    patience_s
        When to end it [s].
    words
        More of the kernel's command line.
    """
    archive = parts.folder / f"{root.name}.cpio"
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    with archive.open("wb") as file:
        subprocess.run(
            ["cpio", "--create", "--format=newc", "--owner=0:0", "--quiet"],
            input=names.encode(), stdout=file, cwd=root, check=True,
        )  # fmt: skip
    command = [
        "qemu-system-aarch64", *MACHINE, *_TIME, "-display", "none", "-monitor", "none",
        "-serial", "stdio", "-nic", "none", "-no-reboot", "-dtb", parts.tree,
        "-kernel", parts.kernel / f"boot/vmlinuz-{parts.release}", "-initrd", archive,
        "-append", f"console=ttyAMA0 quiet panic=-1 rdinit={init} {words}",
    ]  # fmt: skip
    begun_s = time.monotonic()
    try:
        done = subprocess.run(
            [str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True,
            check=False, timeout=patience_s,
        )  # fmt: skip
        console = (done.stdout + done.stderr).decode(errors="replace")
    except subprocess.TimeoutExpired as error:
        console = (error.stdout or b"").decode(errors="replace") + "\nended: it took too long"
    finally:
        archive.unlink()
    found = [json.loads(line.split(_MARK, 1)[1]) for line in console.splitlines() if _MARK in line]
    return Told({f["what"]: f for f in found}, console, time.monotonic() - begun_s)


def tell(
    name: str,
    packages: Sequence[str] = (),
    *,
    prepare: Callable[[Path], None] = lambda _root: None,
    init: str,
    patience_s: float,
    words: str = "",
) -> Told:
    """Build a guest, boot it, and return what it tells; skips where its parts cannot be had.

    Parameters
    ----------
    name, packages
        Of its root, and what Debian packages it has beside the usual ones.
    prepare
        Does the rest to its root.
    init, patience_s, words
        As `boot` takes them.
    """
    if lacking := missing():
        pytest.skip(lacking)
    parts = Parts()
    try:
        root = parts.root(name, packages)
    except Unreachable as error:
        pytest.skip(f"the guest cannot be built here: {error}")
    prepare(root)
    told = boot(parts, root, init=init, patience_s=patience_s, words=words)
    told.check()
    return told


def main() -> None:
    """Boot the small guest and show its console, for whoever works on the rig."""
    parts = Parts()
    print(boot(parts, parts.root("small"), init="/board/init", patience_s=900.0).console)
    print(execute("du", "-sh", parts.folder))


if __name__ == "__main__":
    main()
