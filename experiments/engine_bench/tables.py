"""The tables of docs/engine.md."""

from collections.abc import Mapping, Sequence
from typing import Literal

from experiments.docs import markdown_table
from experiments.engine_bench.rounds import Row

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


def text_table(rows: Sequence[Row], kind: Literal["eight", "sixteen"]) -> str:
    """Return a table for a terminal: the Markdown one is readable as it stands."""
    return eight_bit_table(rows) if kind == "eight" else sixteen_bit_table(rows)


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
