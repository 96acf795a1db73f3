"""The tables of docs/engine.md."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.docs import markdown_table
from experiments.engine_bench.contention import ContentionRow
from experiments.engine_bench.equality import EqualityRow
from experiments.engine_bench.layers import PREPARATIONS, LayerRow
from experiments.engine_bench.rounds import Row
from experiments.engine_bench.switching import SwitchRow

PEER_8 = "int8"
Key = tuple[str, str]
EIGHT: tuple[Key, ...] = (("onnxruntime", PEER_8), ("litert", PEER_8), ("openvino", PEER_8))


def eight_bit_table(rows: Sequence[Row]) -> str:
    """Compare our all-8 with the peers' int8: median [ms], and over the best of them."""
    body = []
    for where, found in _grouped(rows):
        ours = found.get(("native", "all-8"))
        peers = {key[0]: found[key] for key in EIGHT if key in found}
        cells = [_ms(ours), *(_ms(found.get(key)) for key in EIGHT)]
        best = min(peers, key=lambda name: peers[name].median_ms) if peers else None
        ratio = _ratio(ours, peers[best]) if best else ""
        body.append([*where, *cells, best or "", ratio])
    names = [name for name, _ in EIGHT]
    return markdown_table(["network", "threads", "native", *names, "best peer", "ratio"], body)


def sixteen_bit_table(rows: Sequence[Row]) -> str:
    """Compare our 16-bit plans with LiteRT's 16x8 and ONNX Runtime's float: median [ms]."""
    body = []
    for where, found in _grouped(rows):
        exact, fast = found.get(("native", "all-16")), found.get(("native", "all-16-fast"))
        litert, plain = found.get(("litert", "int16x8")), found.get(("onnxruntime", "fp32"))
        cells = [_ms(row) for row in (exact, fast, litert)]
        body.append([*where, *cells, _ratio(exact, litert), _ms(plain), _ratio(exact, plain)])
    header = ["network", "threads", "all-16", "all-16-fast", "litert 16x8", "ratio"]
    return markdown_table([*header, "onnxruntime fp32", "ratio"], body)


def tail_table(rows: Sequence[Row]) -> str:
    """Show the 99th percentile over the median, for every model timed."""
    body = [
        [row.network, str(row.threads), row.runtime, row.plan, _ms(row), f"{row.p99_ms:.3g}"]
        for row in rows
    ]
    return markdown_table(["network", "threads", "runtime", "plan", "median ms", "p99 ms"], body)


def layer_table(rows: Sequence[LayerRow]) -> str:
    """Sum the layers of each kind: how many, their time [ms], rate [GMAC/s], share of the peak."""
    groups: dict[tuple[str, str, str], list[LayerRow]] = {}
    for row in rows:
        if row.macs or row.kind in PREPARATIONS:
            groups.setdefault((row.network, row.plan, row.kind), []).append(row)
    body = []
    for key, found in groups.items():
        ms = sum(row.median_ms for row in found)
        share = sum(row.peak_share * row.median_ms for row in found) / ms
        rate = 1e-6 * sum(row.macs for row in found) / ms
        body.append([*key, str(len(found)), f"{ms:.3g}", f"{rate:.3g}", f"{share:.0%}"])
    header = ["network", "plan", "kind", "layers", "ms", "GMAC/s", "of peak"]
    return markdown_table(header, body)


def switching_table(rows: Sequence[SwitchRow]) -> str:
    """Show what a change of effort costs."""
    body = [
        [
            row.network,
            row.changes,
            f"{row.first_over_second:.3f}",
            f"{row.growth_kib:.0f}",
            f"{row.effort_kib:.3g}",
        ]
        for row in rows
    ]
    header = ["network", "changes", "first run over second", "growth KiB", "KiB an effort"]
    return markdown_table(header, body)


def contention_table(rows: Sequence[ContentionRow]) -> str:
    """Show latency beside busy processes."""
    body = [
        [
            row.network,
            str(row.threads),
            *(f"{ms:.3g}" for ms in (row.quiet_ms, row.busy_ms)),
            f"{row.ratio:.2f}",
            f"{row.worst_ms:.3g}",
            f"{row.yardstick_ratio:.2f}",
            f"{row.yardstick_worst_ms:.3g}",
        ]
        for row in rows
    ]
    header = ["network", "threads", "quiet ms", "busy ms", "ratio", "worst ms"]
    header += ["yardstick's ratio", "its worst ms"]
    return markdown_table(header, body)


def equality_table(rows: Sequence[EqualityRow]) -> str:
    """Show for each network how many output codes of each kernel set differ from the reference."""
    sets = list(dict.fromkeys(row.isa for row in rows))
    body = []
    for name in dict.fromkeys(row.network for row in rows):
        found = {row.isa: row for row in rows if row.network == name}
        one = next(iter(found.values()))
        counts = [f"{1e-6 * one.macs:.3g}", str(one.efforts), str(one.images), f"{one.codes:,}"]
        body.append([name, *counts, *(str(found[isa].differences) for isa in sets)])
    header = ["network", "million MACs", "efforts", "images", "codes"]
    return markdown_table([*header, *(f"{isa} differ" for isa in sets)], body)


def machine_line() -> str:
    """Say on what was measured: the processor's name and its cores."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = re.search(r"^(?:model name|Model)\s*: (.*)$", text, re.MULTILINE)
    name = found[1] if found else platform.machine()
    return f"Measured on {name}, {os.cpu_count()} cores, Linux {platform.release()}."


def tables_of(
    rows: Sequence[Row],
    closer: Sequence[LayerRow | SwitchRow | ContentionRow | EqualityRow],
    missing: Mapping[str, str],
) -> dict[str, str]:
    """Return the tables there are rows for, by the name of their markers."""
    tables = {}
    if rows:
        tables["machine"] = machine_line()
        absent = "".join(f"\n\nNot measured: {name}." for name in missing)
        tables["eight"] = eight_bit_table(rows) + absent
        tables["sixteen"] = sixteen_bit_table(rows)
        tables["tails"] = tail_table(rows)
    if layers := [row for row in closer if isinstance(row, LayerRow)]:
        tables["layers"] = layer_table(layers)
    if switches := [row for row in closer if isinstance(row, SwitchRow)]:
        tables["switching"] = switching_table(switches)
    if busy := [row for row in closer if isinstance(row, ContentionRow)]:
        tables["contention"] = contention_table(busy)
    if equal := [row for row in closer if isinstance(row, EqualityRow)]:
        tables["equality"] = equality_table(equal)
    return tables


def _grouped(rows: Sequence[Row]) -> list[tuple[list[str], Mapping[Key, Row]]]:
    """Group rows by network and threads, in their order."""
    groups: dict[tuple[str, int], dict[Key, Row]] = {}
    for row in rows:
        groups.setdefault((row.network, row.threads), {})[row.runtime, row.plan] = row
    return [([network, str(threads)], found) for (network, threads), found in groups.items()]


def _ms(row: Row | None) -> str:
    return f"{row.median_ms:.3g}" if row else "-"


def _ratio(ours: Row | None, theirs: Row | None) -> str:
    return f"{ours.median_ms / theirs.median_ms:.2f}" if ours and theirs else "-"
