"""Which application is governed: one at a time, for as long as it lives and talks."""

from dataclasses import dataclass

from adaptive.board.clock import Clock
from adaptive.daemon.desk import Peer
from adaptive.faults import Fault, FaultLog
from adaptive.link.messages import Report
from adaptive.work import IDLE, UNKNOWN, Work

_IGNORES_S = 2.0  # after which an application that does not run its plan is taken at its word


@dataclass(slots=True)
class _Holder:
    peer: Peer
    name: str
    heard_s: float
    work: Work
    sequence: int  # of the plan it says it runs
    behind_s: float | None  # since when it has not run the current plan


class Leases:
    """The one lease there is, and what its holder reports.

    Parameters
    ----------
    clock
        Tells how long ago it was heard.
    faults
        Where a lease that ran out is reported.
    lease_s
        How long a holder may be silent [s].
    """

    def __init__(self, clock: Clock, faults: FaultLog, *, lease_s: float) -> None:
        self._clock, self._faults = clock, faults
        self.lease_s = lease_s
        self._holder: _Holder | None = None

    @property
    def holder(self) -> str | None:
        """Name of the application that is governed."""
        return None if self._holder is None else self._holder.name

    @property
    def is_held(self) -> bool:
        """Whether an application is governed."""
        return self._holder is not None

    def grant(self, peer: Peer, name: str) -> str | None:
        """Give the lease; else return why not."""
        holder = self._holder
        if holder is not None and holder.peer != peer:
            return f"already governed: {holder.name} (pid {holder.peer.pid}); one at a time"
        self._holder = _Holder(peer, name, self._clock.awake_s(), UNKNOWN, 0, None)
        self._faults.over(Fault.LEASE_EXPIRED)
        return None

    def hear(self, peer: Peer, report: Report) -> str | None:
        """Take a report; else return why not."""
        holder = self._holder
        if holder is None or holder.peer != peer:
            return "no lease: it ran out, or was never asked for"
        holder.heard_s = self._clock.awake_s()
        holder.sequence = report.sequence
        holder.work = Work(
            report.demand_hz, report.served_hz, report.latency_s, backlog=report.backlog
        )
        return None

    def end(self, peer: Peer) -> None:
        """Take the lease back from a peer that is gone or wants it no more; else do nothing."""
        if self._holder is not None and self._holder.peer == peer:
            self._holder = None
            self._faults.over(Fault.APPLICATION_IGNORES)

    def work(self, sequence: int) -> Work:
        """Return what the application did last, and note whether it runs the current plan.

        Parameters
        ----------
        sequence
            Number of the current plan.
        """
        holder = self._holder
        if holder is None:
            return IDLE
        now_s = self._clock.awake_s()
        if now_s - holder.heard_s > self.lease_s:
            self._faults.met(
                Fault.LEASE_EXPIRED, detail=f"{holder.name} was silent for {self.lease_s:g} s"
            )
            self.end(holder.peer)
            return IDLE
        if holder.sequence >= sequence:
            holder.behind_s = None
        elif holder.behind_s is None:
            holder.behind_s = now_s
        if self.is_ignored:
            self._faults.met(Fault.APPLICATION_IGNORES, detail="only its clock is governed")
        else:
            self._faults.over(Fault.APPLICATION_IGNORES)
        return holder.work

    @property
    def is_ignored(self) -> bool:
        """Whether the application has not run what it was told for a while."""
        holder = self._holder
        return (
            holder is not None
            and holder.behind_s is not None
            and self._clock.awake_s() - holder.behind_s > _IGNORES_S
        )
