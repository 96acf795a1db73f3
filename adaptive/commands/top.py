"""`adaptive top`: the running daemon in a terminal, live."""

import argparse
import json
import time
from collections import deque
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from adaptive.client import Connection
from adaptive.link.messages import SOCKET

HELP = "Watch the running daemon in the terminal: heat, clock, precision, power, faults."

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--socket", default=SOCKET, help="(%(default)s)")
    parser.add_argument("--once", action="store_true", help="print one picture and end")
    parser.add_argument("--json", action="store_true", help="print one JSON object and end")
    parser.add_argument("--every", type=float, default=0.5, metavar="S", help="(%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Show the daemon until interrupted."""
    connection = Connection(args.socket)
    try:
        if args.json:
            print(json.dumps(connection.status()))
            return 0
        history: deque[float] = deque(maxlen=_WIDTH)
        if args.once:
            Console().print(picture(connection.status(), history))
            return 0
        with Live(auto_refresh=False, screen=True) as live:
            while True:
                live.update(picture(connection.status(), history), refresh=True)
                time.sleep(max(args.every, 0.05))
    finally:
        connection.close()


def picture(status: dict[str, Any], history: deque[float]) -> RenderableType:
    """Return what is shown of a status; the history grows by its hottest zone."""
    temps = [temp for temp in status["zones"].values() if temp is not None]
    if temps:
        history.append(max(temps))
    table = Table.grid(padding=(0, 2))
    for label, text in _rows(status):
        table.add_row(Text(label, style="dim"), text)
    faults = Table.grid(padding=(0, 2))
    for row in status["faults"]:
        faults.add_row(Text(row["fault"], style="bold red"), row["subject"], row["detail"])
    return Panel(
        Group(
            table,
            Text(_sparkline(history, status["cap_degc"]), style="green"),
            faults if status["faults"] else Text("no faults", style="green"),
        ),
        title=f"adaptived on {status['board']}",
        subtitle=f"{status['governor']}, in hand: {status['in_hand']}, up {status['up_s']:.0f} s",
    )


def _rows(status: dict[str, Any]) -> list[tuple[str, RenderableType]]:
    cap = status["cap_degc"]
    zones = Text()
    for zone, temp in status["zones"].items():
        style = (
            "bold red" if temp is None or temp > cap else "yellow" if temp > cap - 5 else "green"
        )
        shown = "lost" if temp is None else f"{temp:.1f}"
        zones.append(f"{zone} {shown} ({status['trust'].get(zone, '?')})  ", style=style)
    zones.append(f"cap {cap:g} degC", style="dim")
    clock = "-" if status["frequency_hz"] is None else f"{status['frequency_hz'] / 1e6:.0f} MHz"
    duty = "" if status["duty"] is None else f", duty {status['duty']:.0%}"
    bits = status["bits"] or []
    power = "-" if status["power_w"] is None else f"{status['power_w']:.2f} W"
    right = "" if status["accuracy"] is None else f" ({status['accuracy']:.2%} right)"
    rate = status["served_hz"]
    served = "-" if rate is None or rate >= 1e5 else f"{rate:.1f}/s"
    return [
        ("zones", zones),
        ("clock", Text(clock + duty + ("" if status["holding"] else ", not held"))),
        ("precision", Text(" ".join(str(b) for b in bits) or "-", style="cyan")),
        ("level", Text(f"{status['level'] or '-'}{right}")),
        ("power", Text(power + (" (estimated)" if status["power_is_estimated"] else ""))),
        ("application", Text(f"{status['application'] or 'none'}, {served}")),
        ("point", Text(str(status["point"]))),
    ]


def _sparkline(history: deque[float], cap_degc: float) -> str:
    if not history:
        return ""
    low, high = min(*history, cap_degc - 20.0), max(*history, cap_degc)
    steps = len(_BARS) - 1
    return "".join(_BARS[round(steps * (temp - low) / (high - low))] for temp in history)
