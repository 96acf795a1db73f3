"""Log lines with fields: to the systemd journal where it listens, else to standard error."""

import logging
import os
import socket
import struct
import sys
from collections.abc import Mapping

JOURNAL = "/run/systemd/journal/socket"
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


class JournalHandler(logging.Handler):
    """Sends a record with its `fields` by the journal's native protocol.

    A record's fields are given as `logger.info("text", extra={"fields": {"FAULT": "..."}})`.
    """

    def __init__(self, address: str = JOURNAL) -> None:
        super().__init__()
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record; a journal that is full or gone loses it."""
        fields = {
            "MESSAGE": record.getMessage(),
            "PRIORITY": str(next((p for level, p in _PRIORITIES if record.levelno >= level), 7)),
            "SYSLOG_IDENTIFIER": "adaptived",
            **_fields(record),
        }
        try:
            self._socket.sendto(b"".join(_field(k, v) for k, v in fields.items()), self._address)
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Do nothing: a lost line must not become more lines."""


class TextHandler(logging.StreamHandler):  # type: ignore[type-arg] # generic only in its stub
    """Writes a record as one line with its fields behind the text."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = " ".join(f"{k.lower()}={v!r}" for k, v in _fields(record).items() if v)
        return f"adaptived: {record.levelname.lower()}: {record.getMessage()}" + (
            f" [{fields}]" if fields else ""
        )

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Do nothing, as the journal's."""


def open_log(environment: Mapping[str, str] = os.environ) -> logging.Logger:
    """Return the daemon's log: the journal if standard error leads there, else standard error."""
    log = logging.getLogger("adaptived")
    log.propagate = False
    log.setLevel(logging.INFO)
    under_journal = bool(environment.get("JOURNAL_STREAM")) and os.path.exists(JOURNAL)  # noqa: PTH110
    for handler in list(log.handlers):
        log.removeHandler(handler)
    log.addHandler(JournalHandler() if under_journal else TextHandler(sys.stderr))
    return log


def _fields(record: logging.LogRecord) -> dict[str, str]:
    return {f"ADAPTIVE_{k.upper()}": str(v) for k, v in getattr(record, "fields", {}).items()}


def _field(name: str, value: str) -> bytes:
    content = value.encode()
    if b"\n" not in content:
        return b"%s=%s\n" % (name.encode(), content)
    return b"%s\n%s%s\n" % (name.encode(), struct.pack("<Q", len(content)), content)
