"""Metrics and a live page over HTTP, on loopback unless configured otherwise."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from adaptive.daemon.configuration import WebEntry
from adaptive.daemon.view import prometheus
from adaptive.errors import PlatformError

_PAGE = Path(__file__).with_name("page.html")
_MOST_STREAMS = 8
_EVERY_S = 0.5
_PATIENCE_S = 10.0
_STACK_BYTES = 256 * 1024


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
        closing = threading.Event()
        streams = threading.BoundedSemaphore(_MOST_STREAMS)

        class Handler(_Handler):
            pass

        Handler.read_status = staticmethod(status)
        Handler.closing, Handler.streams = closing, streams
        threading.stack_size(_STACK_BYTES)
        try:
            self._server = ThreadingHTTPServer((entry.host, entry.port or 0), Handler)
        except OSError as error:
            raise PlatformError(
                f"web: cannot listen at {entry.host}:{entry.port}: {error.strerror}"
            ) from error
        self._server.daemon_threads = True
        self._closing = closing
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.2,), name="web", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop serving."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    read_status: Callable[[], dict[str, Any]]
    closing: threading.Event
    streams: threading.BoundedSemaphore
    timeout = _PATIENCE_S
    server_version = "adaptived"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer a GET."""
        match self.path.split("?", 1)[0]:
            case "/":
                self._send("text/html; charset=utf-8", _PAGE.read_bytes())
            case "/metrics":
                text = prometheus(self.read_status())
                self._send("text/plain; version=0.0.4; charset=utf-8", text.encode())
            case "/status":
                self._send("application/json", json.dumps(self.read_status()).encode())
            case "/events":
                self._stream()
            case _:
                self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: who looks is not worth a line."""

    def _send(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header(
            "Content-Security-Policy",
            "default-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
        )
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        if not self.streams.acquire(blocking=False):
            self.send_error(503, f"{_MOST_STREAMS} pages are open already")
            return
        try:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            while not self.closing.is_set():
                line = f"data: {json.dumps(self.read_status())}\n\n"
                self.wfile.write(line.encode())
                self.wfile.flush()
                time.sleep(_EVERY_S)
        except OSError:
            self.close_connection = True  # the page was closed
        finally:
            self.streams.release()
