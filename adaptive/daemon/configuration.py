"""The daemon's configuration: strict YAML, every fault one line with the field's path."""

import pwd
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from adaptive.board.snapshot import OnExit
from adaptive.board_file import Name
from adaptive.daemon.networks import NetworkEntry
from adaptive.errors import ConfigError
from adaptive.link.messages import SOCKET
from adaptive.strict_yaml import convert_yaml, load_yaml

PATH = Path("/etc/adaptived/adaptived.yaml")
SCHEMA = 1

Period = Annotated[float, Meta(ge=0.02, le=10.0)]
Celsius = Annotated[float, Meta(ge=-40.0, le=150.0)]
Text = Annotated[str, Meta(min_length=1, max_length=4096)]
GovernorName = Literal["predictive", "look-ahead", "budget", "reactive", "fastest"]


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Unknown fields are refused: a misspelt key must not be ignored."""


class SocketEntry(_Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where applications ask, and which users may beside root and the daemon's own."""

    path: Text = SOCKET
    users: tuple[Text, ...] = ()
    lease_s: Annotated[float, Meta(ge=1.0, le=3600.0)] = 10.0


class WebEntry(_Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the live page and the metrics are; port 0 takes any, null serves none."""

    host: Text = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] | None = 9464


class RecordEntry(_Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of samples as JSON lines, begun anew when it is full; null keeps them in memory."""

    file: Text | None = None
    most_mib: Annotated[float, Meta(ge=0.1, le=1024.0)] = 16.0


class Configuration(_Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole configuration."""

    schema: Annotated[int, Meta(ge=SCHEMA, le=SCHEMA)]
    board: Text
    networks: Annotated[tuple[NetworkEntry, ...], Meta(min_length=1)]
    governor: GovernorName = "predictive"
    deadline_s: Annotated[float, Meta(ge=0.001, le=60.0)] = 0.5
    period_s: Period = 0.1
    ambient_degc: Celsius = 35.0
    cap_degc: Celsius | None = None
    mode: Literal["control", "advise"] = "control"
    govern: Literal["leased", "always"] = "leased"
    on_exit: OnExit = "restore"
    zones: dict[Name, Text] = {}
    policies: dict[Name, Text] = {}
    meter: Text | None = None
    runtime: Text = "/run/adaptived"
    socket: SocketEntry = SocketEntry()
    web: WebEntry = WebEntry()
    record: RecordEntry = RecordEntry()

    def uids(self) -> frozenset[int]:
        """Return the users named; ConfigError if one does not exist."""
        return frozenset(_uid(user, index) for index, user in enumerate(self.socket.users))


def load_configuration(path: Path) -> Configuration:
    """Return a configuration; ConfigError names the file, the field and the value."""
    found = convert_yaml(load_yaml(path), Configuration, origin=str(path))
    try:
        found.uids()
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return found


def _uid(user: str, index: int) -> int:
    if user.isdigit():
        return int(user)
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        raise ConfigError(
            f"socket.users[{index}] is {user!r}, expected a user of this machine or a number"
        ) from None
