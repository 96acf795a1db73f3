"""Metrics and a live page over HTTP, on loopback unless configured otherwise.

`http.server` would do, were it not for what it loads: with TLS and mail it is a seventh of the
memory the daemon may take. Four fixed answers to GET need neither.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import msgspec

from adaptive.daemon.configuration import WebEntry
from adaptive.daemon.view import prometheus
from adaptive.errors import PlatformError

_PAGE = Path(__file__).with_name("page.html")
_MOST_STREAMS = 8
_MOST_VISITORS = 16
_EVERY_S = 0.5
_PATIENCE_S = 10.0
_STACK_BYTES = 256 * 1024
_LONGEST_LINE = 4096
_MOST_HEADERS = 64
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
            503: "Service Unavailable"}  # fmt: skip


class _Server(ThreadingTCPServer):
    """Serves each visitor in a thread, so many at a time and no more."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], status: Callable[[], dict[str, Any]]) -> None:
        self.read_status = status
        self.closing = threading.Event()
        self.streams = threading.BoundedSemaphore(_MOST_STREAMS)
        self.visitors = threading.BoundedSemaphore(_MOST_VISITORS)
        super().__init__(address, _Visitor)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a visitor in a thread of its own, or hang up where there are too many."""
        if self.visitors.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve, then let the next one in."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.visitors.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a visitor that left is not worth a line."""


class Web:
    """Serves `/`, `/metrics`, `/status` and `/events` in threads of its own.

    Parameters
    ----------
    entry
        Where.
    status
        Returns the state to show.

    Raises
    ------
    PlatformError
        If the address cannot be had.
    """

    def __init__(self, entry: WebEntry, status: Callable[[], dict[str, Any]]) -> None:
        threading.stack_size(_STACK_BYTES)
        try:
            self._server = _Server((entry.host, entry.port or 0), status)
        except OSError as error:
            raise PlatformError(
                f"web: cannot listen at {entry.host}:{entry.port}: {error.strerror}"
            ) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.5,), name="web", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop serving."""
        self._server.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Visitor(StreamRequestHandler):
    """Answers one request, and hangs up."""

    server: _Server
    timeout = _PATIENCE_S

    def handle(self) -> None:
        words = self.rfile.readline(_LONGEST_LINE).split()
        for _ in range(_MOST_HEADERS):
            if self.rfile.readline(_LONGEST_LINE) in (b"\r\n", b"\n", b""):
                break
        if len(words) < 2:
            self._answer(400, "text/plain", b"not HTTP\n")
        elif words[0] != b"GET":
            self._answer(405, "text/plain", b"only GET\n")
        else:
            self._get(words[1].split(b"?", 1)[0])

    def _get(self, path: bytes) -> None:
        match path:
            case b"/":
                self._answer(200, "text/html; charset=utf-8", _PAGE.read_bytes())
            case b"/metrics":
                text = prometheus(self.server.read_status())
                self._answer(200, "text/plain; version=0.0.4; charset=utf-8", text.encode())
            case b"/status":
                self._answer(200, "application/json", self._status())
            case b"/events":
                self._stream()
            case _:
                self._answer(404, "text/plain", b"there are /, /metrics, /status and /events\n")

    def _status(self) -> bytes:
        return msgspec.json.encode(self.server.read_status())

    def _answer(self, code: int, kind: str, content: bytes) -> None:
        self._head(code, kind, f"Content-Length: {len(content)}\r\n")
        self.wfile.write(content)

    def _head(self, code: int, kind: str, more: str = "") -> None:
        self.wfile.write(
            (
                f"HTTP/1.1 {code} {_REASONS[code]}\r\nContent-Type: {kind}\r\n{more}"
                "Connection: close\r\nCache-Control: no-store\r\n"
                "X-Content-Type-Options: nosniff\r\n"
                "Content-Security-Policy: default-src 'self'; style-src 'unsafe-inline'; "
                "script-src 'unsafe-inline'\r\n\r\n"
            ).encode("ascii")
        )

    def _stream(self) -> None:
        if not self.server.streams.acquire(blocking=False):
            self._answer(503, "text/plain", b"too many pages are open already\n")
            return
        try:
            self._head(200, "text/event-stream")
            while not self.server.closing.is_set():
                self.wfile.write(b"data: " + self._status() + b"\n\n")
                self.server.closing.wait(_EVERY_S)
        finally:
            self.server.streams.release()
