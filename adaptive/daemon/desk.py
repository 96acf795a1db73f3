"""The desk at which applications are served: a socket that never keeps the loop waiting."""

import os
import selectors
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from adaptive.board.clock import Clock
from adaptive.errors import PlatformError
from adaptive.faults import Fault, FaultLog
from adaptive.link.messages import LARGEST, Refused, Reply, Request, decode_request, encode

_CREDENTIALS = struct.Struct("3i")
_MOST_PEERS = 256
_PER_SECOND, _AT_ONCE = 2000.0, 2000.0  # requests of one peer
_EVENTS = 64  # looked at before the deadline is looked at again


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, by the kernel's word.

    Attributes
    ----------
    number
        Number of the connection.
    pid, uid
        Its process and user.
    """

    number: int
    pid: int
    uid: int


class _Seat:
    """A connection, with what it may still ask before it has to wait."""

    def __init__(self, connection: socket.socket, peer: Peer, now_s: float) -> None:
        self.connection, self.peer = connection, peer
        self.left, self.filled_s = _AT_ONCE, now_s

    def takes_turn(self, now_s: float) -> bool:
        self.left = min(self.left + _PER_SECOND * (now_s - self.filled_s), _AT_ONCE)
        self.filled_s = now_s
        self.left -= 1.0
        return self.left >= 0.0


class Desk:
    """Answers requests while the loop waits, and stops in time for the next period.

    Parameters
    ----------
    path
        Socket to listen at.
    uids
        Users served.
    clock
        Tells when to stop.
    faults
        Where floods and strangers are reported.
    answer
        Answers a request of a peer.
    left
        Called when a peer has gone.

    Raises
    ------
    PlatformError
        If the socket cannot be made.
    """

    def __init__(
        self,
        path: Path,
        *,
        uids: frozenset[int],
        clock: Clock,
        faults: FaultLog,
        answer: Callable[[Peer, Request], Reply],
        left: Callable[[Peer], None],
    ) -> None:
        self.path, self._uids, self._clock, self._faults = path, uids, clock, faults
        self._answer, self._left = answer, left
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            self._listener.bind(str(path))
            # Who may ask is settled by SO_PEERCRED, for which one must first be able to connect.
            path.chmod(0o666)
            self._listener.listen(1024)
        except OSError as error:
            self._listener.close()
            raise PlatformError(f"{path}: cannot listen there: {error.strerror}") from error
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._seats: dict[int, _Seat] = {}
        self._resting: list[_Seat] = []
        self._next = 0

    def serve(self, time_s: float) -> None:
        """Answer what comes for a time [s]; return when it is over."""
        end_s = self._clock.awake_s() + time_s
        self._wake()
        left_s = time_s
        while left_s > 0.0:
            for key, _ in self._clock.wait(self._selector, left_s)[:_EVENTS]:
                if key.data is None:
                    self._accept()
                else:
                    self._hear(key.data)
                if self._clock.awake_s() >= end_s:
                    return
            left_s = end_s - self._clock.awake_s()

    @property
    def peers(self) -> int:
        """How many are connected."""
        return len(self._seats)

    def close(self) -> None:
        """Hang up on everybody and take the socket away."""
        for seat in list(self._seats.values()):
            self._dismiss(seat)
        self._selector.close()
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            # Out of descriptors, or gone again: whoever waits is taken next time.
            self._faults.met(Fault.SOCKET_FLOOD, "accept", detail="a connection was not taken")
            return
        connection.setblocking(False)
        credentials = connection.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
        )
        pid, uid, _ = _CREDENTIALS.unpack(credentials)
        self._next += 1
        seat = _Seat(connection, Peer(self._next, pid, uid), self._clock.awake_s())
        if uid not in self._uids:
            self._faults.once(Fault.PEER_DENIED, f"uid {uid}", detail=f"pid {pid}")
            self._turn_away(connection, f"user {uid} is not served by this daemon")
        elif len(self._seats) >= _MOST_PEERS:
            self._faults.met(Fault.SOCKET_FLOOD, "peers", detail=f"more than {_MOST_PEERS}")
            self._turn_away(connection, f"{_MOST_PEERS} others are being served already")
        else:
            self._seats[seat.peer.number] = seat
            self._selector.register(connection, selectors.EVENT_READ, seat)

    def _hear(self, seat: _Seat) -> None:
        if not seat.takes_turn(self._clock.awake_s()):
            # What it sends meanwhile waits in its own, bounded, socket buffer.
            self._faults.met(Fault.SOCKET_FLOOD, f"uid {seat.peer.uid}", detail="asks too often")
            self._selector.unregister(seat.connection)
            self._resting.append(seat)
            return
        try:
            content = seat.connection.recv(LARGEST + 1)
        except BlockingIOError:
            return
        except OSError:
            content = b""
        if not content:
            self._dismiss(seat)
            return
        self._reply(seat.connection, self._understand(seat.peer, content))

    def _understand(self, peer: Peer, content: bytes) -> Reply:
        if len(content) > LARGEST:
            reason = f"request is longer than {LARGEST} bytes"
        else:
            try:
                return self._answer(peer, decode_request(content))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                reason = " ".join(str(error).split())[:200]
        self._faults.met(Fault.MESSAGE_REFUSED, f"uid {peer.uid}", detail=reason)
        return Refused(f"not a request: {reason}")

    def _reply(self, connection: socket.socket, reply: Reply) -> None:
        try:
            connection.send(encode(reply), socket.MSG_NOSIGNAL)
        except OSError:
            # It does not read its answers: this one is dropped, so that nothing piles up here.
            self._faults.met(Fault.SOCKET_FLOOD, "replies", detail="an answer was dropped")

    def _turn_away(self, connection: socket.socket, reason: str) -> None:
        self._reply(connection, Refused(reason))
        connection.close()

    def _dismiss(self, seat: _Seat) -> None:
        del self._seats[seat.peer.number]
        if seat in self._resting:
            self._resting.remove(seat)
        else:
            self._selector.unregister(seat.connection)
        seat.connection.close()
        self._left(seat.peer)

    def _wake(self) -> None:
        """Listen again to those who had asked too often."""
        resting, self._resting = self._resting, []
        for seat in resting:
            self._selector.register(seat.connection, selectors.EVENT_READ, seat)


def own_and_root() -> frozenset[int]:
    """Return the users every daemon serves: its own, and root."""
    return frozenset({0, os.getuid()})
