"""What an application and the daemon say to each other: one JSON object a packet."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

LARGEST = 4096
"""Bytes of the largest request; a larger one is refused unread."""

SOCKET = "/run/adaptived/control.sock"
"""Where the daemon listens unless it is configured otherwise."""

Rate = Annotated[float, Meta(ge=0.0, le=1e9)]
Seconds = Annotated[float, Meta(ge=0.0, le=3600.0)]
Natural = Annotated[int, Meta(ge=0, le=2**31)]


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="ask"):
    """What an application may send."""


class Lease(Ask, frozen=True, forbid_unknown_fields=True, tag_field="ask", tag="lease"):
    """Be governed, under a name, until the socket closes."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]


class Report(Ask, frozen=True, forbid_unknown_fields=True, tag_field="ask", tag="report"):
    """Tell what was done since the last report, and which plan is being run."""

    demand_hz: Rate
    served_hz: Rate
    latency_s: Seconds
    backlog: Natural
    sequence: Natural


class Forecast(Ask, frozen=True, forbid_unknown_fields=True, tag_field="ask", tag="headroom"):
    """Ask for the headroom some seconds ahead."""

    forecast_s: Annotated[float, Meta(ge=0.0, le=60.0)]


class Status(Ask, frozen=True, forbid_unknown_fields=True, tag_field="ask", tag="status"):
    """Ask for everything there is to see."""


class Release(Ask, frozen=True, forbid_unknown_fields=True, tag_field="ask", tag="release"):
    """Be governed no longer."""


Request = Lease | Report | Forecast | Status | Release


class Answer(msgspec.Struct, frozen=True, tag_field="answer"):
    """What the daemon may answer."""


class Leased(Answer, frozen=True, tag_field="answer", tag="leased"):
    """The application is governed; its plan is in the page."""

    page: str
    artifact: str
    layers: tuple[str, ...]
    lease_s: float


class Noted(Answer, frozen=True, tag_field="answer", tag="noted"):
    """The report was taken; the number of the current plan."""

    sequence: int


class Ahead(Answer, frozen=True, tag_field="answer", tag="headroom"):
    """The headroom asked for; None where no zone is believed."""

    headroom: float | None


class Shown(Answer, frozen=True, tag_field="answer", tag="status"):
    """Everything there is to see."""

    status: dict[str, Any]


class Released(Answer, frozen=True, tag_field="answer", tag="released"):
    """The application is governed no longer."""


class Refused(Answer, frozen=True, tag_field="answer", tag="refused"):
    """What was asked is not done, and why."""

    reason: str


Reply = Leased | Noted | Ahead | Shown | Released | Refused

encode = msgspec.json.Encoder().encode
decode_request = msgspec.json.Decoder(Request).decode
decode_reply = msgspec.json.Decoder(Reply).decode
