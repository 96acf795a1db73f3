"""Placement of gates into rows: which gates will share a supply rail."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dvfs.cells import Cell, Kind
from dvfs.gates import Array, Netlist
from dvfs.timing import TimingGraph

_SWEEPS = 60  # the order settles well before
_SLACK_BINS = 100  # of the longest path: gates within one per cent count as equally critical


def widths(netlist: Netlist, cells: Mapping[Kind, Cell]) -> Array:
    """Return the width of each gate, unit inverters, shape (n_gates,)."""
    return np.array([cells[kind].width for kind in netlist.kinds])


def connected_order(netlist: Netlist) -> NDArray[np.intp]:
    """Order the gates along one axis so that connected gates come close together.

    Each sweep moves every gate to the mean of its nets' centres, then spreads the gates out evenly
    again by rank: what a wire-length-driven placer does to the vertical coordinate. It starts from
    the topological order and is deterministic.

    Returns
    -------
    ndarray
        Gates from the first row to the last, shape (n_gates,).

    Notes
    -----
    Limits: one dimension, no timing, no congestion; a commercial placer shortens wires further.
    """
    net_of, gate_of = _pins(netlist)
    n_nets = netlist.n_inputs + netlist.n_gates
    pins_of_net = np.bincount(net_of, minlength=n_nets)
    pins_of_gate = np.bincount(gate_of, minlength=netlist.n_gates)
    at = np.arange(netlist.n_gates, dtype=np.float64)
    for _ in range(_SWEEPS):
        centre = np.bincount(net_of, at[gate_of], n_nets) / np.maximum(pins_of_net, 1)
        pulled = np.bincount(gate_of, centre[net_of], netlist.n_gates) / pins_of_gate
        at[np.argsort(pulled, kind="stable")] = np.arange(netlist.n_gates)
    return np.argsort(at, kind="stable")


def critical_order(netlist: Netlist, graph: TimingGraph) -> NDArray[np.intp]:
    """Order the gates by slack, the critical ones first; connected ones together among equals.

    What a placer would do that knows the rows to be on two rails: it gathers the critical gates
    in few of them, and pays in wire.

    Parameters
    ----------
    netlist
        The circuit.
    graph
        Its timing in the mode whose critical paths matter; a gate without a node comes last.

    Returns
    -------
    ndarray
        Gates from the first row to the last, shape (n_gates,).

    Notes
    -----
    Limits: wires are charged by the pin, so the longer ones of this placement cost nothing here.
    """
    period = float(graph.critical_s(graph.delay_s))
    slack = np.full(netlist.n_gates, period)
    np.minimum.at(slack, graph.gate, graph.slack_s(graph.delay_s, period_s=period))
    rank = np.empty(netlist.n_gates)
    rank[connected_order(netlist)] = np.arange(netlist.n_gates)
    return np.lexsort((rank, np.round(slack * (_SLACK_BINS / period))))


def fill_rows(order: NDArray[np.intp], width: Array, *, rows: int) -> NDArray[np.intp]:
    """Cut an order of gates into rows of equal width.

    Parameters
    ----------
    order
        Gates in order, shape (n_gates,).
    width
        Width of each gate, shape (n_gates,).
    rows
        Number of rows.

    Returns
    -------
    ndarray
        Row of each gate, shape (n_gates,), every row holding at least one.

    Raises
    ------
    ValueError
        If there are fewer than one row or a row stays empty.
    """
    if rows < 1:
        raise ValueError(f"rows is {rows}, expected at least 1")
    ordered = width[order]
    middle = np.cumsum(ordered) - 0.5 * ordered
    row = np.empty(len(order), dtype=np.intp)
    row[order] = (middle * (rows / ordered.sum())).astype(np.intp)
    if len(np.unique(row)) != rows:
        raise ValueError(f"rows is {rows}, expected few enough that each holds a gate")
    return row


def _pins(netlist: Netlist) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return net and gate of every pin, outputs included."""
    pairs = [
        (net, gate)
        for gate, nets in enumerate(netlist.fanin)
        for net in (*nets, netlist.n_inputs + gate)
    ]
    table = np.array(pairs, dtype=np.intp)
    return table[:, 0], table[:, 1]
