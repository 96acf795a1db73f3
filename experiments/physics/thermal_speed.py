"""What a step of a thermal model costs, ways of stepping side by side.

``python -m experiments.physics.thermal_speed [--json] [--boards N] [--steps N]``: CPU time of
this process for floorplans of 7, 30 and 247 blocks (40, 132 and 1,000 nodes):

- *trace*: one board through a long power trace in modal form, seven blocks or all of them drawing
  power, observing seven nodes, the blocks, or all nodes, beside the full matrix step of
  `thermal.model`;
- *boards*: many boards, each with its own power, one step at once, without and with leakage,
  beside the same step taken board by board.

One JSON object a line: what was timed, sizes, and seconds of CPU time a step (of one board); for
the trace also seconds per output and node, which must not grow with either.
"""

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from experiments.physics.cpu_time import cpu_s
from experiments.study_config import exit_code
from thermal.block_model import build_block_model
from thermal.coupled import doubling_leakage, leaky_step
from thermal.discretise import discretise
from thermal.floorplan import Block, Floorplan
from thermal.network import RcNetwork
from thermal.package import Layer, Package
from thermal.transient import modal_model

_BLOCKS = (7, 30, 247)  # 40, 132 and 1,000 nodes
_BOARDS = 10_000
_PERIOD_S = 0.1
_AMBIENT_DEGC = 25.0
_SHORTEST_S = 0.2  # a timing shorter than this is repeated


@dataclass(frozen=True, slots=True)
class Timing:
    """One way of stepping, timed.

    Attributes
    ----------
    what
        ``trace`` or ``boards``, and how.
    nodes, inputs, outputs, boards
        Sizes.
    steps
        Steps in one run.
    cpu_s_per_step
        CPU seconds for one step of one board.
    cpu_s_per_output_node
        The same for each observed output and node.
    """

    what: str
    nodes: int
    inputs: int
    outputs: int
    boards: int
    steps: int
    cpu_s_per_step: float
    cpu_s_per_output_node: float


def grid_network(blocks: int) -> RcNetwork:
    """Return the block model of a die cut into equal strips and columns on a phone's package."""
    rows = max(r for r in range(1, math.isqrt(blocks) + 1) if blocks % r == 0)
    columns = blocks // rows
    width, height = 0.012 / columns, 0.01 / rows
    cut = tuple(
        Block(f"b{r}_{c}", width, height, c * width, r * height)
        for r in range(rows)
        for c in range(columns)
    )
    package = Package(
        chip=Layer(1.5e-4, 130.0, 1.63e6),
        interface=Layer(2e-5, 4.0, 4e6),
        spreader=Layer(5e-4, 400.0, 3.55e6),
        sink=Layer(1.6e-3, 40.0, 3.55e6),
        spreader_side_m=0.014,
        sink_side_m=0.03,
        convection_k_per_w=8.0,
        convection_j_per_k=12.0,
    )
    return build_block_model(Floorplan(cut), package).network()


def trace_timings(blocks: int, *, steps: int, seed: int) -> Iterator[Timing]:
    """Yield what a step of one board's trace costs."""
    network = grid_network(blocks)
    n = len(network.nodes)
    power = np.random.default_rng(seed).uniform(0.0, 6.0 / blocks, (steps, blocks))
    start = np.full(n, _AMBIENT_DEGC)
    few = _BLOCKS[0]
    sizes = ((few, few), (few, blocks), (few, n), (blocks, blocks), (blocks, n))
    for inputs, outputs in dict.fromkeys(sizes):
        fast = modal_model(
            network, _PERIOD_S, inputs=network.nodes[:inputs], outputs=network.nodes[:outputs]
        )
        state, part = fast.start(start, _AMBIENT_DEGC), np.ascontiguousarray(power[:, :inputs])
        run = partial(fast.run, state, part, ambient_degc=_AMBIENT_DEGC)
        step_s = cpu_s(run, at_least_s=_SHORTEST_S) / steps
        yield Timing("trace, modal", n, inputs, outputs, 1, steps, step_s, step_s / (n * outputs))
    full = discretise(network, _PERIOD_S)
    everywhere = np.zeros((steps, n))
    everywhere[:, :blocks] = power

    def matrices() -> None:
        temps = start
        for row in everywhere:
            temps = full.step(temps, row, _AMBIENT_DEGC)

    step_s = cpu_s(matrices, at_least_s=_SHORTEST_S) / steps
    yield Timing("trace, full matrices", n, n, n, 1, steps, step_s, step_s / n**2)


def board_timings(blocks: int, *, boards: int, seed: int) -> Iterator[Timing]:
    """Yield what one step of many boards costs, each with its own power and ambient."""
    network = grid_network(blocks)
    inputs = network.nodes[:blocks]
    model = modal_model(network, _PERIOD_S, inputs=inputs, outputs=inputs)
    random = np.random.default_rng(seed)
    power = random.uniform(0.0, 6.0 / blocks, (boards, blocks))
    ambient = random.uniform(10.0, 40.0, boards)
    start = np.repeat(ambient[:, np.newaxis], len(network.nodes), axis=1)
    state = model.start(start, ambient)
    leakage = doubling_leakage(np.full(blocks, 0.3 / blocks), at_degc=25.0, every_k=25.0)
    singly = min(boards, 200)

    def one_by_one() -> None:
        for k in range(singly):
            model.temps_degc(model.step(state[k], power[k]), ambient[k])

    def together() -> None:
        model.temps_degc(model.step(state, power), ambient)

    def leaking() -> None:
        after = leaky_step(model, state, power_w=power, leakage=leakage, ambient_degc=ambient)
        model.temps_degc(after, ambient)

    for what, count, run in (
        ("boards, one by one", singly, one_by_one),
        ("boards, together", boards, together),
        ("boards, together, leaking", boards, leaking),
    ):
        n, step_s = len(network.nodes), cpu_s(run, at_least_s=_SHORTEST_S) / count
        yield Timing(what, n, blocks, blocks, count, 1, step_s, step_s / (n * blocks))


def main(arguments: list[str] | None = None) -> int:
    """Time everything and print a line for each."""
    parser = argparse.ArgumentParser(
        "python -m experiments.physics.thermal_speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--boards", type=int, default=_BOARDS, help="boards at once")
    parser.add_argument("--steps", type=int, default=2000, help="steps of the trace")
    args = parser.parse_args(arguments)
    if min(args.boards, args.steps) < 1:
        parser.error("--boards and --steps must be at least 1")
    for blocks in _BLOCKS:
        for timing in (
            *trace_timings(blocks, steps=args.steps, seed=0),
            *board_timings(blocks, boards=args.boards, seed=0),
        ):
            print(_line(timing, as_json=args.json), flush=True)
    return 0


def _line(timing: Timing, *, as_json: bool) -> str:
    if as_json:
        return json.dumps(asdict(timing))
    return (
        f"{timing.what:26} {timing.nodes:5} nodes {timing.inputs:5} inputs "
        f"{timing.outputs:5} outputs "
        f"{timing.boards:6} boards {1e6 * timing.cpu_s_per_step:10.3f} us a step, "
        f"{1e9 * timing.cpu_s_per_output_node:8.4f} ns an output and node"
    )


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
