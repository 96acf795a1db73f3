"""A real browser without a window, asked through its own pipe: no driver, no network."""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_S = 120.0
_OURS, _ITS = 3, 4  # descriptors at which it reads and writes, by its own documentation


def missing() -> str:
    """Return why no browser can be started, or an empty text."""
    if any(map(shutil.which, NAMES)):
        return ""
    return "no chromium here; on Debian: sudo apt-get install chromium"


class Browser:
    """One page of a headless Chromium.

    Parameters
    ----------
    url
        What to open.
    """

    def __init__(self, url: str) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        program = next(filter(None, map(shutil.which, NAMES)))
        arguments = [
            program, "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
            "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
            "--disable-background-networking", f"--user-data-dir={self._profile.name}",
            "about:blank",
        ]  # fmt: skip
        # A shell puts the pipes where the browser looks for them; dash knows one digit only.
        shell = f'exec "$@" {_OURS}<&{to_read} {_ITS}>&{to_write}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "bash", *arguments], pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        self._rest, self._numbers = b"", itertools.count(1)
        target = self._ask("Target.createTarget", url=url)["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)
        self._profile.cleanup()

    def value(self, expression: str) -> Any:
        """Return what an expression of JavaScript is on the page."""
        answer = self._ask(
            "Runtime.evaluate", session=self._session, expression=expression, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, expression: str) -> Any:
        """Wait until an expression is true on the page, and return it."""
        end_s = time.monotonic() + PATIENCE_S
        while not (found := self.value(expression)):
            assert time.monotonic() < end_s, expression
            time.sleep(0.1)
        return found

    def picture(self, path: Path) -> None:
        """Keep what the page looks like."""
        shot = self._ask("Page.captureScreenshot", session=self._session, format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def _ask(self, method: str, *, session: str | None = None, **parameters: object) -> Any:
        number = next(self._numbers)
        message: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def _next(self) -> Any:
        """Return what it says next; events that nobody asked for among it."""
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], PATIENCE_S)
            content = os.read(self._read, 65536) if ready else b""
            assert content, "the browser says nothing"
            self._rest += content
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)
