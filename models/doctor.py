"""Which layers lose by running at 8 bits, and why: measured, one layer and one cause at a time.

All other layers compute in plain float meanwhile, so that what is measured is one layer's own.
A layer's loss is the Kullback-Leibler divergence of the network's answers from those in plain
float, in nats, averaged over the images. Its cause is found by taking one away at a time:

range
    Steps do not fit values: weights share a scale with far larger ones, or the output's codes end
    too early or too late. Taken away by a scale for each output channel and the output range of
    the least quantisation noise.
bias
    Errors do not average out, as those of truncation. Taken away by correcting the mean of each
    output channel.
rounding
    Neither of those alone halves the loss: the steps are too coarse, or cut rather than rounded.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import torch
from torch import Tensor

from adaptive.arithmetic import Arithmetic
from adaptive.precision import Bits, PrecisionPlan
from adaptive.quantise import CODE_MAX
from models.data import LabelledImages
from models.flow import Flow, Mode
from models.mends import Mends, Weighted, channel_means, mended
from models.network import Step, SwitchableNetwork
from models.ranged import Ranged
from models.ranges import BINS, Magnitudes, RangeMethod, choose_reach

HURTS_NATS = 1e-3
"""Losses below this are no complaint; on 10 classes they turn about one answer in a thousand."""
CLIPPED = 1e-3
"""Share of outputs beyond the range that is worth telling."""
WEAK = 8
"""Weights whose greatest 8-bit code is below this have lost most of their shape."""
ELEMENTS = 2**26
"""Numbers in all signals together that are held at a time."""


class Cause(Enum):
    """Why a layer loses by running at 8 bits."""

    RANGE = "range"
    BIAS = "bias"
    ROUNDING = "rounding"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one layer alone at 8 bits, or at the only bits it has, does to the network.

    Parameters
    ----------
    layer
        Its name.
    sqnr_db
        Variance of what it writes over the mean squared error [dB].
    loss_nats
        Divergence of the answers from plain float.
    accuracy_change
        Share of right answers less that of plain float.
    clipped
        Share of outputs beyond the range.
    weak_channels
        Share of output channels whose weights fill fewer than 8 of 127 steps.
    left_nats
        Loss that is left when one cause is taken away; empty where the loss is no complaint.
    cause
        Why, or None where the loss is no complaint.
    """

    layer: str
    sqnr_db: float
    loss_nats: float
    accuracy_change: float
    clipped: float
    weak_channels: float
    left_nats: Mapping[Cause, float]
    cause: Cause | None


def diagnose(
    network: SwitchableNetwork,
    data: LabelledImages,
    *,
    progress: Callable[[float], None] = lambda _share: None,
) -> tuple[Finding, ...]:
    """Look at every layer; the findings come in network order.

    Parameters
    ----------
    network
        In any arithmetic; it is left as it was.
    data
        Calibration images; as many of them are used as fit in memory, evenly spread.
    progress
        Called with the share that is done.
    """
    bench = _Bench(network, data)
    findings = []
    for position, step in enumerate(bench.network.steps):
        if isinstance(step.layer, Ranged):
            findings.append(bench.look_at(step, step.layer))
        progress((position + 1) / len(network.steps))
    return tuple(findings)


def choose_mends(
    network: SwitchableNetwork,
    data: LabelledImages,
    *,
    progress: Callable[[float], None] = lambda _share: None,
) -> Mends | None:
    """Find the mends that serve a network best: one is added at a time and kept where it pays.

    Judged by the losses of the widest plan and of the next one together, on the images. None if
    the network is best left as it is.
    """
    bench, images = _Bench(network, data), data.images
    best, least = None, bench.loss_of_plans(copy.deepcopy(network))
    trials: list[Callable[[Mends], Mends]] = [
        lambda mends: mends,
        lambda mends: replace(mends, rounded=True),
        lambda mends: replace(mends, moved=True),
        lambda mends: replace(mends, method=RangeMethod.SQNR),
    ]
    for done, change in enumerate(trials):
        progress(done / len(trials))
        tried = change(best or Mends())
        loss = bench.loss_of_plans(mended(network, images, tried))
        if loss < least:
            best, least = tried, loss
    progress(1.0)
    return best


class _Bench:
    """A network with all its signals in plain float, on some images."""

    def __init__(self, network: SwitchableNetwork, data: LabelledImages) -> None:
        self.network = copy.deepcopy(network).eval()
        self.network.set_plan(None)
        with torch.no_grad():
            each = sum(self.network.sizes().values())
            count = min(len(data), max(1, ELEMENTS // each))
            chosen = np.unique(np.linspace(0, len(data) - 1, count).round().astype(int))
            self.images = torch.from_numpy(data.images[chosen])
            self.labels = torch.from_numpy(data.labels[chosen])
            self.flows = self.network.trace(self.images)
        self.answer = self.flows[network.heads["leaf"]].values.double()

    def loss_of(self, answer: Tensor) -> float:
        """Return the divergence of logits (N, classes) from those in plain float."""
        theirs, ours = self.answer.log_softmax(dim=1), answer.double().log_softmax(dim=1)
        return float((theirs.exp() * (theirs - ours)).sum(dim=1).mean())

    def right(self, answer: Tensor) -> float:
        """Return the share of right answers."""
        return float((answer.argmax(dim=1) == self.labels).double().mean())

    def loss_of_plans(self, network: SwitchableNetwork) -> float:
        """Add up the losses of the two widest uniform plans, with fake bits."""
        network.train()
        total = 0.0
        for bits in network.bits[:2]:
            network.set_plan(PrecisionPlan.uniform(network.layers, bits))
            with torch.no_grad():
                total += self.loss_of(network.head_real(self.images))
        network.eval()
        return total

    def look_at(self, step: Step, layer: Ranged) -> Finding:
        """Measure one layer's loss and, if it is a complaint, its cause."""
        values = self.flows[step.name].values
        clipped = float((values.abs() > layer.reach).double().mean())
        output, answer = self._alone(step, layer)
        loss = self.loss_of(answer)
        left: dict[Cause, float] = {}
        if loss > HURTS_NATS:
            for cause, variant in self._variants(step, layer):
                left[cause] = self.loss_of(self._alone(step, variant)[1])
        error = (output.values - values).double()
        noise = float(error.square().mean()) or 1e-300
        return Finding(
            layer=step.name,
            sqnr_db=10 * float(torch.log10(values.double().var(correction=0) / noise)),
            loss_nats=loss,
            accuracy_change=self.right(answer) - self.right(self.answer),
            clipped=clipped,
            weak_channels=_weak_channels(layer, self.flows[step.sources[0]].scale),
            left_nats=left,
            cause=_cause(loss, left),
        )

    def _alone(self, step: Step, layer: Ranged) -> tuple[Flow, Tensor]:
        """Run one layer with few bits, all after it in plain float; return output and answer."""
        if isinstance(layer, Weighted):
            layer.run_at(_narrow(layer))
        with torch.no_grad():
            written = layer(*(self._given(source) for source in step.sources))
            output = replace(written, mode=Mode.FLOAT)
            return output, self._go_on(step, output)

    def _given(self, source: str) -> Flow:
        """Return a signal as something to read with few bits.

        Where its own range cuts it off its codes are stretched: that is its writer's fault.
        """
        flow = self.flows[source]
        greatest = float(flow.values.abs().max())
        stretch = greatest / (flow.scale * (CODE_MAX - flow.zero))
        beyond = float((flow.values.abs() > greatest / max(stretch, 1.0)).double().mean())
        factor = 2.0 ** np.ceil(np.log2(stretch)) if beyond > CLIPPED else 1.0
        return replace(flow, mode=Mode.FAKE, scale=flow.scale * float(factor))

    def _go_on(self, changed: Step, output: Flow) -> Tensor:
        """Compute the leaf answer with another output of one step; other heads do not change it."""
        flows = {changed.name: output}
        for step in self.network.steps:
            if step.name not in flows and any(source in flows for source in step.sources):
                read = (flows.get(source, self.flows[source]) for source in step.sources)
                flows[step.name] = step.layer(*read)
        head = self.network.heads["leaf"]
        return flows.get(head, self.flows[head]).values

    def _variants(self, step: Step, layer: Ranged) -> Iterator[tuple[Cause, Ranged]]:
        """Yield the layer without each cause that it can have."""
        fitting = copy.deepcopy(layer)
        fitting.set_range(self._best_reach(step, layer))
        if isinstance(layer, Weighted) and isinstance(fitting, Weighted):
            fitting.by_channel = True
            yield Cause.BIAS, self._centred(step, layer)
            rounding = copy.deepcopy(layer)
            rounding.cut = Arithmetic.AFFINE
            yield Cause.ROUNDING, rounding
        yield Cause.RANGE, fitting

    def _best_reach(self, step: Step, layer: Ranged) -> float:
        """Return the range of the least quantisation noise."""
        magnitudes = self.flows[step.name].values.abs().float()
        greatest = float(magnitudes.max()) or 1.0
        counts = torch.histc(magnitudes, BINS, min=0.0, max=greatest).numpy().astype(np.int64)
        return choose_reach(
            Magnitudes(counts, greatest),
            RangeMethod.SQNR,
            codes=CODE_MAX - layer.zero,
            arithmetic=layer.arithmetic,
        )

    def _centred(self, step: Step, layer: Weighted) -> Weighted:
        """Return a copy whose few bits leave no error in the mean."""
        centred, bits = copy.deepcopy(layer), _narrow(layer)
        source = step.sources[0]
        with torch.no_grad():
            aim, found = (
                layer.sums(flow, bits) for flow in (self.flows[source], self._given(source))
            )
            error = channel_means(aim) - channel_means(found) + layer.cut_away(bits)
            centred.bias_of(bits).add_(error)
        return centred


def _narrow(layer: Weighted) -> Bits:
    """Return the widest bits below the widest, or the only ones."""
    return layer.bit_list[min(1, len(layer.bit_list) - 1)]


def _cause(loss: float, left: Mapping[Cause, float]) -> Cause | None:
    """Name what explains a loss: what halves it by going, and among those what leaves least."""
    if not left:
        return None
    least = min((Cause.RANGE, Cause.BIAS), key=lambda cause: left.get(cause, np.inf))
    return least if left[least] < loss / 2 else Cause.ROUNDING


def _weak_channels(layer: Ranged, source_scale: float) -> float:
    """Return the share of a layer's channels whose weights fill few 8-bit steps."""
    if not isinstance(layer, Weighted):
        return 0.0
    codes = np.abs(layer.tensors(source_scale).weight.astype(np.int64))
    greatest = codes.reshape(len(codes), -1).max(axis=1)
    return float(np.mean((greatest < WEAK * 256) & (greatest > 0)))
