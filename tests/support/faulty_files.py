"""A folder seen through FUSE, whose files answer with the errors, delays and deafness asked for.

Run as a program it mounts; `FaultyFiles` starts that program and tells it what to do wrong.
"""

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

READY_S = 20.0


class FaultyFiles:
    """A mount of a folder, with faults by file name.

    Faults: `{"read": errno}`, `{"write": errno}`, `{"delay_s": seconds}`, `{"deaf": true}`
    (a write is accepted and ignored), `{"open": errno}`.
    """

    def __init__(self, below: Path, at: Path) -> None:
        self.at = at
        self._faults = below / ".faults"
        self._faults.write_text("{}")
        at.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(below), str(at)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end_s = time.monotonic() + READY_S
        while not os.path.ismount(at):
            if self._process.poll() is not None or time.monotonic() > end_s:
                self.close()
                raise OSError("FUSE cannot be mounted here")

    def set(self, name: str = "", **fault: object) -> None:
        """Let a file do something wrong; without a name, let all be well."""
        content = json.dumps({name: fault} if name else {})
        partial = self._faults.with_name(".faults.new")
        partial.write_text(content)
        partial.replace(self._faults)

    def close(self) -> None:
        subprocess.run(["fusermount3", "-uz", str(self.at)], check=False, capture_output=True)
        self._process.terminate()
        self._process.wait()


def usable() -> str:
    """Return why FUSE cannot be used here, or an empty text."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse is not there; on Debian: sudo apt-get install fuse3"
    try:
        import mfusepy  # noqa: F401 - is it there, and does it find libfuse?
    except (ImportError, OSError) as error:
        return f"{error}; pip install mfusepy, and on Debian: sudo apt-get install fuse3"
    return ""


def mount(below: str, at: str) -> None:
    """Serve a folder until it is unmounted."""
    import mfusepy

    class Files(mfusepy.Operations):  # type: ignore[misc]
        use_ns = True

        def _fault(self, path: str) -> dict[str, object]:
            table = json.loads(Path(f"{below}/.faults").read_text())
            return next((f for name, f in table.items() if path.endswith(name)), {})

        def _raise(self, path: str, kind: str) -> None:
            number = self._fault(path).get(kind)
            if number:
                raise mfusepy.FuseOSError(number)

        def getattr(self, path: str, fh: object = None) -> dict[str, object]:
            try:
                found = os.lstat(below + path)
            except OSError as error:
                raise mfusepy.FuseOSError(error.errno or errno.ENOENT) from error
            names = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid")
            return {name: getattr(found, name) for name in names}

        def readdir(self, path: str, fh: object) -> list[str]:
            return [".", "..", *(entry.name for entry in Path(below + path).iterdir())]

        def open(self, path: str, flags: object) -> int:
            self._raise(path, "open")
            return 0

        def read(self, path: str, size: int, offset: int, fh: object) -> bytes:
            fault = self._fault(path)
            if fault.get("delay_s"):
                time.sleep(float(str(fault["delay_s"])))
            self._raise(path, "read")
            return Path(below + path).read_bytes()[offset : offset + size]

        def truncate(self, path: str, length: int, fh: object = None) -> None:
            return None  # a sysfs file has no length to cut

        def write(self, path: str, data: bytes, offset: int, fh: object) -> int:
            self._raise(path, "write")
            if not self._fault(path).get("deaf"):
                Path(below + path).write_bytes(data)
            return len(data)

    mfusepy.FUSE(
        Files(), at, foreground=True, nothreads=False, direct_io=True, attr_timeout=0,
        entry_timeout=0,
    )  # fmt: skip


if __name__ == "__main__":
    mount(sys.argv[1], sys.argv[2])
