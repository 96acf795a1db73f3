"""What applications may do to the daemon: ask, flood, mumble, lie about who they are, leave."""

import contextlib
import json
import os
import random
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_clock import open_descriptors

from adaptive.board.clock import SystemClock
from adaptive.client import Connection
from adaptive.daemon.desk import Desk, Peer
from adaptive.errors import PlatformError
from adaptive.faults import Fault, FaultLog
from adaptive.link.messages import LARGEST, Noted, Report, Request

GOOD = json.dumps(
    {"ask": "report", "demand_hz": 1, "served_hz": 1, "latency_s": 0, "backlog": 0, "sequence": 1}
).encode()


class Office:
    """A desk with nothing behind it."""

    def __init__(self, folder: Path, *, uids: frozenset[int] | None = None) -> None:
        self.faults = FaultLog()
        self.asked: list[Request] = []
        self.left: list[Peer] = []
        self.path = folder / "control.sock"
        self.desk = Desk(
            self.path,
            uids=frozenset({os.getuid()}) if uids is None else uids,
            clock=SystemClock(),
            faults=self.faults,
            answer=self._answer,
            left=self.left.append,
        )

    def _answer(self, peer: Peer, request: Request) -> Noted:
        self.asked.append(request)
        return Noted(len(self.asked))

    def until(self, true: Callable[[], object]) -> None:
        """Serve until something is so: a busy machine takes its time."""
        for _ in range(2000):
            if true():
                return
            self.desk.serve(0.005)
        raise AssertionError("it never came about")

    def visitor(self) -> socket.socket:
        visitor = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        visitor.setblocking(False)
        try:
            visitor.connect(str(self.path))
        except OSError:
            visitor.close()
            raise
        return visitor


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def answers(visitor: socket.socket) -> list[dict[str, object]]:
    found = []
    while True:
        try:
            content = visitor.recv(1 << 16)
        except BlockingIOError:
            return found
        if not content:
            return found
        found.append(json.loads(content))


def test_a_request_is_answered_and_a_visitor_that_leaves_is_noticed(office: Office) -> None:
    visitor = office.visitor()
    visitor.send(GOOD)
    office.until(lambda: office.asked)
    assert answers(visitor) == [{"answer": "noted", "sequence": 1}]
    assert isinstance(office.asked[0], Report)
    visitor.close()
    office.until(lambda: office.left)
    assert [peer.uid for peer in office.left] == [os.getuid()]
    assert office.desk.peers == 0
    office.desk.close()


def test_row_37_a_peer_of_another_user_is_refused(tmp_path: Path) -> None:
    office = Office(tmp_path, uids=frozenset({os.getuid() + 1}))
    visitor = office.visitor()
    office.until(lambda: office.faults.count(Fault.PEER_DENIED))
    (answer,) = answers(visitor)
    assert answer["answer"] == "refused"
    assert "is not served" in str(answer["reason"])
    assert office.faults.count(Fault.PEER_DENIED) == 1
    assert office.asked == []
    visitor.close()
    office.desk.close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_the_kernel_says_who_a_peer_is(office: Office) -> None:
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        visitor = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            visitor.connect(str(office.path))
            os._exit(0 if b"refused" in visitor.recv(4096) else 1)
        except OSError:
            os._exit(2)
    office.path.parent.chmod(0o755)
    status: int | None = None
    for _ in range(200):
        office.desk.serve(0.05)
        done, code = os.waitpid(child, os.WNOHANG)
        if done:
            status = os.waitstatus_to_exitcode(code)
            break
    # The folders above a test's may be closed to others: then it could not even knock.
    assert status in (0, 2)
    if status == 0:
        assert office.faults.count(Fault.PEER_DENIED) == 1
    office.desk.close()


def malformed(generator: random.Random) -> bytes:
    """A packet that is no request: noise, a damaged request, wrong types, too long."""
    kind = generator.randrange(5)
    if kind == 0:
        return generator.randbytes(generator.randrange(1, 200))
    if kind == 1:
        damaged = bytearray(GOOD)
        for _ in range(generator.randrange(1, 6)):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        return bytes(damaged)
    if kind == 2:
        values = [None, -1, 1e400, "x", [], {}, True, 2**70, "\x00", float("-inf")]
        fields = ["ask", "demand_hz", "name", "sequence", "forecast_s", "odd"]
        content = {f: generator.choice(values) for f in generator.sample(fields, 3)}
        return json.dumps(content).encode()
    if kind == 3:
        return b"[" * generator.randrange(1, LARGEST)
    return b"{" + b" " * (LARGEST + generator.randrange(100))


def test_ten_thousand_malformed_messages_neither_crash_nor_delay(office: Office) -> None:
    generator = random.Random(0)
    visitors = [office.visitor() for _ in range(10)]
    office.desk.serve(0.05)
    longest_s = sent = 0.0
    while sent < 10_000:
        for visitor in visitors:
            try:
                visitor.send(malformed(generator))
                sent += 1
            except BlockingIOError:
                pass
            answers(visitor)
        began_s = time.thread_time()
        office.desk.serve(0.002)
        longest_s = max(longest_s, time.thread_time() - began_s)
    assert longest_s < 0.1, "a period must not be lost to mumbling"
    visitors[0].send(GOOD)
    office.until(lambda: len(office.asked) > 0)
    assert office.desk.peers == 10
    assert office.faults.count(Fault.MESSAGE_REFUSED) > 5_000
    for visitor in visitors:
        visitor.close()
    office.desk.close()


def test_a_thousand_clients_at_once_are_served_or_turned_away(office: Office) -> None:
    before = open_descriptors()
    visitors, waiting = [], 0
    for _ in range(1000):
        try:
            visitors.append(office.visitor())
        except (BlockingIOError, OSError):
            waiting += 1  # the queue of the kernel is full: that client is told so at once
        if len(visitors) % 100 == 0:
            office.desk.serve(0.005)
    began_s = time.thread_time()
    turned_away = 0

    def all_are_answered() -> bool:
        nonlocal turned_away
        turned_away += sum(bool(answers(visitor)) for visitor in visitors)
        return turned_away == len(visitors) - 256

    office.until(all_are_answered)
    assert time.thread_time() - began_s < 5.0
    assert office.desk.peers == 256
    assert len(visitors) + waiting == 1000
    for visitor in visitors:
        visitor.close()
    office.until(lambda: office.desk.peers == 0)
    office.desk.close()
    assert open_descriptors() <= before


def test_row_36_a_client_that_floods_is_left_waiting_and_others_are_not(office: Office) -> None:
    flooder, other = office.visitor(), office.visitor()
    began_s = time.monotonic()
    for _ in range(200):
        for _ in range(50):
            try:
                flooder.send(GOOD)
            except BlockingIOError:
                break
        answers(flooder)
        office.desk.serve(0.0005)
    other.send(GOOD)
    found: list[dict[str, object]] = []
    office.until(lambda: found.extend(answers(other)) or found)
    assert len(office.asked) <= 2000.0 + 2000.0 * (time.monotonic() - began_s) + 2.0
    flooder.close()
    other.close()
    office.desk.close()


def test_a_client_that_never_reads_loses_its_answers(office: Office) -> None:
    visitor = office.visitor()
    for _ in range(1500):
        with contextlib.suppress(BlockingIOError):
            visitor.send(GOOD)
        office.desk.serve(0.0005)
    assert office.faults.count(Fault.SOCKET_FLOOD) > 0
    visitor.close()
    office.desk.close()


def test_without_a_daemon_the_client_says_so(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match=r"no daemon answers.*is adaptived running"):
        Connection(tmp_path / "none.sock")
