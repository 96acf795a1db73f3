"""What the daemon finds outside itself, replaced as a whole in rehearsals."""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from adaptive.board.clock import Clock, SystemClock
from adaptive.board.restore import Write, write_attribute
from adaptive.board.roots import Roots
from adaptive.faults import Change


@dataclass(frozen=True, slots=True)
class Outside:
    """The machine.

    Attributes
    ----------
    roots
        Where the kernel shows itself.
    clock
        Time.
    write
        Writes a sysfs file.
    environment
        Where systemd's sockets are named.
    """

    roots: Roots = field(default_factory=Roots)
    clock: Clock = field(default_factory=SystemClock)
    write: Write = write_attribute
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)


def announce(log: logging.Logger) -> Callable[[Change], None]:
    """Return what writes a change of state to a log."""

    def say(change: Change) -> None:
        level = logging.WARNING if change.active else logging.INFO
        what = f"{change.fault}{f' ({change.subject})' if change.subject else ''}"
        text = f"{what}: {change.detail}" if change.active else f"{what} is over"
        fields = {
            "fault": change.fault,
            "subject": change.subject,
            "state": "begun" if change.active else "over",
        }
        log.log(level, text, extra={"fields": fields})

    return say
