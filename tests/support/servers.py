"""A web server on the loopback interface, with the faults that servers have."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch


@dataclass
class Site:
    """What a server gives, and how badly."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    shift: int = 0  # added to the beginning of an answered range
    cut: int | None = None  # the connection ends after so many bytes of an answer
    base: str = ""
    asked: list[str | None] = field(default_factory=list)


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve a site on a free port of the loopback interface; `site.base` is its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            site.asked.append(wanted)
            content = site.files.get(self.path.lstrip("/"))
            if content is None:
                self.send_error(404)
                return
            start = 0
            if wanted and site.ranges:
                start = int(wanted.removeprefix("bytes=").removesuffix("-")) + site.shift
                self.send_response(206)
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            with suppress(ConnectionError):  # the other side may have had enough
                self.wfile.write(content[start:][: site.cut])

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False  # closing the server waits for its answers
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    site.base = f"http://127.0.0.1:{server.server_port}"
    try:
        # A machine behind a proxy must still find itself.
        with patch.dict(os.environ, {"no_proxy": "127.0.0.1"}):
            yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
