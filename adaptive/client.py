"""What an inference application imports to be governed.

::

    from adaptive.client import Governed
    from adaptive.escalation import answer

    with Governed("camera") as governed:
        for frame in frames:
            plan = governed.plan()                  # two microseconds, no system call
            nodes, _ = answer(engine, frame, plan.effort(governed.layers), plan.level)
            governed.answered(latency_s)            # tells the daemon now and then
            governed.rest()                         # idles where the plan's duty asks for it

`Governed("camera", configuration=path)` governs from inside the process where no daemon runs.
"""

import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

import msgspec

from adaptive.errors import PlatformError
from adaptive.link.messages import (
    LARGEST,
    SOCKET,
    Ahead,
    Forecast,
    Lease,
    Leased,
    Noted,
    Refused,
    Release,
    Reply,
    Report,
    Request,
    Shown,
    Status,
    decode_reply,
    encode,
)
from adaptive.link.page import PageReader
from adaptive.link.plan import Heat, Plan

_LARGEST_REPLY = 1 << 20
_PATIENCE_S = 10.0  # a busy machine is not a dead daemon
_REPORT_S = 0.25


_Kind = TypeVar("_Kind", Leased, Noted, Ahead, Shown)


class Refusal(PlatformError):
    """The daemon does not do what it was asked; the message says why."""


class Connection:
    """A connection to the daemon: one question, one answer.

    Parameters
    ----------
    path
        The daemon's socket.

    Raises
    ------
    PlatformError
        If nobody listens there.
    """

    def __init__(self, path: str | Path = SOCKET) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        self._socket.settimeout(_PATIENCE_S)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise PlatformError(
                f"{path}: no daemon answers: {error.strerror or error}; is adaptived running?"
            ) from error

    def ask(self, request: Request) -> Reply:
        """Return the daemon's answer; PlatformError if there is none, Refusal if it refuses."""
        content = encode(request)
        if len(content) > LARGEST:
            raise PlatformError(f"request has {len(content)} bytes, expected at most {LARGEST}")
        try:
            self._socket.sendall(content)
            answer = self._socket.recv(_LARGEST_REPLY)
        except OSError as error:
            raise PlatformError(f"the daemon does not answer: {error.strerror or error}") from error
        if not answer:
            raise PlatformError("the daemon has hung up")
        try:
            reply: Reply = decode_reply(answer)
        except msgspec.DecodeError as error:
            raise PlatformError(f"the daemon's answer is no answer: {error}") from error
        if isinstance(reply, Refused):
            raise Refusal(reply.reason)
        return reply

    def status(self) -> dict[str, object]:
        """Return everything there is to see."""
        return _expect(Shown, self.ask(Status())).status

    def close(self) -> None:
        """Hang up; a lease ends with it."""
        self._socket.close()


class _Daemon(Protocol):
    """A daemon that runs inside this process."""

    def close(self) -> None: ...


class Governed:
    """An application under the daemon's lease.

    Parameters
    ----------
    name
        What the application is called.
    path
        The daemon's socket.
    configuration
        Govern from inside this process, by this configuration, instead of asking a daemon.

    Raises
    ------
    Refusal
        If another application is governed already, or this user is not served.
    PlatformError
        If nobody listens there.
    """

    def __init__(
        self,
        name: str = "application",
        *,
        path: str | Path = SOCKET,
        configuration: Path | None = None,
    ) -> None:
        self._inside: _Daemon | None = None
        if configuration is not None:
            # Only here: a client of a daemon loads nothing of the daemon.
            from adaptive.daemon.embedded import Embedded

            embedded = Embedded(configuration)
            self._inside, path = embedded, embedded.socket
        try:
            self._connection = Connection(path)
            self._leased = self._lease(name)
            self._page = PageReader(Path(self._leased.page))
        except BaseException:
            self._close_inside()
            raise
        self._work_s, self._sequence = 0.0, 0
        self._begin_counting(time.monotonic())
        self._frame_began_s = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def layers(self) -> tuple[str, ...]:
        """Switchable layers of the network the plans are for."""
        return self._leased.layers

    @property
    def artifact(self) -> str:
        """Name of that network."""
        return self._leased.artifact

    def plan(self) -> Plan:
        """Return the current plan; costs no system call.

        Raises
        ------
        PlatformError
            If the daemon has published none yet.
        """
        plan = self._page.plan()
        if plan is None:
            raise PlatformError("the daemon has published no plan yet; try again in a period")
        self._sequence = plan.sequence
        return plan

    def forget_plan(self) -> None:
        """Decode the page again at the next `plan`, even if it has not changed."""
        self._page.forget()

    def wait_for_plan(self, timeout_s: float = 10.0) -> Plan:
        """Return the current plan as soon as there is one; PlatformError after a time [s]."""
        end_s = time.monotonic() + timeout_s
        while (plan := self._page.plan()) is None:
            if time.monotonic() > end_s:
                raise PlatformError(f"the daemon has published no plan within {timeout_s:g} s")
            time.sleep(0.01)
        return plan

    def heat(self) -> Heat | None:
        """Return how hot the board is; costs no system call."""
        return self._page.heat()

    def headroom(self, forecast_s: float = 0.0) -> float | None:
        """Return how far the board is on its way to the cap, now or some seconds ahead.

        As Android's `getThermalHeadroom`: 1.0 is the cap, 0 is 30 K below it or more. None where
        no zone is believed.
        """
        return _expect(Ahead, self._connection.ask(Forecast(forecast_s))).headroom

    def arrived(self, frames: int = 1) -> None:
        """Count frames that came in; without this, those answered are taken for all there were."""
        self._arrived += frames

    def answered(self, latency_s: float, *, backlog: int = 0) -> None:
        """Count a frame that was answered, and report to the daemon if it is time.

        Parameters
        ----------
        latency_s
            Time from its arrival to its answer [s].
        backlog
            Frames that wait.
        """
        now_s = time.monotonic()
        self._served += 1
        self._latency_s += latency_s
        self._work_s = now_s - self._frame_began_s
        span_s = now_s - self._began_s
        if span_s >= _REPORT_S:
            self.report(
                demand_hz=max(self._arrived, self._served) / span_s,
                served_hz=self._served / span_s,
                latency_s=self._latency_s / self._served,
                backlog=backlog,
            )

    def report(
        self, *, demand_hz: float, served_hz: float, latency_s: float, backlog: int = 0
    ) -> int:
        """Tell the daemon what was done since the last report; return the current plan's number."""
        reply = self._connection.ask(
            Report(
                demand_hz=demand_hz,
                served_hz=served_hz,
                latency_s=latency_s,
                backlog=backlog,
                sequence=self._sequence,
            )
        )
        self._begin_counting(time.monotonic())
        return _expect(Noted, reply).sequence

    def rest(self) -> float:
        """Idle for as long as the plan's duty asks after the last frame; return how long [s]."""
        duty = self.plan().duty
        idle_s = _REPORT_S if duty == 0.0 else self._work_s * (1.0 / duty - 1.0)
        if idle_s > 0.0:
            time.sleep(min(idle_s, 1.0))
        self._frame_began_s = time.monotonic()
        return idle_s

    def settle_on_cpus(self) -> None:
        """Run this process on the plan's processors, where the system allows."""
        cpus = set(self.plan().cpus) & set(os.sched_getaffinity(0))
        if cpus:
            os.sched_setaffinity(0, cpus)

    def status(self) -> dict[str, object]:
        """Return everything there is to see of the daemon."""
        return self._connection.status()

    def close(self) -> None:
        """End the lease, and hang up."""
        # Where the daemon is gone, the lease is gone with it.
        with suppress(PlatformError):
            self._connection.ask(Release())
        self._connection.close()
        self._page.close()
        self._close_inside()

    def _lease(self, name: str) -> Leased:
        try:
            return _expect(Leased, self._connection.ask(Lease(name)))
        except BaseException:
            self._connection.close()
            raise

    def _begin_counting(self, now_s: float) -> None:
        self._began_s, self._served, self._arrived, self._latency_s = now_s, 0, 0, 0.0

    def _close_inside(self) -> None:
        if self._inside is not None:
            self._inside.close()


def _expect(kind: type[_Kind], reply: Reply) -> _Kind:
    """Return an answer of the kind asked for; PlatformError for another one."""
    if not isinstance(reply, kind):
        raise PlatformError(f"the daemon answered {type(reply).__name__}, not {kind.__name__}")
    return reply
