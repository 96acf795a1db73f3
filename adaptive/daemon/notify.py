"""What systemd is told, by its own small protocol (sd_notify(3))."""

import os
import socket
from collections.abc import Mapping


class Notifier:
    """Sends states to the service manager; without one, nothing.

    Parameters
    ----------
    environment
        Where `NOTIFY_SOCKET` and `WATCHDOG_USEC` are looked up.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        microseconds = environment.get("WATCHDOG_USEC", "")
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_s = int(microseconds) / 1e6 if microseconds.isdigit() and ours else None
        self._pinged_s = float("-inf")

    def say(self, *states: str) -> None:
        """Send states such as `READY=1`; a manager that does not listen is no reason to stop."""
        if self._address:
            try:
                self._socket.sendto("\n".join(states).encode(), self._address)
            except OSError:
                return

    def ping(self, time_s: float) -> None:
        """Tell the watchdog that a control cycle was completed, at most four times its period."""
        if self.watchdog_s is not None and time_s - self._pinged_s >= self.watchdog_s / 4.0:
            self._pinged_s = time_s
            self.say("WATCHDOG=1")

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()
