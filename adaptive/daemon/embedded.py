"""The daemon inside an application's own process, in a thread, where no service runs."""

import logging
import threading
from pathlib import Path

from adaptive.board.roots import Roots
from adaptive.daemon.assembly import assemble
from adaptive.daemon.fitting import choose_here
from adaptive.daemon.outside import Outside, announce
from adaptive.daemon.service import Service
from adaptive.faults import FaultLog


class Embedded:
    """Governs from a thread of this process until it is closed.

    Parameters
    ----------
    configuration
        The configuration file; its page and metrics are left out.
    outside
        The machine.

    Raises
    ------
    AdaptiveError
        As `assemble` and `Service`.

    Notes
    -----
    Limits: a process that is killed leaves the settings to the next start, as nobody else
    watches it.
    """

    def __init__(self, configuration: Path, outside: Outside | None = None) -> None:
        outside = outside or Outside(roots=Roots(), environment={})
        faults = FaultLog(announce(logging.getLogger("adaptived")))
        assembly = assemble(configuration, outside.roots, faults, choose=choose_here)
        self.service = Service(assembly, faults, outside)
        self._thread = threading.Thread(target=self.service.run, name="adaptived", daemon=True)
        self._thread.start()

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return Path(self.service.assembly.configuration.socket.path)

    @property
    def is_alive(self) -> bool:
        """Whether the loop runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop governing; settings are as they were when this returns."""
        self.service.stop()
        self._thread.join()
        self.service.close()
