"""What the guest's scenarios share: the board's knobs, the machine's settings, an application."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from adaptive.client import Connection, Governed
from adaptive.errors import PlatformError

POLICY = Path("/sys/devices/system/cpu/cpufreq/policy0")
HARDWARE = Path("/sys/module/board/parameters")
SETTINGS = ("scaling_governor", "scaling_min_freq", "scaling_max_freq")
PATIENCE_S, PERIOD_S = 120.0, 0.25

WRITTEN = """\
schema: 1
board: rpi4b
networks: [{{artifact: digits, images_per_frame: 64}}]
policies: {{a72: policy0}}
meter: ina231.power1
period_s: {period_s}
ambient_degc: 30.0
cap_degc: {cap_degc}
web: {{port: null}}
"""


def tell(what: str, **facts: object) -> None:
    """Say what was found."""
    print("FOUND " + json.dumps({"what": what, **facts}), flush=True)


def hardware(name: str, value: int | None = None) -> int:
    """Turn a knob of the board, or look at it."""
    if value is not None:
        (HARDWARE / name).write_text(str(value))
    return int((HARDWARE / name).read_text())


def settings() -> list[str]:
    """What belongs to the machine: governor and limits; empty while there is no policy."""
    try:
        return [(POLICY / name).read_text().strip() for name in SETTINGS]
    except OSError:
        return [""] * len(SETTINGS)


def configure(path: Path, cap_degc: float) -> None:
    """Write the daemon's configuration."""
    path.write_text(WRITTEN.format(cap_degc=cap_degc, period_s=PERIOD_S))


def wait(what: str, true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end_s = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > end_s:
            raise TimeoutError(what)
        time.sleep(0.1)


def status() -> dict[str, object]:
    """Everything there is to see of the daemon, empty while nobody answers."""
    try:
        connection = Connection()
    except PlatformError:
        return {}
    try:
        return connection.status()
    except PlatformError:
        return {}
    finally:
        connection.close()


class Camera:
    """An application that works as its plan allows; the board's cores are as busy as it is."""

    def __init__(self) -> None:
        self.over = Event()
        self.duties: list[float] = []
        self.clocks: list[int] = []
        self.temps: list[int] = []
        self._thread = Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        # It ends with the daemon it hangs on.
        with suppress(PlatformError), Governed("camera") as governed:
            governed.wait_for_plan(PATIENCE_S)
            while not self.over.wait(0.2):
                duty = governed.plan().duty
                hardware("busy_permille", round(1000 * duty))
                self.duties.append(duty)
                self.temps.append(hardware("junction_mdegc"))
                with suppress(OSError):
                    self.clocks.append(int((POLICY / "scaling_cur_freq").read_text()) // 1000)
                governed.report(demand_hz=1e3, served_hz=1e3 * duty, latency_s=0.02)

    def end(self) -> None:
        """Hang up: nothing works any more."""
        self.over.set()
        self._thread.join()
        hardware("busy_permille", 0)


@contextmanager
def camera() -> Iterator[Camera]:
    """Run an application."""
    running = Camera()
    try:
        yield running
    finally:
        running.end()
